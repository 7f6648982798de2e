"""SIGINT, SIGTERM and SIGHUP: the first stops the run in order, the second forces, the third ends the process at once.

The handlers only tell (``stop``, ``force``); what is done then is the run's. What was there before is put back at the end, so a caller
may own the loop and its own handlers. Ctrl-C in a terminal reaches us alone: agents are in sessions of their own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_signals(stop: Callable[[int], None], force: Callable[[], None]) -> Iterator[None]:
    """While the block runs: the first stopping signal calls ``stop(signum)``, the second ``force()``, the third exits with 128 + signum.

    Only the main thread can do this; elsewhere nothing is installed. A SIGHUP that is ignored (nohup) stays ignored. SIGCHLD is made
    default (were it ignored, no exit status would ever be seen) and SIGPIPE ignored while the block runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, seen = asyncio.get_running_loop(), []

    def heard(signum: int) -> None:
        seen.append(signum)
        if len(seen) == 1:
            stop(signum)
        elif len(seen) == 2:
            force()
        else:
            os._exit(128 + seen[0])

    before: dict[int, Any] = {}
    for each in (*STOPPING, signal.SIGCHLD, signal.SIGPIPE):
        before[each] = signal.getsignal(each)
    taken = [signum for signum in STOPPING if not (signum == signal.SIGHUP and before[signum] is signal.SIG_IGN)]
    try:
        if before[signal.SIGCHLD] is signal.SIG_IGN:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if before[signal.SIGPIPE] is signal.SIG_DFL:
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        for signum in taken:
            loop.add_signal_handler(signum, heard, signum)
        yield
    finally:
        for signum in taken:
            loop.remove_signal_handler(signum)
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
