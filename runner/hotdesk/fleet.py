"""One question to many PCs, outside any play: for commands that only look. Nothing is logged and nobody's state is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from hotdesk import events as ev
from hotdesk.aio import TaskGroup, use_pidfd_watcher
from hotdesk.bus import Bus
from hotdesk.errors import HotdeskError, TaskError
from hotdesk.executor.run import PlayOptions, Working
from hotdesk.executor.scopes import Scopes
from hotdesk.inventory.patterns import select
from hotdesk.place import Place
from hotdesk.playbook.model import Task
from hotdesk.prepare import Around, prepared
from hotdesk.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.executor.run import Run
    from hotdesk.jobs.machine import Machine
    from hotdesk.settings import Settings

T = TypeVar("T")


async def visit(
    settings: Settings,
    pattern: str,
    question: Callable[[Machine], Awaitable[T]],
    *,
    limit: str = "",
    warn: Callable[[str], None],
    change: bool = False,
) -> dict[str, T | HotdeskError]:
    """Ask each host of ``pattern``, at most ``forks`` at a time, with its connection variables and the settings' become.

    ``change``: the question may change what hotdesk itself keeps there. Gives each host's answer, or why there is none.
    Raises InputError and UsageError for what is wrong before any host is touched.
    """
    use_pidfd_watcher()
    redaction, bus = Redaction(), Bus()

    def tell(event: ev.Event) -> None:
        if isinstance(event, ev.Warned):
            warn(redaction.clean(event.text))

    bus.subscribe(tell)
    options, settings = PlayOptions(limit=limit), replace(settings, workers="")
    answers: dict[str, T | HotdeskError] = {}
    async with prepared(settings, [], options, Around(bus=bus, redaction=redaction)) as ready:
        run = ready.run
        names = select(run.inventory, pattern, limit=limit, mismatch=settings.host_pattern_mismatch)
        places = asyncio.Semaphore(settings.forks)

        async def ask(name: str) -> None:
            async with places:
                try:
                    answers[name] = await question(await _machine(run, name, check=not change))
                except HotdeskError as exc:
                    redaction.clean_error(exc)
                    answers[name] = exc
                except OSError as exc:  # of a file there
                    answers[name] = TaskError(f"{exc.filename or name}: {exc.strerror}")

        async with TaskGroup() as group:
            for name in names:
                group.create_task(ask(name))
    return {name: answers[name] for name in names}


async def _machine(run: Run, name: str, *, check: bool) -> Machine:
    task = Task(id="visit", action="visit", written="visit", place=Place("<command line>"))
    setting = Working(mark=f"visit@{name}", for_host=name, check=check, emit=run.emit)
    return await run.machines.machine(name, Scopes(run).for_task(run.state(name), task), task, setting)
