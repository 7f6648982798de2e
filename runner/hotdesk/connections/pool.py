"""Every connection and agent of a run: made once, shared, admitted a few at a time, closed together."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar, cast

from hotdesk import aio
from hotdesk.connections.base import Connection, Elsewhere, Endpoint, Escalation
from hotdesk.connections.gate import Gate, Pace
from hotdesk.connections.host_keys import HostKeyFiles
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.connections.ssh_files import SSHFiles
from hotdesk.errors import ConnectError, HostError, LinkLost, TaskError, Unreachable, WorkerLost
from hotdesk.events import Connected, Connecting, Event, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from types import TracebackType

    from hotdesk.connections.ssh import SSHConnection
    from hotdesk.connections.ssh_options import Prepared
    from hotdesk.settings import Settings

T = TypeVar("T")
STARTS = 3
"""Logins' time that an agent's start (a login shell, sudo, an interpreter) may take."""
LOCAL_START = 120.0
"""Seconds for that of the control node itself: every host waits for it, and it can only be slow."""
ATTEMPTS = 5
"""Failed attempts in a run after which a host is not tried again (``reset`` forgets them)."""
AFTERMATH_GRACE = 1.0
"""Seconds between TERM and KILL for what is left of a task whose command has died with its agent."""
CLOSE_LIMIT = 4.0
"""Seconds for closing everything; each connection is bounded by itself."""
UNCHECKED = "host keys are not checked (host_key_checking = no): any computer may pose as one of these PCs"
LOCAL = Endpoint(host="localhost", kind="local")


@dataclass(frozen=True, slots=True)
class _Failed:
    """How an attempt ended, for everybody who waits for it."""

    error: Exception


@dataclass(slots=True)
class _Host:
    """What the pool has of one Endpoint."""

    connection: asyncio.Task[Connection | _Failed] | None = None
    links: dict[Escalation | None, asyncio.Task[Link | _Failed]] = field(default_factory=dict)
    failures: int = 0
    lease: float | None = None
    behind: Endpoint | None = None
    """Its jump host."""
    starts: asyncio.Semaphore | None = None
    """For starting agents there: many names may lead to one PC, which is not to start them all at once."""


class Pool:
    """The connections of a run; an async context manager.

    Attempts belong to the pool, not to who asked: a cancelled caller does not take the link away from the others who wait for it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        run: str,
        on_event: Callable[[Event], None] = lambda event: None,
        elsewhere: Elsewhere | None = None,
        directory: Path | None = None,
    ) -> None:
        """``elsewhere``: who holds the connections, but for those to this PC (None: we); ``directory``: where commands on this PC start."""
        self._settings, self._elsewhere, self._directory = settings, elsewhere, directory
        self._run, self._emit = run, on_event
        self._files = SSHFiles(host_keys=HostKeyFiles(writable=not settings.check))
        self._hosts: dict[Endpoint, _Host] = {}
        self._told_unchecked = False
        self._handshakes = Pace(settings.handshakes)
        self._gates: dict[tuple[str, int, Endpoint | None], Gate] = {}
        self._starts: dict[tuple[str, int, Endpoint | None], asyncio.Semaphore] = {}
        self._group = aio.TaskGroup()
        self._pacing = aio.Pacing()
        self._grace = settings.stop_grace
        self._closing = False
        self._aftermaths: set[asyncio.Task[_Failed | None]] = set()

    async def __aenter__(self) -> Self:
        raise_descriptor_limit()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self.links() if kind else ():
            link.keeps = False  # the run did not finish: nothing that it has begun goes on
        try:
            with contextlib.suppress(TimeoutError):  # each close is bounded by itself; failing here gains nothing
                await aio.finish(self._close(), grace=self._grace + CLOSE_LIMIT)
        finally:
            await self._group.__aexit__(None, None, None)  # what ended the block goes on as it is, not in a group

    async def link(
        self, endpoint: Endpoint, escalation: Escalation | None = None, *, lease: float | None = None
    ) -> Link:
        """The agent at ``endpoint`` (as the other user with ``escalation``): the one that runs, else a new one.

        ``lease`` (seconds): what is asked for there instead of the settings' own; of several that ask, the shortest holds.
        Raises ConnectError, AuthenticationError, HostKeyError, BecomeError or LinkLost.
        """
        self._check_open(endpoint)
        host = self._hosts.setdefault(endpoint, _Host())
        if lease is not None and (host.lease is None or lease < host.lease):
            host.lease = lease
            for running in map(_result, host.links.values()):
                if running is not None and not running.lost:
                    running.lease = lease
        task = host.links.get(escalation)
        if task is None or _is_over(task, lambda link: link.lost):
            task = host.links[escalation] = self._own(self._start(endpoint, escalation), f"link {endpoint.host}")
        return await self._await(task)

    async def connection(self, endpoint: Endpoint) -> Connection:
        """The open connection to ``endpoint``, made now if there is none. Raises as ``link`` does."""
        return await self._connection(endpoint)

    async def control(self) -> Link:
        """The agent on this PC, the control node."""
        return await self.link(LOCAL)

    def links(self) -> list[Link]:
        """Those that are up."""
        tasks = [task for host in self._hosts.values() for task in host.links.values()]
        return [link for task in tasks if (link := _result(task)) is not None and not link.lost]

    async def reset(self, endpoint: Endpoint) -> None:
        """Close everything at ``endpoint`` and forget its failures: the next ``link`` starts anew (meta: reset_connection)."""
        host = self._hosts.pop(endpoint, None)
        if host is not None:
            await aio.finish(self._close_host(host), grace=self._grace + CLOSE_LIMIT)

    drop = reset

    def grace(self, seconds: float) -> None:
        """Change the time between TERM and KILL, of stops that are under way too."""
        self._grace = seconds
        for link in self.links():
            link.grace = seconds

    def force(self) -> None:
        """KILL now: the second signal."""
        self.grace(0.0)

    def _check_open(self, endpoint: Endpoint) -> None:
        if self._closing:
            raise ConnectError(f"{endpoint.host}: the run is ending, no new connection is made")

    def _own(self, work: Coroutine[object, object, T], name: str) -> asyncio.Task[T | _Failed]:
        """A task of the pool's group that keeps its error for those who wait, instead of ending the group."""
        return self._group.create_task(_contained(work), name=name)

    async def _await(self, task: asyncio.Task[T | _Failed]) -> T:
        waited = not task.done()
        try:
            outcome = await asyncio.shield(task)
            if waited:  # all hosts of a play wait for the control node's own
                await self._pacing.turn()
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if task.cancelled() and current is not None and not current.cancelling():
                raise LinkLost("the connection was closed while it was waited for") from None
            raise
        if isinstance(outcome, _Failed):
            raise outcome.error
        return outcome

    async def _start(self, endpoint: Endpoint, escalation: Escalation | None) -> Link:
        try:
            connection = await self._connection(endpoint)
            lease = self._lease(endpoint)
            async with self.starting(endpoint):
                link = await Link.start(
                    connection, run=self._run, escalation=escalation, lease=lease, grace=self._grace,
                    start_limit=LOCAL_START if endpoint == LOCAL else STARTS * endpoint.connect_timeout,
                )  # fmt: skip
        except WorkerLost:  # nothing has begun there yet, and there may be another worker
            return await self._start(endpoint, escalation)
        if self._grace != link.grace:
            link.grace = self._grace
        if self._lease(endpoint) != lease:
            link.lease = self._lease(endpoint)
        link.on_warning = lambda text: self._emit(Warned(text=text, host=endpoint.host))
        for text in link.info.limits:
            link.on_warning(text)
        link.superior = lambda: self._root(endpoint, link)
        link.on_death = lambda tasks: self._after_death(endpoint, escalation, tasks)
        link.on_silence = lambda: self._after_silence(endpoint, connection)
        return link

    def starting(self, endpoint: Endpoint) -> contextlib.AbstractAsyncContextManager[None]:
        """Around the start of an agent there: a few at a time on one PC."""
        host = self._hosts.get(endpoint)
        return (host and host.starts) or contextlib.nullcontext()

    def _after_silence(self, endpoint: Endpoint, connection: Connection) -> None:
        """Nobody there is heard: one that may hear us sees the connection's end now, not when TCP has given up."""
        host = self._hosts.get(endpoint)
        links = [link for task in (host.links.values() if host else ()) if (link := _result(task)) and not link.lost]
        if all(link.silence > link.lease / 2 for link in links):
            connection.reset()

    def _after_death(self, endpoint: Endpoint, escalation: Escalation | None, tasks: set[str]) -> None:
        """An agent was killed: a new one, which is there for nothing else, ends what its tasks had started."""
        if tasks and not self._closing:
            ending = self._own(self._end_tasks(endpoint, escalation, tasks), f"end the tasks at {endpoint.host}")
            self._aftermaths.add(ending)
            ending.add_done_callback(self._aftermaths.discard)

    async def _end_tasks(self, endpoint: Endpoint, escalation: Escalation | None, tasks: set[str]) -> None:
        try:
            link = await self._start(endpoint, escalation)
            try:
                for task in sorted(tasks):
                    with contextlib.suppress(TaskError):  # the link has warned already
                        await link.stop(task, grace=min(self._grace, AFTERMATH_GRACE), orphaned=True)
            finally:
                await link.aclose()
        except HostError as exc:
            text = f"the agent was killed, and what it had under way may still run there (HOTDESK_RUN={self._run} in its environment): {exc.message}"
            self._emit(Warned(text=text, host=endpoint.host))

    def _lease(self, endpoint: Endpoint) -> float:
        host = self._hosts.get(endpoint)
        return self._settings.lease if host is None or host.lease is None else host.lease

    def _root(self, endpoint: Endpoint, inferior: Link) -> Link | None:
        """An agent of root on the same PC that is up."""
        host = self._hosts.get(endpoint)
        found = [_result(task) for task in host.links.values()] if host is not None else []
        return next(
            (each for each in found if each not in (None, inferior) and not each.lost and each.info.uid == 0), None
        )

    async def _connection(self, endpoint: Endpoint) -> Connection:
        self._check_open(endpoint)
        host = self._hosts.setdefault(endpoint, _Host())
        task = host.connection
        if task is None or _is_over(task, lambda connection: connection.closed):
            if host.failures >= ATTEMPTS and task is not None:
                outcome = task.result()
                assert isinstance(outcome, _Failed)
                raise outcome.error
            task = host.connection = self._own(self._connect(endpoint, host), f"connect {endpoint.host}")
        return await self._await(task)

    async def _connect(self, endpoint: Endpoint, host: _Host) -> Connection:
        if endpoint.kind == "local":
            host.starts = self._place(("", 0, None))
            return LocalConnection(endpoint, self._directory)
        making = self._elsewhere.connect(endpoint) if self._elsewhere else self._connect_ssh(endpoint, host)
        try:
            connection: Connection = await making
        except Unreachable:
            host.failures += 1
            raise
        host.failures = 0
        return connection

    async def _connect_ssh(self, endpoint: Endpoint, host: _Host) -> Connection:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._emit(Connecting(host=endpoint.host, address=endpoint.address or endpoint.host))
        prepared = await aio.in_thread(self._files.prepared, endpoint)
        if prepared.check is None and not self._told_unchecked:
            self._told_unchecked = True
            self._emit(Warned(text=UNCHECKED, host=endpoint.host))
        via = await self._jump(endpoint, prepared, host)
        host.starts = self._place((prepared.host, prepared.port, prepared.jump))
        key = (prepared.host, prepared.port, None) if prepared.jump is None else ("", 0, prepared.jump)
        async with self._gates.setdefault(key, Gate(self._settings.handshakes_per_address)) as gate:
            connection = await self._login(endpoint, prepared, via, gate)
        self._emit(Connected(host=endpoint.host, seconds=loop.time() - began))
        if connection.accepted:
            self._emit(Warned(text=connection.accepted, host=endpoint.host))
        return connection

    async def _login(
        self, endpoint: Endpoint, prepared: Prepared, via: SSHConnection | None, gate: Gate
    ) -> SSHConnection:
        """Log in, again after refusals, with pauses that come to the connect limit together. Keeps its place meanwhile: so do the others.

        Raises Refused and what ``SSHConnection.connect`` raises.
        """
        from hotdesk.connections.ssh import SSHConnection
        from hotdesk.connections.ssh_errors import Refused

        paused, delay = 0.0, 0.1
        while True:
            try:
                async with self._handshakes:
                    began = aio.now()
                    connection = await SSHConnection.connect(endpoint, prepared=prepared, via=via)
                    self._handshakes.took(began, endpoint.connect_timeout)
            except Refused:
                gate.refused()
                if paused + delay > endpoint.connect_timeout:
                    raise
                await asyncio.sleep(delay * random.uniform(0.5, 1.5))
                paused, delay = paused + delay, min(delay * 2, 2.0)
                continue
            gate.admitted()
            return connection

    def _place(self, where: tuple[str, int, Endpoint | None]) -> asyncio.Semaphore:
        """For starting agents on one PC; ("", 0, None) is this one."""
        return self._starts.setdefault(where, asyncio.Semaphore(self._settings.handshakes_per_address))

    async def _jump(self, endpoint: Endpoint, prepared: Prepared, host: _Host) -> SSHConnection | None:
        host.behind = way = prepared.jump
        if prepared.jump is None:
            return None
        while way is not None:  # whoever closes a circle of attempts that would wait for each other sees it here
            if way == endpoint:
                raise ConnectError(
                    f"{endpoint.host}: its jump hosts go round in a circle (at {prepared.jump.host})",
                    remedy="Exclude the jump host itself from the ProxyJump in ssh_config: Host * !gate.",
                )
            way = self._hosts[way].behind if way in self._hosts else None
        try:
            via = await self._connection(prepared.jump)
        except Unreachable as exc:
            raise type(exc)(f"{endpoint.host}: through its jump host: {exc.message}", remedy=exc.remedy) from None
        return cast("SSHConnection", via)

    async def _close(self) -> None:
        if self._aftermaths:
            await asyncio.wait(self._aftermaths, timeout=self._grace + CLOSE_LIMIT / 2)
        self._closing = True
        hosts, self._hosts = list(self._hosts.values()), {}
        async with aio.TaskGroup() as group:
            for host in hosts:
                group.create_task(self._close_host(host, connections=False))
        async with aio.TaskGroup() as group:  # jump hosts carry the links of others: connections come after all links
            for host in hosts:
                group.create_task(_end(host.connection))

    async def _close_host(self, host: _Host, *, connections: bool = True) -> None:
        async with aio.TaskGroup() as group:
            for task in host.links.values():
                group.create_task(_end(task))
        if connections:
            await _end(host.connection)


async def _contained(work: Coroutine[object, object, T]) -> T | _Failed:
    try:
        return await work
    except Exception as exc:  # handed to everybody who waits for it
        return _Failed(exc)


def _result(task: asyncio.Task[T | _Failed]) -> T | None:
    if not task.done() or task.cancelled():
        return None
    outcome = task.result()
    return None if isinstance(outcome, _Failed) else outcome


def _is_over(task: asyncio.Task[T | _Failed], gone: Callable[[T], bool]) -> bool:
    """It failed, was cancelled, or what it made has ended since."""
    return task.done() and ((made := _result(task)) is None or gone(made))


async def _end(task: asyncio.Task[T | _Failed] | None) -> None:
    """Close what the task made; stop it when it has not made it yet."""
    if task is None:
        return
    task.cancel()
    await asyncio.wait({task})
    made = _result(task)
    if isinstance(made, (Link, Connection)):
        with contextlib.suppress(Unreachable, OSError):
            await made.aclose()


def raise_descriptor_limit() -> None:
    """One descriptor for each connection: the soft limit (often 1024) goes up to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
