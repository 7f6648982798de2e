"""Plays and playbooks, ``import_playbook`` expanded. Source: Ansible's "Playbook Keywords" and "Re-using playbooks" pages."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError, nearest
from hotdesk.frozen import frozen
from hotdesk.paths import expanded, is_file, names_in
from hotdesk.place import Place
from hotdesk.playbook.context import PlayScope, next_id
from hotdesk.playbook.inherit import Inherited, as_tuple, variables
from hotdesk.playbook.keywords import LEVELS, check, is_identifier, is_template, shown, unknown
from hotdesk.playbook.model import Play, Task
from hotdesk.playbook.tags import split_tags
from hotdesk.results import EMPTY
from hotdesk.source import Map, Seq, Vaulted, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hotdesk.playbook.context import Context
    from hotdesk.playbook.tasks import TaskReader

STRATEGIES = ("linear", "free", "host_pinned", "debug")
ORDERS = ("inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle")
_PROMPT_KEYS = ("name", "prompt", "default", "private", "confirm", "encrypt", "salt_size", "salt", "unsafe")
_SERIAL = re.compile(r"\d+%?\Z")


@frozen
class _Outer:
    """What ``import_playbook`` puts on the plays of its file."""

    when: tuple[Any, ...] = ()
    tags: frozenset[str] = frozenset()
    vars: Mapping[str, Any] = EMPTY


_OUTERMOST = _Outer()


class PlayReader:
    def __init__(self, context: Context, tasks: TaskReader, extra_vars: Mapping[str, Any]) -> None:
        self.context = context
        self.tasks = tasks
        self.extra_vars = extra_vars

    def read_file(self, path: Path, outer: _Outer = _OUTERMOST, *, place: Place | None = None) -> tuple[Play, ...]:
        """Every play of a playbook file and of those it imports. Raises PlaybookError."""
        path = path.absolute()
        if path in self.context.loading:
            raise PlaybookError(f"{path.name} imports itself", place=place)
        data = self.context.read(path)
        if not isinstance(data, Seq):
            what = "it is empty" if data is None else f"this is {shown(data)}"
            raise PlaybookError(
                f"a playbook is a list of plays, {what}", place=place_of(data) or Place(str(path), 1),
                remedy="Begin each play with '- hosts:'.")  # fmt: skip
        if not data:
            raise PlaybookError("A playbook must contain at least one play", place=data.place or Place(str(path), 1))
        self.context.take_plugins(path.parent)
        self.context.loading.append(path)
        try:
            return tuple(play for values in data for play in self._entry(values, path, outer))
        finally:
            self.context.loading.pop()

    def _entry(self, values: Any, path: Path, outer: _Outer) -> tuple[Play, ...]:
        if not isinstance(values, Map):
            raise PlaybookError("a play must be a mapping", place=place_of(values) or Place(str(path), 1))
        for key in ("import_playbook", "ansible.builtin.import_playbook", "ansible.legacy.import_playbook"):
            if key in values:
                return self._import(values, key, path, outer)
        return (self._play(values, path, outer),)

    def _import(self, values: Map, key: str, path: Path, outer: _Outer) -> tuple[Play, ...]:
        rest = Map(((k, v) for k, v in values.items() if k != key), values.place)
        check(rest, "import_playbook", where=values.place)
        self.context.check_variables(rest.get("vars"), values.place)
        own = variables(rest.get("vars"))
        place = place_of(values[key]) or values.place
        known = {**outer.vars, **own, **self.extra_vars, "playbook_dir": str(path.parent)}
        name = self.context.static(values[key], known, "the file of import_playbook", place)
        if not isinstance(name, str) or not name:
            raise PlaybookError("import_playbook does not say which file", place=place)
        found = self.context.actions.playbook_path(str(name))
        target = found[1] if found else path.parent / expanded(name)
        if not is_file(target):
            raise PlaybookError(
                f"there is no playbook {str(target)!r}",
                place=place,
                remedy=nearest(target.name, names_in(target.parent)),
            )
        inner = _Outer(
            when=outer.when + as_tuple(rest.get("when")),
            tags=outer.tags | split_tags([rest.get("tags")]),
            vars={**own, **outer.vars},
        )
        return self.read_file(target, inner, place=place)

    def _play(self, values: Map, path: Path, outer: _Outer) -> Play:
        for key in values:
            if key not in LEVELS["play"]:
                raise self._unknown(key, values)
        check(values, "play", where=values.place)
        if "hosts" not in values:
            raise PlaybookError("a play needs 'hosts'", place=values.place)
        self._check(values)
        if "user" in values:
            if "remote_user" in values:
                raise PlaybookError(
                    "both 'user' and 'remote_user' are set for this play. They mean the same",
                    place=values.place,
                    remedy="Keep 'remote_user'.",
                )
            values = Map(values, values.place)
            values["remote_user"] = values.pop("user")
        own_vars = {**variables(values.get("vars")), **outer.vars}
        scope = PlayScope(variables=self._static_scope(values, own_vars, path), extra_vars=self.extra_vars)
        outside = Inherited(basedir=path.parent, tags=outer.tags, scope=scope, files=(path,))
        around = outside.extend(self.tasks.named(values, outside), with_vars=False)
        return self._assemble(values, own_vars, around, outer.when)

    def _assemble(self, values: Map, own_vars: Mapping[str, Any], around: Inherited, when: tuple[Any, ...]) -> Play:
        scope = around.scope
        inside = replace(around, when=when)
        applied = [
            self.tasks.roles.entry(
                one, replace(inside, phase="roles", files=()), place=place_of(values["roles"]) or values.place
            )
            for one in as_tuple(values.get("roles"))
        ]
        for one in applied:
            scope.uses.extend(one.uses)
        role_handlers = tuple(handler for one in applied for handler in one.handlers)
        handlers = self.tasks.section(
            values, "handlers", replace(around, phase="handlers"), handlers=True
        )  # may use modules of roles
        sections = []
        for phase in ("pre_tasks", "roles", "tasks", "post_tasks"):
            if phase == "roles":
                items: Any = tuple(block for one in applied for block in one.blocks)
            else:
                items = self.tasks.section(values, phase, replace(inside, phase=phase))
            sections.append((phase, items))
        place = values.place or Place("<playbook>")
        return Play(
            name=_name(values), hosts=values["hosts"], place=place, sections=tuple(sections),
            handlers=(*role_handlers, *handlers, *scope.handlers), roles=tuple(scope.uses), vars=own_vars,
            vars_files=as_tuple(values.get("vars_files")), vars_prompt=as_tuple(values.get("vars_prompt")),
            gather_facts=values.get("gather_facts"), gather_subset=values.get("gather_subset"),
            gather_timeout=values.get("gather_timeout"), fact_path=values.get("fact_path"), serial=as_tuple(values.get("serial")),
            strategy=values.get("strategy"), order=values.get("order"), max_fail_percentage=values.get("max_fail_percentage"),
            any_errors_fatal=values.get("any_errors_fatal"), force_handlers=values.get("force_handlers"), tags=around.tags,
            basedir=around.basedir, keywords=_keywords(inside, place),
        )  # fmt: skip

    def _static_scope(self, values: Map, own_vars: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
        """The variables a static name may use: the play's ``vars``, and ``vars_files`` whose names are literal and that are there."""
        found = dict(own_vars)
        for entry in as_tuple(values.get("vars_files")):
            for name in as_tuple(entry):
                file = path.parent / expanded(str(name))
                if isinstance(name, str) and not is_template(name) and is_file(file):
                    data = self.context.read(file)
                    found.update(data if isinstance(data, dict) else {})
                    break
        return found

    def _unknown(self, key: Any, values: Map) -> PlaybookError:
        if "hosts" not in values and self.context.actions.resolve(str(key)):
            return PlaybookError(
                f"{str(key)!r} is not a valid attribute for a Play: it is a task", place=place_of(key) or values.place,
                remedy="Put it under 'tasks:' of a play; a file of tasks alone is used with import_tasks or include_tasks.")  # fmt: skip
        return unknown(key, "play", where=values.place)

    def _check(self, values: Map) -> None:
        """What a type alone does not say."""
        _check_hosts(values)
        _check_choice(values, "strategy", STRATEGIES)
        _check_choice(values, "order", ORDERS)
        self.context.check_variables(values.get("vars"), values.place)
        for entry in as_tuple(values.get("serial")):
            if not is_template(entry) and not _SERIAL.match(str(entry)):
                raise PlaybookError(
                    f"'serial' must be a number of hosts or a percentage, not {shown(entry)}",
                    place=place_of(entry) or place_of(values["serial"]) or values.place)  # fmt: skip
        for entry in as_tuple(values.get("vars_files")):
            for name in as_tuple(entry):
                if not isinstance(name, (str, Vaulted)):
                    raise PlaybookError(
                        f"'vars_files' holds file names, not {shown(name)}", place=place_of(entry) or values.place
                    )
        for entry in as_tuple(values.get("vars_prompt")):
            _check_prompt(entry, values.place)
        if not isinstance(values.get("roles"), (Seq, type(None))):
            raise PlaybookError(
                f"A malformed role declaration was encountered. 'roles' must be a list, not {shown(values['roles'])}",
                place=place_of(values["roles"]) or values.place)  # fmt: skip


