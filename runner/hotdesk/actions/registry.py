"""Every action by its fully qualified name. A literal table; an action's module is imported when it is first needed.

``ActionNames`` says what a name written in a playbook means. What has no action here is a module of ansible-core, of a collection or of the
user's own (``actions.module``); what cannot be run is refused by name.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from hotdesk.actions.arguments import OPEN, Spec, check_literals, spec_of
from hotdesk.actions.documentation import documentation_of, whole_documentation
from hotdesk.actions.groups import Groups, defaults_of
from hotdesk.actions.module_files import ModuleFiles
from hotdesk.errors import JobError, PlaybookError, nearest
from hotdesk.place import Place
from hotdesk.playbook.actions import RAW
from hotdesk.playbook.keywords import is_template
from hotdesk.routing import BUILTIN, LEGACY, RENAMED, ansible_core
from hotdesk.source import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hotdesk.actions.base import Action
    from hotdesk.actions.collections import Collections
    from hotdesk.actions.module import ModuleAction
    from hotdesk.actions.module_payload import Payloads
    from hotdesk.actions.plugin_action import PluginAction
    from hotdesk.playbook.model import Task

    Kind = Literal["builtin", "control", "job", "module"]

_HERE = "hotdesk.actions.builtin"
TABLE: dict[str, str] = {
    "ansible.builtin.add_host": f"{_HERE}.add_host:AddHost",
    "ansible.builtin.assert": f"{_HERE}.assert_:Assert",
    "ansible.builtin.assemble": f"{_HERE}.assemble:Assemble",
    "ansible.builtin.async_status": f"{_HERE}.async_status:AsyncStatus",
    "ansible.builtin.command": f"{_HERE}.command:Command",
    "ansible.builtin.copy": f"{_HERE}.copy:Copy",
    "ansible.builtin.debug": f"{_HERE}.debug:Debug",
    "ansible.builtin.dnf": f"{_HERE}.dnf:Dnf",
    "ansible.builtin.fail": f"{_HERE}.fail:Fail",
    "ansible.builtin.fetch": f"{_HERE}.fetch:Fetch",
    "ansible.builtin.file": f"{_HERE}.file:File",
    "ansible.builtin.gather_facts": f"{_HERE}.gather_facts:GatherFacts",
    "ansible.builtin.group_by": f"{_HERE}.group_by:GroupBy",
    "ansible.builtin.include_vars": f"{_HERE}.include_vars:IncludeVars",
    "ansible.builtin.lineinfile": f"{_HERE}.lineinfile:Lineinfile",
    "ansible.builtin.package": f"{_HERE}.package:Package",
    "ansible.builtin.pause": f"{_HERE}.pause:Pause",
    "ansible.builtin.ping": f"{_HERE}.ping:Ping",
    "ansible.builtin.raw": f"{_HERE}.raw:Raw",
    "ansible.builtin.reboot": f"{_HERE}.reboot:Reboot",
    "ansible.builtin.script": f"{_HERE}.script:Script",
    "ansible.builtin.service": f"{_HERE}.service:Service",
    "ansible.builtin.set_fact": f"{_HERE}.set_fact:SetFact",
    "ansible.builtin.set_stats": f"{_HERE}.set_stats:SetStats",
    "ansible.builtin.setup": f"{_HERE}.setup:Setup",
    "ansible.builtin.shell": f"{_HERE}.shell:Shell",
    "ansible.builtin.slurp": f"{_HERE}.slurp:Slurp",
    "ansible.builtin.stat": f"{_HERE}.stat:Stat",
    "ansible.builtin.tempfile": f"{_HERE}.tempfile:Tempfile",
    "ansible.builtin.template": f"{_HERE}.template:Template",
    "ansible.builtin.unarchive": f"{_HERE}.unarchive:Unarchive",
    "ansible.builtin.uri": f"{_HERE}.uri:Uri",
    "ansible.builtin.validate_argument_spec": f"{_HERE}.validate_argument_spec:ValidateArgumentSpec",
    "ansible.builtin.wait_for": f"{_HERE}.wait_for:WaitFor",
    "ansible.builtin.wait_for_connection": f"{_HERE}.wait_for_connection:WaitForConnection",
    "ansible.posix.patch": f"{_HERE}.patch:Patch",
    "ansible.posix.synchronize": f"{_HERE}.synchronize:Synchronize",
}
"""Fully qualified name -> "module:class"."""

CONTROL = frozenset(
    f"ansible.builtin.{name}"
    for name in ("import_playbook", "import_role", "import_tasks", "include_role", "include_tasks", "meta")
)
"""What the loader or the executor does itself."""

META = (
    "clear_facts", "clear_host_errors", "end_batch", "end_host", "end_play", "end_role", "flush_handlers", "noop",
    "refresh_inventory", "reset_connection",
)  # fmt: skip

CONTROL_HALF = frozenset(
    BUILTIN + name
    for name in (
        "add_host", "assemble", "assert", "async_status", "command", "copy", "debug", "dnf", "fail", "fetch", "gather_facts",
        "group_by", "include_vars", "package", "pause", "raw", "reboot", "script", "service", "set_fact", "set_stats", "shell",
        "template", "unarchive", "uri", "validate_argument_spec", "wait_for_connection",
    )
)  # fmt: skip
"""What Ansible does in part, or wholly, on the control node: its modules alone would do less than their names say."""

_CORE = frozenset(
    BUILTIN + name
    for name in (
        "apt", "apt_key", "apt_repository", "blockinfile", "cron", "deb822_repository", "debconf", "dnf5", "dpkg_selections",
        "expect", "find", "get_url", "getent", "git", "group", "hostname", "iptables", "known_hosts", "mount_facts",
        "package_facts", "pip", "replace", "rpm_key", "service_facts", "subversion", "systemd", "systemd_service",
        "sysvinit", "user", "yum_repository",
    )
)  # fmt: skip
"""Modules of ansible-core 2.19 that have no action here: known by name where ansible-core is not installed."""

_MOVED = {
    name: f"ansible.posix.{name}"
    for name in ("acl", "at", "authorized_key", "firewalld", "mount", "patch", "seboolean", "selinux", "synchronize", "sysctl")
}  # fmt: skip
"""Short names that Ansible still redirects to a collection."""

MODULE, PAYLOADS = "hotdesk.actions.module:ModuleAction", "hotdesk.actions.module_payload:Payloads"
"""What runs a module that is not ours (called with its name, its file and the one Payloads), and what makes ready to be sent."""

PLUGIN = "hotdesk.actions.plugin_action:PluginAction"
"""What runs an action plugin of a collection or of the user's own: called with (fully qualified name, its file)."""

