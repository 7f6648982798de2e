"""Pieces of structured concurrency that asyncio lacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


async def finish(cleanup: Coroutine[Any, Any, T], *, grace: float) -> T:
    """Run ``cleanup`` to its end even while the caller is being cancelled, for at most ``grace`` seconds.

    The cancellation is raised again afterwards. A clean-up that overruns is cancelled (TimeoutError unless we were interrupted).
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(cleanup)
    deadline, interrupt, overrun = loop.time() + grace, None, False
    while not task.done():
        try:  # wait() never cancels what it waits for, so a cancel lands on us, not on the clean-up
            await asyncio.wait({task}, timeout=max(0.0, deadline - loop.time()))
        except asyncio.CancelledError as exc:
            interrupt = exc
        if not task.done() and loop.time() >= deadline:
            task.cancel()
            deadline, overrun = float("inf"), True
    if interrupt is not None:
        if not task.cancelled():
            task.exception()  # seen: it must not be reported as never retrieved
        raise interrupt
    if overrun and task.cancelled():
        raise TimeoutError(f"clean-up took longer than {grace:g} s")
    return task.result()
