"""What the executor does itself: include_tasks, include_role and meta."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.aio import in_thread
from hotdesk.errors import HotdeskError, IncludeError, InputError, PlaybookError, TaskError, VaultError
from hotdesk.executor import handlers, values
from hotdesk.executor.attempt import error_result
from hotdesk.executor.effects import regrown
from hotdesk.executor.host import HostEnded, HostFailed, RoleEnded
from hotdesk.playbook.roles import OPTIONS as ROLE_OPTIONS
from hotdesk.results import EMPTY
from hotdesk.source import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.executor.batch import Batch
    from hotdesk.executor.item import Include
    from hotdesk.executor.strategy import Position
    from hotdesk.executor.task import Finished
    from hotdesk.executor.walk import Walk
    from hotdesk.playbook.model import Block, RoleUse, Task

ROLE = "ansible.builtin.include_role"


@dataclass(slots=True, eq=False)
class Group:
    """One include as several hosts want it: loaded once, told once."""

    key: Any
    include: Include
    hosts: list[str] = field(default_factory=list)
    items: tuple[Task | Block, ...] = ()
    shown: str = ""
    use: RoleUse | None = None
    problem: HotdeskError | None = None


async def load(walk: Walk, task: Task, finished: Finished, at: Position) -> list[tuple[int, Group]]:
    """Load what ``task`` includes: (number, group) of all that this host is in. Hosts that include the same share a group.

    Raises HostFailed when something that this host includes cannot be loaded.
    """
    batch, name = walk.batch, walk.state.name
    groups: list[Group] = batch.includes.setdefault(at, [])
    if not batch.together:
        mine = [_join(groups, name, one) for one in finished.includes]
        for group in mine:
            await _load(walk, task, group)
            _tell(walk, group, (name,))
    else:
        batch.included.setdefault(at, {})[name] = finished.includes
        reached = await batch.strategy.turn(name, (*at, 0))
        await batch.once("include", at, reached[0] == name, lambda: _share(walk, task, at))
        mine = [group for group in groups if name in group.hosts]
    for group in mine:
        if group.problem is not None:
            await _fail(walk, task, group, group.problem, at)
    return [(groups.index(group), group) for group in mine]


async def walk_through(walk: Walk, groups: list[tuple[int, Group]], at: Position) -> None:
    """Do the tasks of what ``load`` has loaded."""
    for number, group in groups:
        public = group.include.args.get("public", walk.batch.run.settings.private_role_vars is False)
        if group.use is not None and str(public).lower() in values.TRUE:
            walk.state.public_roles.append(group.use)
        await walk.sequence(group.items, (*at, 1 + number))


async def _share(walk: Walk, task: Task, at: Position) -> None:
    batch = walk.batch
    wanted = batch.included.pop(at, {})
    groups = batch.includes[at]
    for name in batch.hosts:
        for one in wanted.get(name, ()):
            _join(groups, name, one)
    for group in groups:
        await _load(walk, task, group)
        if here := tuple(name for name in group.hosts if name in wanted):
            _tell(walk, group, here)


def _join(groups: list[Group], host: str, include: Include) -> Group:
    """The group of hosts that include the same; a host that includes the same twice gets a second group."""
    key = repr((sorted(include.args.items(), key=str), sorted(include.variables.items(), key=str)))
    for group in groups:
        if group.key == key and host not in group.hosts:
            group.hosts.append(host)
            return group
    groups.append(Group(key, include, [host]))
    return groups[-1]


def _tell(walk: Walk, group: Group, hosts: tuple[str, ...]) -> None:
    if group.problem is None:
        walk.batch.run.emit(ev.Included(file=group.shown, hosts=hosts, label=group.include.label))


async def _load(walk: Walk, task: Task, group: Group) -> None:
    if group.shown or group.problem:
        return
    run, args = walk.batch.run, dict(group.include.args)
    apply: Mapping[str, Any] = args.pop("apply", None) or EMPTY
    try:
        async with run.loading:
            if task.action == ROLE:
                await _load_role(walk.batch, task, group, args, apply)
            else:
                await _load_tasks(walk.batch, task, group, args, apply)
    except HotdeskError as exc:
        if isinstance(exc, InputError) and not isinstance(exc, (IncludeError, VaultError)):
            raise  # a fault of the text is nobody's to rescue: it ends the run
        group.problem = exc


async def _load_tasks(batch: Batch, task: Task, group: Group, args: dict[str, Any], apply: Mapping[str, Any]) -> None:
    name = args.get("file") or args.get("_raw_params")
    if not name:
        raise TaskError("No include file was specified to the include", place=task.place)
    loader = batch.run.loader
    file = await in_thread(loader.find_tasks_file, str(name), task)
    group.items = await in_thread(
        loader.load_included_tasks,
        Path(file),
        task,
        vars=group.include.variables,
        apply=apply,
        handlers=task.is_handler,
    )
    group.shown = str(file)


async def _load_role(batch: Batch, task: Task, group: Group, args: dict[str, Any], apply: Mapping[str, Any]) -> None:
    name = str(args.get("name") or args.get("role") or "")
    if not name:
        raise TaskError("'name' is a required field for include_role.", place=task.place)
    options = {key: args[key] for key in ROLE_OPTIONS if args.get(key) is not None}
    block, added, use = await in_thread(
        batch.run.loader.load_included_role, name, task, vars=group.include.variables, apply=apply, **options
    )
    known = {handler.id for handler in batch.handlers}
    batch.handlers += [handler for handler in handlers.flat(added) if handler.id not in known]
    group.items, group.use, group.shown = (block,), use, name


async def _fail(walk: Walk, task: Task, group: Group, problem: HotdeskError, at: Position) -> None:
    """What the include failed of is its ``reason``, as in Ansible, and its ``msg``, as of any task."""
    result = error_result(problem, what=task.action)
    said = problem.explain() if isinstance(problem, PlaybookError) and problem.place is not None else result.message
    args = group.include.args
    include = args.get("file") or args.get("_raw_params") or args.get("name")
    result = result.but(data={**result.data, "include": include, "msg": said, "reason": said})
    walk.batch.run.emit(
        ev.TaskFinished(task=task.id, host=walk.state.name, result=result, place=task.place, rescued=walk.rescuing)
    )
    await walk.fatal(task, at)
    raise HostFailed(task.written, result, task={"name": str(task.name), "action": task.written})


# meta

ONE_FOR_ALL = frozenset({"end_play", "end_batch", "clear_facts", "clear_host_errors", "refresh_inventory"})
"""Under a strategy that goes together these are done once, and the first host's ``when`` decides for all."""
NO_WHEN = frozenset({"noop", "refresh_inventory", "reset_connection"})


