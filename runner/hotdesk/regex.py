"""Python's ``re`` with an end: a pattern such as ``(a+)+$`` can take years over thirty characters, and holds every thread meanwhile.

Only a signal gets through to ``re`` (it looks for one now and then), and only in the main thread; so elsewhere nothing is bounded here.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
LONGEST = 0.25
"""Seconds of processor time that a match may take; it holds the event loop for as long."""


def can_be_ended() -> bool:
    """Whether ``within`` keeps its word in this thread."""
    return threading.current_thread() is threading.main_thread()


def within(seconds: float, call: Callable[[], T]) -> T:
    """``call()``, given up after that much processor time (of the process). Raises TimeoutError."""
    if not can_be_ended():
        return call()
    working = True

    def late(_signum: int, _frame: object) -> None:
        if working:
            raise TimeoutError(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        return call()
    finally:
        working = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
