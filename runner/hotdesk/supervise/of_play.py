"""What watches over a play: preflight of its jobs and disks before it changes anything, and the disk watch while it runs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hotdesk import events as ev
from hotdesk.aio import paced
from hotdesk.errors import HostError, HotdeskError
from hotdesk.executor.run import Working
from hotdesk.playbook.model import Task
from hotdesk.supervise import disk_watch
from hotdesk.supervise.preflight import preflight
from hotdesk.supervise.topology_gate import gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hotdesk.connections.link import Link
    from hotdesk.executor.batch import Batch


class Supervision:
    """The hooks of one run's plays."""

    def __init__(self) -> None:
        self._watched: list[disk_watch.Watched] = []

    async def before(self, batch: Batch) -> bool:
        """False: something does not hold, all of it has been told, and nothing was changed."""
        found = await preflight(batch)
        if not found.problems:
            await gate(batch)
        writes: dict[str, set[str]] = {state.name: set() for state in batch.alive()}
        reads: dict[str, set[str]] = {}
        for host, inspection in found.found:
            writes.setdefault(host, set()).update(inspection.writes)
            if inspection.reads:
                reads.setdefault(inspection.source, set()).update(inspection.reads)
        self._watched = [
            *[
                one
                async for host, paths in paced(writes.items())
                if (one := await _watched(batch, host, paths, source=False))
            ],
            *[
                one
                async for host, paths in paced(reads.items())
                if (one := await _watched(batch, host, paths, source=True))
            ],
        ]
        problems = await disk_watch.preflight(self._watched)
        for host, disks in problems.items():
            listed = tuple((problem.message, problem.remedy) for problem in disks)
            batch.run.emit(ev.Problems(host=host, job="disk space", problems=listed))
        return not found.problems and not problems

    @asynccontextmanager
    async def watching(self, batch: Batch) -> AsyncIterator[None]:
        """Hold this open while the batch runs."""
        if not self._watched:
            yield
            return

        def on_low(watched: disk_watch.Watched, error: HostError) -> None:
            if watched.source:
                batch.break_play = True
                batch.run.emit(ev.InterruptedRun(reason=error.message, under_way=dict(batch.run.under_way)))
                for name in batch.hosts:
                    batch.state(name).halt(error)
            else:
                batch.state(watched.host).halt(error)

        async with disk_watch.DiskWatch(self._watched, on_low=on_low, emit=batch.run.emit):
            yield


async def _watched(batch: Batch, host: str, paths: set[str], *, source: bool) -> disk_watch.Watched | None:
    """None: nothing to watch there, or it cannot be reached (its first task says so)."""
    run = batch.run
    task = batch.play.keywords or Task(id="disks", action="disks", written="disks", place=batch.play.place)
    scope = batch.scopes.for_task(run.state(host), task)
    value = await run.templates.value(scope, disk_watch.VARIABLE)
    if not paths and value is None:
        return None
    wanted = disk_watch.parse(value, batch.play.place)
    if not wanted.on or not (paths or wanted.paths):
        return None
    try:
        return disk_watch.Watched(host, await _link(batch, host, task), tuple(sorted(paths)), wanted, source)
    except HotdeskError:
        return None


async def _link(batch: Batch, host: str, task: Task) -> Link:
    run = batch.run
    setting = Working(mark=f"disks@{host}", for_host=host, check=run.settings.check, emit=run.emit)
    if host == "localhost" and host not in run.inventory.hosts:
        return (await run.machines.control(task, setting)).link
    return (await run.machines.machine(host, batch.scopes.for_task(run.state(host), task), task, setting)).link
