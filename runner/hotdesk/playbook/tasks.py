"""Lists of tasks and blocks become Tasks and Blocks that carry all they inherit; static imports are expanded on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError, nearest
from hotdesk.place import Place
from hotdesk.playbook import roles
from hotdesk.playbook.actions import RAW, Written, find_action
from hotdesk.playbook.context import next_id, place_of_key
from hotdesk.playbook.imports import find_tasks_file, static_variables
from hotdesk.playbook.inherit import Inherited, as_tuple, variables
from hotdesk.playbook.keywords import (
    KEYWORDS,
    LEVELS,
    check,
    check_value,
    fits,
    is_identifier,
    is_template,
    shown,
)
from hotdesk.playbook.loops import read_loop
from hotdesk.playbook.model import Block, Task
from hotdesk.source import Map, Seq, Trusted, Vaulted, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hotdesk.playbook.context import Context
    from hotdesk.playbook.keywords import Level

    Items = tuple[Task | Block, ...]

_BLOCK_PARTS = ("block", "rescue", "always")
_IMPORT_PLAYBOOK = "ansible.builtin.import_playbook"
_IMPORT_TASKS = "ansible.builtin.import_tasks"
_IMPORT_ROLE = "ansible.builtin.import_role"
GROUP = "group/"
_READ_BY_THE_TASK = frozenset({"async", "become", "check_mode", "delay", "diff", "poll", "retries", "timeout"})
"""Keywords whose wrong values fail their task, as in Ansible, where it reckons with failing (ignore_errors, rescue)."""
_INCLUDES = {"ansible.builtin.include_tasks": frozenset({"file", RAW, "apply"}),
             "ansible.builtin.include_role": frozenset({"name", "role", "apply", *roles.OPTIONS})}  # fmt: skip
_ON_INCLUDES = frozenset({
    "action", "args", "collections", "debugger", "ignore_errors", "listen", "local_action", "loop", "loop_control", "name", "no_log",
    "register", "run_once", "tags", "timeout", "vars", "when",
})  # fmt: skip


class TaskReader:
    """Reads task lists for one Loader."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.roles = roles.RoleReader(context, self)

    def read(
        self, data: Any, around: Inherited, *, handlers: bool = False, where: Place | None = None, what: str = "tasks"
    ) -> Items:
        """The tasks of a list, in order; ``where`` and as ``what`` it was expected. Raises PlaybookError."""
        if data is None:
            return ()
        if not isinstance(data, Seq):
            raise PlaybookError(
                f"A malformed block was encountered while loading {what}: {shown(data)} should be a list or None",
                place=place_of(data) or where, remedy="Begin each task with '- '.")  # fmt: skip
        found: list[Task | Block] = []
        for values in data:
            if not isinstance(values, Map):
                raise self._no_mapping(values, data.place)
            if any(part in values for part in _BLOCK_PARTS):
                found.append(self._block(values, around, handlers))
            else:
                found.extend(self._task(values, around, handlers))
        return tuple(found)

    def _no_mapping(self, values: Any, where: Place | None) -> PlaybookError:
        """The error for what stands in a list of tasks and is none: often a module whose colon was forgotten."""
        known = isinstance(values, str) and values.strip() and self.context.actions.resolve(values.split()[0])
        remedy = (
            f"Write '{values.split()[0]}:', with a colon."
            if known
            else "A task is 'MODULE:' with its options below it."
        )
        return PlaybookError(
            f"a task must be a mapping, not {shown(values)}", place=place_of(values) or where, remedy=remedy
        )

    def section(self, values: Map, key: str, around: Inherited, *, handlers: bool = False) -> Items:
        """The tasks under ``key`` of a play or block."""
        return self.read(values.get(key), around, handlers=handlers, where=place_of_key(values, key), what=key)

    def _block(self, values: Map, around: Inherited, handlers: bool) -> Block:
        if "block" not in values:
            part = next(part for part in _BLOCK_PARTS if part in values)
            raise PlaybookError(f"{part!r} stands beside a 'block', and there is none", place=values.place)
        check(values, "block", where=values.place)
        self.context.check_variables(values.get("vars"), values.place)
        inside = around.extend(self.named(values, around))
        guarded = replace(inside, failure_handled=True) if values.get("rescue") else inside
        parts = [
            self.section(values, part, guarded if part == "block" else inside, handlers=handlers)
            for part in _BLOCK_PARTS
        ]
        return Block(
            tasks=parts[0], rescue=parts[1], always=parts[2], name=_text(values.get("name")), place=values.place
        )  # fmt: skip

    def _task(self, values: Map, around: Inherited, handlers: bool) -> Items:
        level: Level = "handler" if handlers else "task"
        collections = tuple(map(str, as_tuple(values.get("collections")))) or around.collections
        written = find_action(values, self.context.actions, level, collections)
        self._check(values, level, written, around)
        if written.fqcn == _IMPORT_PLAYBOOK:
            raise PlaybookError("import_playbook is not a task", place=written.place, remedy="Put it beside the plays.")
        if written.fqcn == _IMPORT_TASKS:
            return self._import_tasks(values, written, around, handlers)
        if written.fqcn == _IMPORT_ROLE:
            return self._import_role(values, written, around, handlers)
        task = self._build(values, written, around, handlers)
        self.context.actions.check_static(task)
        return (task,)

    def _check(self, values: Map, level: Level, written: Written, around: Inherited) -> None:
        known = LEVELS[level]
        ignored = values.get("ignore_errors", around.inner.get("ignore_errors")) not in (None, False)
        later = _READ_BY_THE_TASK if ignored or around.failure_handled else frozenset()
        for key, value in values.items():
            if key not in known:
                continue
            keyword = KEYWORDS[key]
            place = place_of(value) or place_of(key) or values.place
            if keyword.name != "args" and not (key in later and not fits(keyword.kind, value)):
                check_value(keyword, value, place)
        register = values.get("register")
        if register is not None and not is_identifier(register):
            raise PlaybookError(
                f"Invalid variable name in 'register': {register!r}", place=place_of_key(values, "register")
            )
        self.context.check_variables(values.get("vars"), values.place)
        if written.fqcn in _INCLUDES:
            self._check_include(values, written, level)

    def _check_include(self, values: Map, written: Written, level: Level) -> None:
        for key in values:
            if key in LEVELS[level] and key not in _ON_INCLUDES:
                raise PlaybookError(
                    f"{str(key)!r} cannot stand on {written.name}", place=place_of(key) or values.place,
                    remedy="For the tasks that are included, put it under 'apply:'; or use a static import.")  # fmt: skip
        if isinstance(written.args, Trusted):
            return
        for option in written.args:
            if option not in _INCLUDES[written.fqcn] and option != "_variable_params":
                raise PlaybookError(
                    f"{written.name} has no option {str(option)!r}", place=place_of(option) or written.place,
                    remedy=nearest(str(option), _INCLUDES[written.fqcn]) or "Variables for the included tasks go under 'vars:'.")  # fmt: skip
            value = written.args[option]
            if str(option).endswith("_from") and not isinstance(value, (str, Vaulted)):
                raise PlaybookError(
                    f"Expected a string for {option} but got {shown(value)}", place=place_of(value) or written.place
                )
        apply = written.args.get("apply")
        if apply is not None:
            if not isinstance(apply, Map):
                raise PlaybookError("'apply' must be a mapping of keywords", place=place_of(apply) or written.place)
            check(apply, "block", where=apply.place)
        named = ("file", RAW) if written.fqcn.endswith("_tasks") else ("name", "role")
        if "_variable_params" not in written.args and not any(written.args.get(one) for one in named):
            what = "file" if written.fqcn.endswith("_tasks") else "role"
            raise PlaybookError(f"No {what} specified for {written.fqcn}", place=values.place)

    def _build(self, values: Map, written: Written, around: Inherited, handlers: bool) -> Task:
        own = around.extend(self.named(values, around))
        role = own.role
        own_vars = variables(values.get("vars"))
        dynamic = written.fqcn in _INCLUDES
        fields: dict[str, Any] = dict(own.inner)
        if written.local:
            fields["delegate_to"] = Trusted("localhost", written.place)
        for name in ("changed_when", "failed_when"):
            if values.get(name) is not None:
                fields[name] = as_tuple(values[name])
        for name, field in (("delay", "delay"), ("async", "asynchronous"), ("poll", "poll")):
            if values.get(name) is not None:
                fields[field] = values[name]
        return Task(
            id=next_id(), action=written.fqcn, written=written.name, args=written.args, place=_anywhere(values),
            name=_text(values.get("name")), role=role, vars=own.vars, include_params=around.include_params, when=own.when,
            loop=read_loop(values), register=str(values.get("register") or ""), until=as_tuple(values.get("until")),
            retries=values.get("retries"), notify=own.notify, tags=own.tags, become=own.become, environment=own.environment,
            module_defaults=own.module_defaults, collections=own.collections, listen=as_tuple(values.get("listen")),
            is_handler=handlers, search=own.search(), phase=own.phase, statically_included=own.statically_included,
            failure_handled=own.failure_handled,
            inherited=replace(around, own_vars=own_vars) if dynamic else around, **fields,
        )  # fmt: skip

    def named(self, values: Mapping[str, Any], around: Inherited) -> Mapping[str, Any]:
        """``values`` with module names in ``module_defaults`` made fully qualified and templates in ``tags`` rendered."""
        changed: dict[str, Any] = {}
        if values.get("module_defaults"):
            changed["module_defaults"] = self.module_defaults(values["module_defaults"])
        if any(map(is_template, as_tuple(values.get("tags")))):
            known = static_variables(around)
            place = place_of(values["tags"])
            changed["tags"] = [self.context.static(tag, known, "a tag", place) for tag in as_tuple(values["tags"])]
        return {**values, **changed} if changed else values

    def module_defaults(self, value: Any) -> Any:
        """``module_defaults`` with every name of a module, and of a group of modules, fully qualified."""
        found = []
        for one in as_tuple(value):
            if not isinstance(one, dict):
                raise PlaybookError(
                    "'module_defaults' must be a mapping of modules or groups, or a list of such", place=place_of(one) or place_of(value),
                    remedy="Only the values under a module's name may be templates.")  # fmt: skip
            found.append(
                Map(((self._defaulted(name, place_of(one)), args) for name, args in one.items()), place_of(one))
            )
        return found

    def _defaulted(self, name: Any, where: Place | None) -> str:
        actions, place = self.context.actions, place_of(name) or where
        if str(name).startswith(GROUP):
            group = actions.groups.resolve(str(name), place)
            for text in actions.groups.faults(group) if self.context.settings.validate_action_group_metadata else ():
                self.context.warn(text, place)
            return group
        if (full := actions.resolve(str(name))) is None:
            self.context.warn(f"module_defaults names {str(name)!r}, and there is no such module", place)
        return full or str(name)

    # static imports

    def _import_tasks(self, values: Map, written: Written, around: Inherited, handlers: bool) -> Items:
        if any(key == "loop" or str(key).startswith("with_") for key in values):
            raise PlaybookError(
                "import_tasks is static and cannot loop", place=written.place, remedy="Use include_tasks.")  # fmt: skip
        args: Mapping[str, Any] = written.args if not isinstance(written.args, Trusted) else {RAW: written.args}
        for option in args:
            if option not in ("file", RAW):
                raise PlaybookError(
                    f"Invalid options for {written.name}: {option}", place=place_of(option) or written.place
                )
        name = args.get(RAW) or args.get("file")
        if not name:
            raise PlaybookError(f"{written.name} does not say which file", place=written.place)
        inside = replace(around.extend(self.named(values, around)), statically_included=True)
        name = self.context.static(name, static_variables(inside), "the file of import_tasks", written.place)
        path = find_tasks_file(str(name), inside, handlers=handlers, place=place_of(name) or written.place)
        return self.read_file(path, inside, handlers=handlers, place=written.place)

    def read_file(self, path: Path, around: Inherited, *, handlers: bool, place: Place | None) -> Items:
        """The tasks of a file. Raises PlaybookError, also for a file that imports itself."""
        if path in self.context.loading:
            chain = " -> ".join(str(one) for one in (*self.context.loading, path))
            raise PlaybookError(
                f"{path.name} imports itself: {chain}", place=place, remedy="Use include_tasks with a 'when'."
            )
        data = self.context.read_list(path, "a file of tasks")
        if not data:
            self.context.warn(f"file {path} is empty and had no tasks to include", place)
        self.context.loading.append(path)
        try:
            return self.read(data, replace(around, files=(path, *around.files)), handlers=handlers)
        finally:
            self.context.loading.pop()

    def _import_role(self, values: Map, written: Written, around: Inherited, handlers: bool) -> Items:
        if handlers:
            raise PlaybookError("import_role cannot be a handler", place=written.place)
        if any(key == "loop" or str(key).startswith("with_") for key in values):
            raise PlaybookError(
                "import_role is static and cannot loop", place=written.place, remedy="Use include_role.")  # fmt: skip
        if isinstance(written.args, Trusted):
            raise PlaybookError("import_role must name its role before the run", place=written.place)
        inside = replace(around.extend(self.named(values, around)), statically_included=True)
        known = static_variables(inside)
        args = {
            str(k): self.context.static(v, known, f"{k!s} of import_role", written.place)
            for k, v in written.args.items()
        }
        applied = self.roles.imported(Map(args, values.place), inside, written.place)
        around.scope.uses.extend(applied.uses)
        around.scope.handlers.extend(applied.handlers)
        return applied.blocks


def _text(value: Any) -> Any:
    """A name as text: YAML gives a number for ``name: 1``."""
    if value is None:
        return ""
    return value if isinstance(value, (str, Vaulted)) else str(value)


def _anywhere(values: Map) -> Place:
    return values.place or Place("<playbook>")
