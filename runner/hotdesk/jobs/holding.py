"""Something on a PC that is held still while something else is done: containers, pods, machines."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hotdesk.aio import TaskGroup, first
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from hotdesk.jobs.machine import Machine


@asynccontextmanager
async def holding(machine: Machine, module: ModuleType, function: str, *args: Any) -> AsyncIterator[None]:
    """For the body ``function`` of a target-side half holds it: a generator that gives something once it does, and lets go at TERM.

    The PC lets go also when we cannot. Raises TaskError when it cannot be held.
    """
    ready = asyncio.Event()

    def heard(_: Any) -> None:
        machine.heard()
        ready.set()

    try:
        async with TaskGroup() as group:
            task = group.create_task(machine.call(bundle(module), function, *args, change=True, on_item=heard))
            await ready.wait()
            try:
                yield
            finally:
                task.cancel()
    except BaseExceptionGroup as found:
        raise first(found) from None
