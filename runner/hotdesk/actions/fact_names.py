"""Which names a host's facts may have: none by which it would choose how it is reached, or say what only we can know.

https://docs.ansible.com/ansible-core/2.19/playbook_guide/playbooks_vars_facts.html: facts become variables, above those of the inventory.
Ansible takes connection variables out of them; here they must also look like facts (``ansible_...``), or they could be named like any variable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT = frozenset({"gather_subset", "module_setup"})
"""What ``setup`` says of itself."""
_RESERVED = re.compile(
    r"ansible_("
    r"(become|ssh|sudo|su|local|paramiko|paramiko_ssh|winrm|psrp)_(?!host_key_(dsa|ecdsa|ed25519|rsa|xmss)_public).*"
    r"|.*_interpreter"
    r"|connection|host|port|user|password|timeout|pipelining|private_key.*|host_key_.*|become|shell_.*|module_compression|remote_tmp|rsync_path"
    r"|async_dir|facts|playbook_python|version|config_file|forks|verbosity|(check|diff)_mode|(run|skip)_tags|limit|inventory_sources|managed"
    r"|search_path|collection_name|delegated_vars|index_var|(play|loop|failed|parent_role|dependent_role)(_.*)?|role_names?"
    r")"
)
_FACT = re.compile(r"ansible_\w+")


def reserved(name: str) -> bool:
    """Is this the name of a connection variable, or of one that the runner sets?"""
    return _RESERVED.fullmatch(name) is not None


def cleaned(facts: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What a host gave as facts, in two: those with names that facts have, and the names of the others."""
    kept = {
        name: value for name, value in facts.items() if name in ABOUT or (_FACT.fullmatch(name) and not reserved(name))
    }
    return kept, sorted(facts.keys() - kept.keys())
