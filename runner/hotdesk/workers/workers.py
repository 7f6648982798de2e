"""All workers of a run: started together, given hosts, missed when they go, ended together."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from hotdesk.aio import TaskGroup, finish, first
from hotdesk.connections.pool import UNCHECKED
from hotdesk.errors import ConnectError, HotdeskError, UsageError, WorkerLost
from hotdesk.events import Noted, Warned
from hotdesk.results import labels
from hotdesk.workers.cluster import Cluster
from hotdesk.workers.line import Line
from hotdesk.workers.remote import Worker, mismatch
from hotdesk.workers.seat import ChildSeat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from hotdesk.connections.base import Endpoint
    from hotdesk.events import Event
    from hotdesk.settings import Settings
    from hotdesk.workers.remote import FarConnection
    from hotdesk.workers.seat import Seat

START_LIMIT = 30.0
END_LIMIT = 1.0
CLOSE_LIMIT = 4.0
"""Seconds: until all have said hello, until one that was let go has ended, and for all of it."""
LOOK = 5.0
"""Seconds between two looks for workers that have joined a cluster."""

OPEN = "the way to the workers is not encrypted (tcp://): what tasks send and get there can be read and changed by others on the network"


class Workers:
    """An async context manager; ``start`` starts them. For ``Pool``: who makes the connections."""

    def __init__(self, settings: Settings, *, run: str, on_event: Callable[[Event], None]) -> None:
        self._settings, self._run, self._emit = settings, run, on_event
        self._group = TaskGroup()
        self._workers: list[Worker] = []
        self._seats: list[Seat] = []
        self._served: list[asyncio.Task[None]] = []
        self._of: dict[str, Worker] = {}
        self._cluster: Cluster | None = None
        self._looking: asyncio.Task[None] | None = None
        self._closing = self._told_unchecked = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with suppress(TimeoutError):  # each is bounded by itself
                await finish(self._end(), grace=CLOSE_LIMIT)
        finally:
            await self._group.__aexit__(None, None, None)

    async def start(self) -> None:
        """All of them, at once. Raises UsageError naming one that does not come, or is of another version."""
        self._seats = [*await self._places()]
        if not all(seat.private for seat in self._seats):
            self._emit(Warned(text=OPEN))
        try:
            async with TaskGroup() as group:
                for seat in self._seats:
                    group.create_task(self._start(seat))
        except BaseExceptionGroup as problems:
            raise first(problems) from None
        if self._cluster is not None:
            self._looking = self._group.create_task(self._look(self._cluster))

    async def _look(self, cluster: Cluster) -> None:
        """Who joins later is given hosts that have not begun. One that cannot be used is told of, and is no end of the run."""
        while True:
            await asyncio.sleep(LOOK)
            with suppress(OSError):  # the scheduler is not needed any more
                for seat in await cluster.newcomers():
                    self._seats.append(seat)
                    try:
                        await self._start(seat)
                        self._emit(Noted(text=f"{seat.name} has joined", verbosity=1))
                    except UsageError as problem:
                        self._emit(Warned(text=f"{problem.message}: it is not used"))

    async def connect(self, endpoint: Endpoint) -> FarConnection:
        """See ``Elsewhere``: through the worker that has the host already, else the one with the fewest. ConnectError when none is left."""
        while True:
            worker = self._place(endpoint.host)
            with suppress(WorkerLost):  # nothing has begun there: another one may
                return await worker.connect(endpoint)

    def _place(self, host: str) -> Worker:
        found = self._of.get(host)
        if found is None or found.lost:
            there = [worker for worker in self._workers if not worker.lost]
            if not there:
                raise ConnectError(f"{host}: no worker is left to connect with")
            found = self._of[host] = min(there, key=lambda worker: len(worker.hosts))
            found.hosts.add(host)
        return found

    async def _places(self) -> Sequence[Seat]:
        if self._settings.workers.isdecimal():
            return [ChildSeat(number) for number in range(1, int(self._settings.workers) + 1)]
        self._cluster = Cluster(self._settings.workers)
        return await self._cluster.seats()

    async def _start(self, seat: Seat) -> None:
        name = seat.name
        try:
            async with asyncio.timeout(START_LIMIT):
                await seat.open(self._run)
                line = Line(seat.channel, lease=self._settings.lease)
                worker = Worker(line, name, self._told, private=seat.private)
                self._served.append(self._group.create_task(self._serve(worker, line, seat)))
                greeting = await worker.greeted
        except TimeoutError:
            raise UsageError(f"{name} did not start within {START_LIMIT:g} s") from None
        except HotdeskError as exc:
            raise UsageError(f"{name} did not start: {exc.message}", remedy=exc.remedy) from None
        worker.name = seat.named(int(greeting["pid"]))
        if wrong := mismatch(greeting):
            raise UsageError(f"{worker.name} cannot be used: {wrong}", remedy="Install the same hotdesk there.")
        worker.begin(self._run, self._settings)
        self._workers.append(worker)

    async def _serve(self, worker: Worker, line: Line, seat: Seat) -> None:
        async with TaskGroup() as group:
            ears = group.create_task(seat.listen())
            why = await line.serve(worker.take)
            worker.lose(why if self._closing else await seat.why(why))
            ears.cancel()
        if not self._closing and worker in self._workers:
            there = any(not each.lost for each in self._workers)
            others = "what has not begun goes on through the others" if there else "no worker is left"
            lost = f"what was under way on its hosts ({labels(sorted(worker.hosts)) or 'none'}) is lost"
            self._emit(Warned(text=f"{worker.name} is gone: {worker.lost}; {lost}, {others}"))

    def _told(self, event: Event) -> None:
        if isinstance(event, Warned) and event.text == UNCHECKED:
            if self._told_unchecked:
                return
            self._told_unchecked = True
        self._emit(event)

    async def _end(self) -> None:
        self._closing = True
        if self._looking is not None:
            self._looking.cancel()
        for worker in self._workers:
            worker.end()
        if self._served:
            await asyncio.wait(self._served, timeout=END_LIMIT)
        async with TaskGroup() as group:
            for seat in self._seats:
                group.create_task(seat.aclose())
        for task in self._served:
            task.cancel()
        if self._cluster is not None:
            await self._cluster.aclose()
