"""Connection variables that Ansible documents; a name that is nearly one of them is probably a slip.

https://docs.ansible.com/ansible-core/2.19/inventory_guide/intro_inventory.html#connecting-to-hosts-behavioral-inventory-parameters
"""

from __future__ import annotations

from difflib import get_close_matches

_NAMES = """
    connection host port user password timeout ssh_host ssh_port ssh_user ssh_pass ssh_password
    ssh_private_key_file private_key private_key_file private_key_passphrase ssh_private_key
    ssh_private_key_passphrase ssh_common_args ssh_extra_args ssh_args sftp_extra_args scp_extra_args
    ssh_executable ssh_timeout ssh_retries ssh_pipelining pipelining ssh_transfer_method ssh_use_tty
    host_key_checking ssh_host_key_checking control_path control_path_dir ssh_password_mechanism sshpass_prompt
    become become_method become_user become_pass become_password become_exe become_flags sudo_pass sudo_password
    sudo_user sudo_exe sudo_flags su_pass su_password su_user su_exe su_flags shell_type shell_executable
    python_interpreter remote_tmp async_dir remote_addr group_priority facts_parallel network_os
    module_compression
"""
CONNECTION_VARIABLES = frozenset("ansible_" + name for name in _NAMES.split())
_ALSO_RIGHT = frozenset(
    "ansible_" + name for name in ("hostname", "facts", "user_id", "user_dir", "python", "python_version")
)
"""Facts that look like a connection variable and are right."""


def check_name(name: str) -> str:
    """A warning for ``ansible_hots``; nothing for names that are known or far from every known one."""
    if not name.startswith("ansible_") or name in CONNECTION_VARIABLES or name in _ALSO_RIGHT:
        return ""
    found = get_close_matches(name, CONNECTION_VARIABLES, n=1, cutoff=0.9)
    return f"the variable {name} means nothing to a connection; did you mean {found[0]}?" if found else ""
