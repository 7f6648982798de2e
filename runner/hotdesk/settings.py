"""ansible.cfg, the environment and the command line become one frozen Settings. What it may hold is this dataclass."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal

from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from pathlib import Path

# https://docs.ansible.com/ansible-core/2.19/reference_appendices/config.html#inventory-ignore-exts
IGNORED_EXTENSIONS = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry")

Mismatch = Literal["guarded", "warning", "error", "ignore"]
"""What a name in a host pattern is that no host and no group has."""


@frozen(kw_only=True)
class Settings:
    """Every value has its unit in its docstring; ``origin`` names where each came from (``hotdesk config`` prints it)."""

    inventory: tuple[str, ...] = ()
    """Sources, as after ``-i``; empty: /etc/ansible/hosts if it exists, else only the implicit localhost."""
    forks: int = 50
    """Hosts worked on at once. Higher than Ansible's 5: a host costs us a coroutine, not a process."""
    remote_user: str | None = None
    remote_port: int | None = None
    private_key_file: str | None = None
    connect_timeout: float = 10.0
    """Seconds for TCP, handshake and login together."""
    host_key_checking: Literal["yes", "accept-new", "no"] = "yes"
    ssh_args: str = ""
    """``ansible_ssh_args`` etc.: the options that exist here are honoured, others refused by name."""
    become: bool = False
    become_method: str = "sudo"
    become_user: str = "root"
    become_flags: str | None = None
    become_ask_pass: bool = False
    ask_pass: bool = False
    check: bool = False
    diff: bool = False
    max_diff_size: int = 104_448
    """Bytes."""
    gathering: Literal["implicit", "explicit", "smart"] = "implicit"
    gather_subset: tuple[str, ...] = ("all",)
    gather_timeout: float = 10.0
    facts_modules: tuple[str, ...] = ("smart",)
    """What ``gather_facts`` runs; ``smart``: setup."""
    fact_caching: str = "memory"
    """``jsonfile``: facts are kept between runs, in the folder ``fact_caching_connection``."""
    fact_caching_connection: Path | None = None
    fact_caching_prefix: str = ""
    """How its files' names begin."""
    fact_caching_timeout: float = 86_400.0
    """Seconds after which facts are too old; 0 in the file: never."""
    task_timeout: float = 4 * 3600.0
    """Seconds a task may take when it says no ``timeout:`` of its own."""
    stop_grace: float = 3.0
    """Seconds between TERM and KILL in a stop (``hotdesk_stop_grace``)."""
    stop_limit: float = 5.0
    """Seconds a whole stop may take."""
    cleanup_limit: float = 10.0
    """Seconds for ``always:`` sections and jobs' clean-up after an ordinary failure; within a stop, ``stop_limit`` rules."""
    lease: float = 30.0
    """Seconds an agent lives without hearing from us."""
    stall_timeout: float = 600.0
    keepalive_interval: float = 15.0
    keepalive_count: int = 3
    handshakes: int = 64
    """Connections being set up at once, over all: as many as this machine keeps up with, and no more than this; at most
    ``handshakes_per_address`` of them to one address or jump host."""
    handshakes_per_address: int = 8
    transfers: int = 4
    workers: str = ""
    """Who holds the connections: so many processes of this machine, or those of a Dask cluster (``tcp://SCHEDULER:8786``, ``tls://...``).
    Empty: the control process itself."""
    strategy: str = "linear"
    enable_task_debugger: bool = False
    """The debugger is asked at every failed task that does not say ``debugger: never``."""
    task_debugger_ignore_errors: bool = True
    """It is not asked where ``ignore_errors`` lets the failure pass."""
    any_errors_fatal: bool = False
    force_handlers: bool = False
    hash_behaviour: Literal["replace", "merge"] = "replace"
    allow_broken_conditionals: bool = False
    """A condition that gives no boolean counts as true when its value is truthy, with a warning."""
    inject_facts_as_vars: bool = True
    roles_path: tuple[Path, ...] = ()
    collections_path: tuple[Path, ...] = ()
    vault_password_files: tuple[str, ...] = ()
    """As given: a path, or ID@path; an executable file is run."""
    ask_vault_pass: bool = False
    vault_identity: str = "default"
    """The vault id of a password that names none."""
    vault_id_match: bool = False
    """Only the password of a value's own vault id is tried."""
    vault_encrypt_identity: str = ""
    """The vault id ``hotdesk vault`` encrypts with when there are several."""
    python_interpreter: str = "auto"
    remote_tmp: str = "~/.ansible/tmp"
    ansible_managed: str = "Ansible managed"
    host_pattern_mismatch: Mismatch = "guarded"
    """For a name in a host pattern that nothing has. Ansible's default is "warning"; guarded is an error where that would do harm in
    silence: behind ``!`` (a misspelt exclusion excludes nobody), and where no play of a playbook finds anybody for it."""
    inventory_unparsed_is_failed: bool = True
    poll_interval: float = 15.0
    verbosity: int = 0
    output: Literal["auto", "live", "plain", "json"] = "auto"
    """auto: live on a terminal, else plain."""
    color: bool | None = None
    """None: when stdout is a terminal and NO_COLOR is not set."""
    display_skipped_hosts: bool = True
    display_ok_hosts: bool = True
    private_role_vars: bool | None = None
    """True: no role's defaults and vars are seen outside of it; False: those of every role are, also of include_role; None: those of
    ``roles:`` and import_role are. ``public`` on an import or include decides before this."""
    log_path: Path | None = None
    """ANSIBLE_LOG_PATH: plain lines appended there too."""
    show_custom_stats: bool = False
    deprecation_warnings: bool = True
    connection: str = "ssh"
    """``-c``: the connection of hosts that name none."""
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    no_log: bool = False
    """Results of every task are censored."""
    validate_action_group_metadata: bool = True
    """Warn of groups of ``module_defaults`` whose metadata is not as it should be."""
    library: tuple[Path, ...] = ()
    """Folders with modules (``ANSIBLE_LIBRARY``)."""
    module_utils: tuple[Path, ...] = ()
    """Folders with what modules may import as ``ansible.module_utils`` (``ANSIBLE_MODULE_UTILS``)."""
    filter_plugins: tuple[Path, ...] = ()
    """Folders with filters for every playbook (``ANSIBLE_FILTER_PLUGINS``); so are the next three, for tests, lookups and actions."""
    test_plugins: tuple[Path, ...] = ()
    lookup_plugins: tuple[Path, ...] = ()
    action_plugins: tuple[Path, ...] = ()
    connection_password_file: Path | None = None
    become_password_file: Path | None = None
    inventory_any_unparsed_is_failed: bool = False
    """One source that cannot be read ends the run, even when others can."""
    inventory_ignore_extensions: tuple[str, ...] = IGNORED_EXTENSIONS
    """Files of an inventory directory that are passed over."""
    inventory_ignore_patterns: tuple[str, ...] = ()
    """Regular expressions for the same."""
    inventory_enabled: tuple[str, ...] = ("host_list", "script", "auto", "yaml", "ini", "toml")
    """What may read a source (``enable_plugins``): also ``advanced_host_list``; ``auto`` stands for all inventory plugins."""
    duplicate_dict_key: Literal["warn", "error", "ignore"] = "warn"
    ignored: tuple[str, ...] = ()
    """Names set in ansible.cfg or as ANSIBLE_* that mean nothing here (shown at -vv)."""
    origin: dict[str, str] = field(default_factory=dict)
    config_file: Path | None = None