SYNC_JOB = "hotdesk.actions.sync_job:SyncJobAction"
"""The action that runs a sync job: called with (fully qualified name, the job's file, its documentation)."""


class ActionNames:
    """What the names in a playbook mean. One per run; answers are remembered."""

    def __init__(self, collections: Collections | None = None, files: ModuleFiles | None = None) -> None:
        self.collections = collections
        self.files = files or ModuleFiles(collections)
        self._payloads: Payloads | None = None
        self.groups = Groups(collections, self.resolve)
        self._resolved: dict[tuple[Any, ...], str | None] = {}
        self._plugins: dict[tuple[str, int], PluginAction | JobError] = {}
        self._loaded: dict[tuple[str, int], Action] = {}
        self._modules: dict[tuple[str, int], ModuleAction | None] = {}
        self._specs: dict[str, Spec | None] = {}

    def resolve(self, written: str, collections: Sequence[str] = ()) -> str | None:
        """The fully qualified name; short names are looked for in ``collections``, then in ansible.builtin. None: unknown."""
        key = (str(written), tuple(collections), self._folders)
        if key not in self._resolved:
            self._resolved[key] = self._look(key[0], key[1])
        return self._resolved[key]

    def _look(self, written: str, collections: tuple[str, ...]) -> str | None:
        if "." in written:
            return self._legacy(written.removeprefix(LEGACY)) if written.startswith(LEGACY) else self._there(written)
        for collection in collections:
            if collection == "ansible.builtin":
                return self._there(BUILTIN + written) or _MOVED.get(written)
            if collection == "ansible.legacy":
                break
            if found := self._there(f"{collection}.{written}"):
                return found
        return self._legacy(written)

    def _legacy(self, name: str) -> str | None:
        """What a short name means: a module of the user's own, or one of Ansible's."""
        builtin = BUILTIN + name
        own = self.files.own_action(name) or (builtin not in CONTROL_HALF and self.files.own(name))
        if own and builtin not in CONTROL:
            return LEGACY + name
        return self._there(builtin) or _MOVED.get(name) or self.files.redirect(builtin)

    def _there(self, fqcn: str) -> str | None:
        """``fqcn`` or what it was renamed to; None when there is no such thing."""
        for _ in range(RENAMED):
            renamed = None if fqcn.startswith(BUILTIN) else self.files.redirect(fqcn, ("action",))
            if renamed is None or not self.files.action(renamed):
                if self._exists(fqcn):
                    return fqcn
                renamed = self.files.redirect(fqcn)
            if renamed is None:
                break
            fqcn = renamed
        return None

    def _exists(self, fqcn: str) -> bool:
        if fqcn in TABLE or fqcn in CONTROL or fqcn in _CORE or fqcn in CONTROL_HALF or fqcn in _MOVED.values():
            return True
        found = self.collections.split(fqcn) if self.collections else None
        known = found and (found[0].job(found[1]) or found[0].module(found[1]))
        return bool(known or self.files.find(fqcn) or self.files.action(fqcn))

    def removed(self, written: str) -> str:
        """What its collection says of a module that it has no more, and of the one that a name leads to; empty: nothing."""
        fqcn: str | None = written if "." in written else BUILTIN + written
        for _ in range(RENAMED):
            if fqcn is None:
                break
            if said := self.files.removed(fqcn):
                return said
            fqcn = self.files.redirect(fqcn)
        return ""

    def known(self) -> Iterable[str]:
        """Every fully qualified name that could be meant."""
        names = {*TABLE, *CONTROL, *CONTROL_HALF, *_CORE, *self.files.names()}
        for collection in self.collections.all() if self.collections else ():
            names.update(f"{collection.name}.{name}" for name in (*collection.jobs(), *collection.modules()))
        return sorted(names)

    def kind(self, fqcn: str) -> Kind:
        """builtin: an action of ours; control: done by loader or executor; job: a sync job; module: any other."""
        if fqcn in CONTROL:
            return "control"
        if fqcn in TABLE:
            return "builtin"
        return "job" if self.job(fqcn) else "module"

    def control(self, fqcn: str) -> bool:
        """True for what the loader or the executor does itself (meta, include_*, import_*)."""
        return fqcn in CONTROL

    def refusal(self, fqcn: str) -> str:
        """Why a known action cannot be run; empty when it can."""
        kind, ours = self.kind(fqcn), fqcn in TABLE  # of a collection's module we may have the half of the control node
        if kind != "module" and not (ours and not fqcn.startswith(BUILTIN)):
            return ""
        if not ours and self.files.action(fqcn):
            plugin = self._plugin(fqcn)
            return f"{fqcn}: {plugin.explain()}" if isinstance(plugin, JobError) else ""
        if not ours and fqcn in CONTROL_HALF:
            return f"{fqcn} does a part of its work in Ansible's own process, and hotdesk has no action of that name; ansible-playbook can run it"
        if self.files.find(fqcn):
            return ""
        if fqcn.startswith(BUILTIN) and ansible_core() is None:
            return f"the module {fqcn} is ansible-core's, which is not installed beside hotdesk: pip install 'hotdesk[ansible]'"
        collection = ".".join(fqcn.split(".")[:2])
        if not fqcn.startswith((BUILTIN, LEGACY)) and not (self.collections and self.collections.find(collection)):
            return f"the module {fqcn} is in the collection {collection}, which is not installed where hotdesk looks (see collections_path)"
        return f"the module {fqcn} has no program that could be run here"

    def job(self, fqcn: str) -> Path | None:
        """The file of a sync job."""
        found = self.collections.split(fqcn) if self.collections else None
        return found[0].job(found[1]) if found else None

    def role_path(self, name: str, collections: Sequence[str] = ()) -> tuple[str, Path] | None:
        """(namespace.collection, folder) of a collection's role: by its full name, or a short one in ``collections``."""
        if not self.collections:
            return None
        short = [f"{one}.{name}" for one in collections if not one.startswith("ansible.")]
        for candidate in [name] if name.count(".") >= 2 else short:
            found = self.collections.split(candidate)
            if found and (path := found[0].role(found[1])):
                return found[0].name, path
        return None

    def playbook_path(self, name: str) -> tuple[str, Path] | None:
        """(namespace.collection, file) of a collection's playbook."""
        found = self.collections.split(name) if self.collections and "/" not in name else None
        if found and (path := found[0].playbook(found[1])):
            return found[0].name, path
        return None

    def load(self, fqcn: str) -> Action:
        """The one instance of an action. Raises JobError for a sync job that has no documentation, KeyError for what is neither."""
        key = (fqcn, self._folders if fqcn.startswith(LEGACY) else 0)
        if key not in self._loaded:
            self._loaded[key] = self._make(fqcn)
        return self._loaded[key]

    @property
    def _folders(self) -> int:
        """Part of what answers are remembered by: a role that comes later may bring a module of a name that was asked for before."""
        return len(self.files.library) + len(self.files.action_plugins)

    def _make(self, fqcn: str) -> Action:
        job = self.job(fqcn) if fqcn not in TABLE else None
        if job is None:
            plugin = self._plugin(fqcn) if fqcn not in TABLE and self.files.action(fqcn) else None
            if isinstance(plugin, JobError):
                raise plugin
            return plugin or (self.module(fqcn) if fqcn not in TABLE else None) or builtin(fqcn)
        made: Action = _class(SYNC_JOB)(fqcn, job, self.documentation(fqcn))
        return made

    def _plugin(self, fqcn: str) -> PluginAction | JobError:
        """The action plugin of a name that has one, or why it cannot be used. Blocking: its file is executed."""
        key = (fqcn, self._folders)
        if key not in self._plugins:
            try:
                self._plugins[key] = _class(PLUGIN)(fqcn, self.files.action(fqcn))
            except JobError as problem:
                self._plugins[key] = problem
        return self._plugins[key]

    def module(self, name: str, collections: Sequence[str] = ()) -> ModuleAction | None:
        """The module of a name, also where an action of ours or an action plugin has the name too; None when there is none."""
        fqcn = name if name.count(".") > 1 and not name.startswith(LEGACY) else self.resolve(name, collections)
        while fqcn is not None and self.files.find(fqcn) is None and (renamed := self.files.redirect(fqcn)):
            fqcn = renamed
        if fqcn is None:
            return None
        key = (fqcn, self._folders)
        if key not in self._modules:
            own = self.files.own(fqcn.removeprefix(BUILTIN)) if "." not in name else None
            path = own or self.files.find(fqcn)
            self._modules[key] = self._module(fqcn, path) if path else None
        return self._modules[key]

    def _module(self, fqcn: str, path: Path) -> ModuleAction:
        if self._payloads is None:
            self._payloads = _class(PAYLOADS)(self.files)
        made: ModuleAction = _class(MODULE)(fqcn, path, self._payloads)
        return made

    def documentation(self, fqcn: str) -> str:
        """An action's DOCUMENTATION (YAML text); of a sync job: what stands in the module of its name, with fragments. Raises JobError."""
        if fqcn in TABLE:
            return builtin(fqcn).DOCUMENTATION
        found = self.collections.split(fqcn) if self.collections else None
        if self.collections is None or found is None:
            if path := self.files.find(fqcn):
                return whole_documentation(path, self.collections.find if self.collections else lambda _name: None)
            raise JobError(f"{fqcn} is in no collection")
        other = None if found[0].module(found[1]) else self.files.find(fqcn)
        if other is not None:
            raise JobError(
                f"the module {fqcn} has no documentation", place=Place(str(other), 1),
                remedy=f"That of a program stands in {other.stem}.yml beside it, under the key DOCUMENTATION.")  # fmt: skip
        return documentation_of(*found, self.collections.find)

    def spec(self, fqcn: str) -> Spec | None:
        """The argument spec; None for what the loader or executor checks itself."""
        if fqcn not in self._specs:
            known = fqcn in TABLE or (fqcn not in CONTROL and self.job(fqcn))
            self._specs[fqcn] = spec_of(self.documentation(fqcn)) if known else None
        return self._specs[fqcn]

    def check_static(self, task: Task) -> None:
        """Option names, and the values that hold no template, before any host is touched. Raises PlaybookError with place."""
        if task.action == "ansible.builtin.meta":
            _check_meta(task)
            return
        if task.action in TABLE and task.asynchronous and not is_template(task.asynchronous):
            _check_background(task)
        spec = None if is_template(task.action) else self.spec(task.action)
        if spec is None or isinstance(task.args, str) or task.action in OPEN:
            return
        action = builtin(task.action) if task.action in TABLE else None
        if action and action.unchecked:
            return
        free_form = action.free_form if action else None
        check_literals(self._with_defaults(task), spec, free_form=free_form, values=not (action and action.raw_args))

    def _with_defaults(self, task: Task) -> Task:
        """``task`` with the arguments that its module_defaults will add, as far as they are written out."""
        if not task.module_defaults:
            return task
        found = {
            key: value
            for one in defaults_of(task, self.groups.members)
            if isinstance(one, dict)
            for key, value in one.items()
        }
        return replace(task, args={**found, **task.args}) if found else task


