"""What the hosts of one batch of a play share while they walk through it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.executor import values
from hotdesk.executor.host import HostUnreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.executor.host import HostState
    from hotdesk.executor.run import Run
    from hotdesk.executor.scopes import Scopes
    from hotdesk.executor.strategy import Position, Strategy
    from hotdesk.playbook.model import Play, Task
    from hotdesk.variables.scope import Scope


@dataclass(slots=True, eq=False, kw_only=True)
class Batch:
    """One batch (without ``serial``: all hosts of the play)."""

    run: Run
    play: Play
    scopes: Scopes
    hosts: tuple[str, ...]
    strategy: Strategy
    any_errors_fatal: bool = False
    max_fail_percentage: float | None = None
    handlers: list[Task] = field(default_factory=list)
    fatal: set[Position] = field(default_factory=set)
    """Positions at which a failure is everybody's."""
    failed: set[str] = field(default_factory=set)
    """Hosts that failed for good, or are unreachable."""
    break_play: bool = False
    skipping: bool = False
    """The run has not come to --start-at-task's task before this batch."""
    end_play: bool = False
    """meta: end_play: no further batch either."""
    includes: dict[Position, list[Any]] = field(default_factory=dict)
    """What was included at a position (control.Group), for all hosts."""
    included: dict[Position, dict[str, Any]] = field(default_factory=dict)
    """What each host wants to include, until all have said so."""
    walking: set[str] = field(default_factory=set)
    """Hosts under way: neither at their end nor lost."""
    lost: dict[str, asyncio.Future[bool]] = field(default_factory=dict)
    """Unreachable hosts -> whether ``meta: clear_host_errors`` has brought them back."""
    _announced: set[tuple[Position, str]] = field(default_factory=set)
    _shared: dict[tuple[str, Position], asyncio.Future[Any]] = field(default_factory=dict)

    @property
    def together(self) -> bool:
        return self.strategy.together

    def state(self, name: str) -> HostState:
        return self.run.state(name)

    def alive(self) -> list[HostState]:
        """Hosts still in the play."""
        return [self.state(name) for name in self.hosts if name not in self.failed]

    async def once(self, what: str, at: Position, first: bool, do: Callable[[], Awaitable[Any]]) -> Any:
        """One of the hosts at a position (the one with ``first``) does it, all of them get what it gave, or its exception."""
        key = (what, at)
        future = self._shared.get(key)
        if future is None or (first and future.done()):  # done: by others, before this host came back
            future = self._shared[key] = asyncio.get_running_loop().create_future()
        if not first:
            await asyncio.wait({future})  # waiting for a set never cancels what it waits for
            return future.result()
        try:
            value = await do()
        except BaseException as exc:
            if not future.done():
                future.set_exception(exc if isinstance(exc, Exception) else asyncio.InvalidStateError("interrupted"))
                future.exception()  # seen, also when nobody else is here
            raise
        future.set_result(value)
        return value

    def drop(self, name: str) -> None:
        """This host takes no part any more."""
        self.failed.add(name)
        self.scopes.removed.add(name)
        if self.over_the_limit() and not self.break_play:
            self.break_play = True
        if self.break_play and len(self.failed) == len(self.hosts):
            self.run.emit(ev.NoHosts(play=self.scopes.name, reason="remaining"))

    async def lose(self, state: HostState) -> None:
        """This host is unreachable: it waits here for ``meta: clear_host_errors``. Raises HostUnreachable when that does not come."""
        name, state.unreachable = state.name, True
        self.drop(name)
        if self.strategy.pinned or self.run.stop.begun:  # it would keep its place from others
            raise HostUnreachable
        back = self.lost[name] = asyncio.get_running_loop().create_future()
        self.leave(name)
        try:
            if not await back:
                raise HostUnreachable
        finally:
            self.lost.pop(name, None)

    def leave(self, name: str) -> None:
        """This host does nothing more, or is lost. When no other is under way, nobody brings the lost ones back."""
        self.strategy.leave(name)
        self.walking.discard(name)
        if not self.walking:
            self._bring_back(False)

    def clear_errors(self) -> None:
        """meta: clear_host_errors. Lost hosts go on where they were lost, failed ones with the next play."""
        for name in self.scopes.hosts_all:
            host = self.state(name)
            host.failed = host.unreachable = False
            host.pardons += 1
            self.scopes.removed.discard(name)
        self._bring_back(True)

    def _bring_back(self, pardoned: bool) -> None:
        for name, back in self.lost.items():
            if back.done():
                continue
            if pardoned:
                self.failed.discard(name)
                self.walking.add(name)
                self.strategy.rejoin(name)
            back.set_result(pardoned)

    async def announce(self, task: Task, at: Position, scope: Scope) -> None:
        """Say once that ``task`` has been reached, with its name as the first host sees it."""
        key = (at if self.together else (), task.id)
        if key in self._announced:
            return
        self._announced.add(key)
        name = await display_name(self.run, task, scope)
        no_log = task.no_log is not False
        self.run.emit(
            ev.TaskStarted(
                task=task.id, name=name, action=task.action, place=task.place, no_log=no_log,
                kind="handler" if task.is_handler else "setup" if task.phase == "setup" else "task",
                args={} if no_log or not isinstance(task.args, dict) else dict(task.args),
            )
        )  # fmt: skip

    def over_the_limit(self) -> bool:
        """More hosts failed than ``max_fail_percentage`` allows."""
        return (
            self.max_fail_percentage is not None and len(self.failed) / len(self.hosts) * 100 > self.max_fail_percentage
        )


async def display_name(run: Run, task: Task, scope: Scope) -> str:
    """``role : name`` as shown; an unnamed task shows its action, a name that cannot be rendered stays as written."""
    try:
        name = await values.text(run.templates, task.name, scope)
    except Exception:  # a name is no reason to fail; what the template needs may be what the task's when is about
        name = str.__str__(task.name)
    name = name.strip() or task.written
    return f"{task.role.role.name} : {name}" if task.role is not None else name
