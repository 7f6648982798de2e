"""SIGINT, SIGTERM and SIGHUP: the first stops the run in order, the second forces, the third ends the process at once.

The handlers only tell (``stop``, ``force``); what is done then is the run's. What was there before is put back at the end, so a caller
may own the loop and its own handlers. Ctrl-C in a terminal reaches us alone: agents are in sessions of their own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hotdesk.events import InterruptedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

    from hotdesk.bus import Bus
    from hotdesk.events import Event

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
    with _told_to(loop, taken, heard):
        try:
            if before[signal.SIGCHLD] is signal.SIG_IGN:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if before[signal.SIGPIPE] is signal.SIG_DFL:
                signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            for signum in taken:
                signal.signal(signum, _told)
            yield
        finally:
            for number, handler in before.items():
                if handler is not None and signal.getsignal(number) is not handler:
                    signal.signal(number, handler)


def _told(_signum: int, _frame: FrameType | None) -> None:
    """The number has gone to the wakeup descriptor."""


@contextmanager
def _told_to(loop: asyncio.AbstractEventLoop, taken: Collection[int], heard: Callable[[int], None]) -> Iterator[None]:
    """``heard(signum)`` on the loop for each signal of ``taken`` that comes to the handler ``_told`` (signal.set_wakeup_fd).

    Not by ``loop.remove_signal_handler``: that makes the default the handler before anybody can put back what was there, and a signal that
    comes just then ends the process; blocked in this thread, the kernel gives it to another one. What comes at the very end, when the loop
    does not turn any more, comes once more for the handlers that were there before.
    """
    inside, outside = socket.socketpair()
    inside.setblocking(False)
    outside.setblocking(False)
    others = signal.set_wakeup_fd(outside.fileno(), warn_on_full_buffer=False)

    def received() -> list[int]:
        try:
            numbers = inside.recv(4096)
        except BlockingIOError:
            return []
        for number in numbers:
            if number not in taken and others >= 0:  # the caller's
                with suppress(OSError):
                    os.write(others, bytes([number]))
        return [number for number in numbers if number in taken]

    def woken() -> None:
        for number in received():
            heard(number)

    loop.add_reader(inside, woken)
    try:
        yield
    finally:
        signal.set_wakeup_fd(others)
        loop.remove_reader(inside)
        late = received()
        inside.close()
        outside.close()
        for number in late:
            signal.raise_signal(number)


@contextmanager
def one_ending(bus: Bus) -> Iterator[None]:
    """Around all that a process does: once a stop has begun, the exit code is the first signal's.

    A further one that comes when ``stop_signals`` is over (the recap is being written, Python is on its way out) is passed over, to the
    end of the process. When no stop has begun everything is as before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in STOPPING if signal.getsignal(each) is not signal.SIG_IGN}
    stopping = False

    def seen(event: Event) -> None:
        nonlocal stopping
        stopping = stopping or isinstance(event, InterruptedRun)

    def heard(signum: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(signum)]
        if stopping:
            return
        if callable(handler):
            handler(signum, frame)
        else:
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)

    bus.subscribe(seen)
    for each in before:
        signal.signal(each, heard)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_IGN if stopping else handler)
