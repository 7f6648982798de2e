"""Rendering is CPU work on the event loop; what takes long, and the rare lookup that does I/O, moves it to a thread.

On the loop ``leave_loop`` raises NeedsThread, ``run`` catches it and starts again in a thread of aio's bounded pool, where
lookups may block. What a lookup waits for in the loop (``wait_for``) is cancelled when the awaiting task is.
Whatever repeats itself calls ``tick``: it ends the rendering's time on the loop, and in the thread (docs/adr/0009).
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from hotdesk.aio import in_pool, in_thread
from hotdesk.errors import TemplateError, VariableError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from hotdesk.aio import Threads

T = TypeVar("T")
ON_LOOP = 0.05
"""Seconds of processor time after which a rendering leaves the event loop."""
LONGEST = 20.0
"""Seconds of processor time that a rendering may take altogether."""
LONGEST_AT_ONCE = 2.0
"""The same, for callers that cannot wait: the loop stands still meanwhile."""
MOST_VALUES = 2_000_000
"""Values in what a rendering gives, counted as often as they are met."""
LOOK_EVERY = 1000
"""Values between two looks at the time."""


class NeedsThread(BaseException):
    """Not an Exception: no filter or test may take it for an error of its own."""


class _Here(threading.local):
    """What this thread is doing: None when not rendering, False on the loop, else the Blocking that allows I/O."""

    blocking: Blocking | bool | None = None
    until: float = math.inf
    """``time.thread_time()`` at which the time is over."""
    not_before: float = 0.0
    """``time.monotonic()`` before which it cannot be over: that clock is much cheaper to read."""
    values: int = 0
    """Counted so far, against MOST_VALUES."""
    look: int = 0
    """At so many values the time is looked at."""


class Blocking:
    """One rendering in a thread: the loop it belongs to and what it waits for there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: Future[Any] | None = None
        self._cancelled = False

    def run(self, call: Callable[[], T]) -> T:
        _here.blocking = self
        _begin(LONGEST)
        try:
            return call()
        finally:
            _here.blocking = None
            _here.until = math.inf

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._cancelled:
                coroutine.close()
                raise asyncio.CancelledError
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._waiting = future
        try:
            return future.result()
        finally:
            self._waiting = None

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            waiting = self._waiting
        if waiting is not None:
            waiting.cancel()


_here = _Here()


def _begin(seconds: float) -> None:
    _here.until = time.thread_time() + seconds
    _here.not_before = time.monotonic() + seconds
    _here.values = _here.look = 0


def tick() -> None:
    """Called at every turn of what may have many: a loop, a call, a filter.

    Raises TemplateError when the time is over; on the event loop the rendering moves to a thread before.
    """
    if (now := time.monotonic()) < _here.not_before or (left := _here.until - time.thread_time()) == math.inf:
        return
    if left > 0:
        _here.not_before = now + left
        return
    if _here.blocking is False:
        raise NeedsThread
    raise TemplateError(
        "rendering takes too long: it was given up",
        remedy=f"A template may take {LONGEST:g} s of processor time; is there a loop in a loop, or a macro that calls itself?",
    )


def count(values: int) -> None:
    """Called for each container that is copied into the result, with its size. Raises TemplateError for too many values."""
    _here.values += values + 1
    if _here.values >= _here.look:
        _here.look = _here.values + LOOK_EVERY
        tick()
        if _here.values > MOST_VALUES and _here.until < math.inf:
            raise TemplateError(
                f"the result has more than {MOST_VALUES:,} values: it was not made",
                remedy="Is a list put into itself, again and again?",
            )


def may_leave() -> bool:
    """Whether ``leave_loop`` would move the rendering to a thread."""
    return _here.blocking is False


def may_wait() -> bool:
    """Whether ``wait_for`` can be used: the rendering is in a thread."""
    return isinstance(_here.blocking, Blocking)


def leave_loop() -> None:
    """Called before anything that may block. Returns when blocking is allowed here; otherwise the rendering moves to a thread."""
    if not isinstance(_here.blocking, Blocking):
        raise NeedsThread


def prefer_thread() -> None:
    """Called before milliseconds of CPU work: as ``leave_loop``, but a rendering that cannot move does it where it is."""
    if _here.blocking is False:
        raise NeedsThread


def wait_for(coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """From the rendering thread: run ``coroutine()`` on the loop and give its result."""
    leave_loop()
    assert isinstance(_here.blocking, Blocking)
    return _here.blocking.wait_for(coroutine())


async def run(call: Callable[[], T], *, thread: bool = False, pool: Threads | None = None) -> T:
    """``call()`` here and now, or, when it needs I/O (or ``thread`` is set), once more in a thread (of ``pool``)."""
    if not thread:
        try:
            return now(call)
        except NeedsThread:
            pass
    blocking = Blocking(asyncio.get_running_loop())
    try:
        return await (in_pool(pool, blocking.run, call) if pool else in_thread(blocking.run, call))
    except asyncio.CancelledError:
        blocking.cancel()
        raise


def now(call: Callable[[], T]) -> T:
    """``call()`` in this thread; NeedsThread gets through to ``run`` only."""
    outer, _here.blocking = _here.blocking, _here.blocking or False
    if outer is None:
        _begin(ON_LOOP)
    try:
        return call()
    finally:
        _here.blocking = outer
        if outer is None:
            _here.until = math.inf


def at_once(call: Callable[[], T], what: str) -> T:
    """For synchronous callers: an I/O lookup is an error here unless a rendering is under way that can move to a thread."""
    if _here.blocking is not None or _here.until < math.inf:
        return call()
    _begin(LONGEST_AT_ONCE)
    try:
        return call()
    except NeedsThread:
        raise VariableError(
            f"{what} comes from a lookup that reads files or runs a command, which is not possible here",
            remedy="Set it with set_fact in an earlier task.",
        ) from None
    finally:
        _here.until = math.inf
