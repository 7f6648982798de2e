"""Rendering is CPU work on the event loop; the rare lookup that does I/O moves the whole rendering to a thread.

On the loop ``leave_loop`` raises NeedsThread, ``run`` catches it and starts again in a thread of aio's bounded pool, where
lookups may block. What a lookup waits for in the loop (``wait_for``) is cancelled when the awaiting task is.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from hotdesk.aio import in_thread
from hotdesk.errors import VariableError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class NeedsThread(BaseException):
    """Not an Exception: no filter or test may take it for an error of its own."""


class _Here(threading.local):
    """What this thread is doing: None when not rendering, False on the loop, else the Blocking that allows I/O."""

    blocking: Blocking | bool | None = None


class Blocking:
    """One rendering in a thread: the loop it belongs to and what it waits for there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: Future[Any] | None = None
        self._cancelled = False

    def run(self, call: Callable[[], T]) -> T:
        _here.blocking = self
        try:
            return call()
        finally:
            _here.blocking = None

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


async def run(call: Callable[[], T], *, thread: bool = False) -> T:
    """``call()`` here and now, or, when it needs I/O (or ``thread`` is set), once more in a thread."""
    if not thread:
        try:
            return now(call)
        except NeedsThread:
            pass
    blocking = Blocking(asyncio.get_running_loop())
    try:
        return await in_thread(blocking.run, call)
    except asyncio.CancelledError:
        blocking.cancel()
        raise


def now(call: Callable[[], T]) -> T:
    """``call()`` in this thread; NeedsThread gets through to ``run`` only."""
    outer, _here.blocking = _here.blocking, _here.blocking or False
    try:
        return call()
    finally:
        _here.blocking = outer


def at_once(call: Callable[[], T], what: str) -> T:
    """For synchronous callers: an I/O lookup is an error here unless a rendering is under way that can move to a thread."""
    if _here.blocking is not None:
        return call()
    try:
        return call()
    except NeedsThread:
        raise VariableError(
            f"{what} comes from a lookup that reads files or runs a command, which is not possible here",
            remedy="Set it with set_fact in an earlier task.",
        ) from None