def _check_background(task: Task) -> None:
    reckoned = task.ignore_errors not in (False, None) or task.failed_when is not None or task.failure_handled
    if str(task.asynchronous) != "0" and not reckoned and not builtin(task.action).background:
        raise PlaybookError(f"This action ({task.written}) does not support async.", place=task.place)


def _check_meta(task: Task) -> None:
    args = task.args if isinstance(task.args, dict) else {}
    what = args.get(RAW)
    if is_template(what):
        raise PlaybookError(
            "meta must be known before the run, it cannot be a template", place=place_of(what) or task.place
        )
    if what not in META:
        raise PlaybookError(
            f"there is no meta {str(what)!r}" if what else "meta does not say what to do", place=place_of(what) or task.place,
            remedy=nearest(str(what), META) or f"There are: {', '.join(META)}.")  # fmt: skip
    if what == "end_role" and (task.role is None or task.is_handler):
        where = "a handler" if task.is_handler else "outside of a role"
        raise PlaybookError(f"Cannot execute 'end_role' from {where}", place=task.place)


@cache
def builtin(fqcn: str) -> Action:
    """The one instance of a built-in action. Raises KeyError for a name that is not in TABLE."""
    made: Action = _class(TABLE[fqcn])()
    return made


def _class(entry: str) -> Any:
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)
