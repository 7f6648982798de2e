"""A playbook as frozen values. Everything that is known without a host is resolved at load; the rest stays raw.

*Inheritance is done at load time*: a Task carries the effective keywords after play, role and blocks (``when`` and-ed, outermost first;
``tags`` united; ``vars`` and ``environment`` as layers, outermost first; the others: innermost wins). ``import_*`` and ``roles:`` are expanded;
``include_*`` stay tasks and are loaded while running, with the including task as their parent.

``Raw`` is a value as the user wrote it: it may be, or contain, ``source.Trusted`` templates.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.results import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hotdesk.place import Place

Raw = Any


@frozen(kw_only=True, eq=False)
class Role:
    """A role on disk, loaded once per (path, ``*_from``) choice. ``defaults``/``vars`` are the merged files, raw and lazy."""

    name: str
    """As the user wrote it; the last part, or namespace.collection.role."""
    path: Path
    defaults: Mapping[str, Raw] = EMPTY
    vars: Mapping[str, Raw] = EMPTY
    allow_duplicates: bool = False
    argument_spec: Mapping[str, Any] | None = None
    """The entry point's spec from meta/argument_specs.yml: validated before the role's first task."""
    collections: tuple[str, ...] = ()


@frozen(kw_only=True, eq=False)
class RoleUse:
    """A role applied somewhere: its params, and the roles that led to it. Identity (``is``) tells two uses apart."""

    role: Role
    params: Mapping[str, Raw] = EMPTY
    parents: tuple[RoleUse, ...] = ()
    """Roles that depend on it or include it, nearest first (``ansible_parent_role_names``)."""
    dependencies: tuple[RoleUse, ...] = ()
    public: bool = True
    """Its defaults and vars are seen by the rest of the play (roles:, import_role: yes; include_role: only with ``public``)."""
    from_include: bool = False
    key: Any = None
    """Two uses with an equal key are the same application of a role: on a host where one has completed, the other is skipped
    (unless ``allow_duplicates``)."""


@frozen(kw_only=True)
class Loop:
    """``loop:`` (``lookup == ""``) or ``with_LOOKUP:``."""

    terms: Raw
    lookup: str = ""
    loop_var: Raw = "item"
    index_var: Raw = ""
    label: Raw = None
    pause: Raw = 0
    extended: Raw = False
    extended_allitems: Raw = True
    break_when: tuple[Raw, ...] = ()
    place: Place | None = None


@frozen(kw_only=True)
class Become:
    """``become*`` keywords, raw; None means "not said here" (then settings and ``ansible_become*`` variables decide)."""

    enabled: Raw = None
    user: Raw = None
    method: Raw = None
    flags: Raw = None
    exe: Raw = None


@frozen(kw_only=True, eq=False)
class Task:
    """One task (or handler). Identity (``is``) is what tells tasks apart; ``id`` is unique within the process."""

    id: str
    action: str
    """Fully qualified, e.g. ``ansible.builtin.copy``."""
    written: str
    """The action as the user wrote it."""
    args: Mapping[str, Raw] | Raw = EMPTY
    """A mapping (values raw), or one Trusted template that gives a mapping. The free form is under ``_raw_params``;
    under ``_variable_params`` a template that gives a mapping of further arguments, weaker than those beside it."""
    place: Place
    name: Raw = ""
    role: RoleUse | None = None
    vars: tuple[Mapping[str, Raw], ...] = ()
    """Block layers, outermost first; then the task's own last. Which is which matters for nothing: both are after role vars."""
    include_params: tuple[Mapping[str, Raw], ...] = ()
    """Layers given by ``vars:`` of include_tasks/import_tasks and the like (precedence 21)."""
    when: tuple[Raw, ...] = ()
    loop: Loop | None = None
    register: str = ""
    until: tuple[Raw, ...] = ()
    retries: Raw = None
    delay: Raw = 5
    changed_when: tuple[Raw, ...] | None = None
    failed_when: tuple[Raw, ...] | None = None
    notify: tuple[Raw, ...] = ()
    tags: frozenset[str] = frozenset()
    become: Become = Become()
    environment: tuple[Raw, ...] = ()
    """Layers, outermost first; each a mapping, a list of mappings or a template that gives one."""
    delegate_to: Raw = None
    delegate_facts: Raw = None
    run_once: Raw = False
    ignore_errors: Raw = False
    ignore_unreachable: Raw = False
    any_errors_fatal: Raw = None
    check_mode: Raw = None
    diff: Raw = None
    no_log: Raw = False
    timeout: Raw = None
    throttle: Raw = 0
    connection: Raw = None
    remote_user: Raw = None
    port: Raw = None
    asynchronous: Raw = 0
    """``async:`` in seconds."""
    poll: Raw = None
    debugger: Raw = None
    module_defaults: tuple[Mapping[str, Raw], ...] = ()
    """Layers, outermost first: action name (or group/NAME) -> default arguments."""
    collections: tuple[str, ...] = ()
    listen: tuple[Raw, ...] = ()
    """Handlers only."""
    is_handler: bool = False
    search: tuple[Path, ...] = ()
    """Where relative files of this task are looked for, nearest first (``ansible_search_path``): included file's role/dir, role, playbook."""
    phase: str = "tasks"
    """pre_tasks, roles, tasks, post_tasks or handlers."""
    statically_included: bool = False
    failure_handled: bool = False
    """It stands in a block that has a ``rescue``: its author reckons with its failure."""
    inherited: Any = None
    """The loader's own record of what a dynamic include below this task inherits; opaque to everyone else."""