def _check_hosts(values: Map) -> None:
    hosts = values["hosts"]
    place = place_of(hosts) or values.place
    if not hosts:
        raise PlaybookError(
            "Hosts list cannot be empty. Please check your playbook",
            place=place,
            remedy="Name hosts, a group, or a pattern.",
        )
    for one in as_tuple(hosts):
        if not isinstance(one, (str, Vaulted)):
            raise PlaybookError(f"'hosts' holds patterns, and {shown(one)} is none", place=place_of(one) or place)


def _check_choice(values: Map, key: str, known: tuple[str, ...]) -> None:
    value = values.get(key)
    if value is None or is_template(value):
        return
    if str(value).removeprefix("ansible.builtin.") not in known:
        raise PlaybookError(
            f"there is no {key} {str(value)!r}", place=place_of(value) or values.place,
            remedy=nearest(str(value), known) or f"There are: {', '.join(known)}.")  # fmt: skip


def _check_prompt(entry: Any, place: Place | None) -> None:
    if isinstance(entry, Map) and "name" not in entry:
        raise PlaybookError("Invalid vars_prompt data structure, missing 'name' key", place=entry.place or place)
    if not isinstance(entry, Map) or not is_identifier(entry.get("name")):
        raise PlaybookError("an entry of 'vars_prompt' needs the 'name' of a variable", place=place_of(entry) or place)
    for key in entry:
        if key not in _PROMPT_KEYS:
            raise PlaybookError(
                f"Invalid vars_prompt data structure, found unsupported key {str(key)!r}", place=place_of(key) or place,
                remedy=nearest(str(key), _PROMPT_KEYS))  # fmt: skip


def _name(values: Map) -> Any:
    """The play's name; without one, its hosts, as Ansible shows them."""
    name = values.get("name")
    if name:
        return name if isinstance(name, str) else str(name)
    hosts = values["hosts"]
    return ",".join(map(str, hosts)) if isinstance(hosts, list) else hosts


def _keywords(around: Inherited, place: Place) -> Task:
    return Task(
        id=next_id(), action="ansible.builtin.gather_facts", written="gather_facts", place=place, name="Gathering Facts",
        when=around.when, tags=around.tags, become=around.become, environment=around.environment,
        module_defaults=around.module_defaults, collections=around.collections, search=around.search(), phase="setup",
        inherited=around, **around.inner,
    )  # fmt: skip