async def meta(walk: Walk, task: Task, at: Position, first: bool) -> None:
    """Carry out ``meta: ACTION``. Meta tasks have no result and are not counted."""
    batch = walk.batch
    name = await _meta_name(walk, task)
    scope = batch.scopes.for_task(walk.state, task)
    await batch.announce(task, at, scope)
    if name in NO_WHEN:
        if task.when and first:
            batch.run.warn(f"{name} task does not support when conditional", place=task.place)
    elif name in ONE_FOR_ALL and batch.together:
        if not await batch.once("meta", at, first, lambda: _holds(walk, task)):
            return
    elif not await _holds(walk, task):
        note = f"META: {name} conditional evaluated to False, continuing execution for {walk.state.name}"
        batch.run.emit(ev.Noted(text=note, verbosity=2))
        _say_skipped(walk, note.removeprefix("META: "))
        return
    await _carry_out(walk, task, name, at, first or not batch.together)


def _say_skipped(walk: Walk, reason: str) -> None:
    """The line of a skipped task: meta tasks have no result, and none is counted."""
    settings = walk.batch.run.settings
    if settings.display_skipped_hosts:
        why = f" => {json.dumps({'skip_reason': reason})}" if settings.verbosity else ""
        walk.batch.run.emit(ev.Noted(text=f"skipping: [{walk.state.name}]{why}"))


async def _meta_name(walk: Walk, task: Task) -> str:
    raw = task.args.get("_raw_params", "") if isinstance(task.args, dict) else task.args
    return (await values.text(walk.batch.run.templates, raw, walk.batch.scopes.for_task(walk.state, task))).strip()


async def _holds(walk: Walk, task: Task) -> bool:
    scope = walk.batch.scopes.for_task(walk.state, task)
    try:
        return await values.holds(walk.batch.run.templates, task.when, scope, task.place, "when") is None
    except HotdeskError as exc:
        result = error_result(exc)
        walk.batch.run.emit(
            ev.TaskFinished(task=task.id, host=walk.state.name, result=result, place=task.place, rescued=walk.rescuing)
        )
        raise HostFailed(task.written, result, task={"name": str(task.name), "action": task.written}) from None


_SAID = {
    "end_host": "ending play for {host}", "end_play": "ending play", "end_batch": "ending batch", "noop": "noop",
    "flush_handlers": "triggered running handlers for {host}", "clear_facts": "facts cleared", "clear_host_errors": "cleared host errors",
    "refresh_inventory": "inventory successfully refreshed", "reset_connection": "reset connection",
}  # fmt: skip
"""What -vv says of a meta task, in Ansible's words."""


async def _carry_out(walk: Walk, task: Task, name: str, at: Position, first: bool) -> None:
    batch, run, state = walk.batch, walk.batch.run, walk.state
    if said := _SAID.get(name):
        run.emit(ev.Noted(text=f"META: {said.format(host=state.name)}", verbosity=2))
    match name:
        case "noop":
            pass
        case "flush_handlers":
            if state.flushing:
                raise PlaybookError("flush_handlers cannot be used as a handler", place=task.place)
            await handlers.flush(walk, (*at, 1))
        case "end_host":
            raise HostEnded
        case "end_batch":
            raise HostEnded
        case "end_play":
            batch.end_play = True
            raise HostEnded
        case "end_role":
            raise RoleEnded(task.role)
        case "clear_facts":
            for host in [state] if not batch.together else ([run.state(n) for n in batch.hosts] if first else []):
                host.forget_facts()
                if run.fact_cache is not None:
                    await run.fact_cache.forget(host.name)
        case "clear_host_errors":
            if first:
                run.errors_cleared = True
                batch.clear_errors()
        case "refresh_inventory":
            if first and run.reload_inventory is not None:
                run.inventory = await run.reload_inventory()
                regrown(run)
                batch.scopes.inventory_changed()
        case "reset_connection":
            await run.machines.reset(state.name, batch.scopes.for_task(state, task), task)
        case _:
            raise PlaybookError(f"invalid meta action requested: {name}", place=place_of(task.args) or task.place)