@frozen(kw_only=True, eq=False)
class Block:
    """``block/rescue/always``, or an implicit block that only groups (role, import, play section)."""

    tasks: tuple[Task | Block, ...]
    rescue: tuple[Task | Block, ...] = ()
    always: tuple[Task | Block, ...] = ()
    name: Raw = ""
    place: Place | None = None
    role: RoleUse | None = None
    """Set on the implicit block of a role: the role is skipped on a host that has completed it, unless allow_duplicates."""


@frozen(kw_only=True, eq=False)
class Play:
    name: Raw
    hosts: Raw
    place: Place
    sections: tuple[tuple[str, tuple[Task | Block, ...]], ...]
    """(phase, blocks) in order: pre_tasks, roles, tasks, post_tasks; handlers are flushed after pre_tasks, after roles+tasks, after post_tasks."""
    handlers: tuple[Task | Block, ...] = ()
    roles: tuple[RoleUse, ...] = ()
    """All static role uses, dependencies before dependants: they give role defaults/vars and ``ansible_play_role_names``."""
    vars: Mapping[str, Raw] = EMPTY
    vars_files: tuple[Raw, ...] = ()
    """Each a path or a list of alternatives (the first that exists)."""
    vars_prompt: tuple[Mapping[str, Any], ...] = ()
    gather_facts: Raw = None
    gather_subset: Raw = None
    gather_timeout: Raw = None
    fact_path: Raw = None
    serial: tuple[Raw, ...] = ()
    strategy: Raw = None
    order: Raw = None
    max_fail_percentage: Raw = None
    any_errors_fatal: Raw = None
    force_handlers: Raw = None
    tags: frozenset[str] = frozenset()
    basedir: Path | None = None
    """The folder of the playbook file this play stands in (``playbook_dir``, group_vars and host_vars beside it)."""
    keywords: Task | None = None
    """A template task carrying the play's own inherited keywords (become, environment, connection, ...): what facts gathering uses."""


@frozen(kw_only=True)
class Playbook:
    path: Path
    plays: tuple[Play, ...] = ()


@frozen(kw_only=True)
class TagSelection:
    """``--tags`` / ``--skip-tags``."""

    only: frozenset[str] = field(default_factory=lambda: frozenset({"all"}))
    skip: frozenset[str] = frozenset()
