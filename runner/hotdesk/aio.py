"""Pieces of structured concurrency that asyncio lacks."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import logging
import selectors
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    import select
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
    from types import TracebackType

T = TypeVar("T")
THREADS = 8
log = logging.getLogger(__name__)


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


_left: set[asyncio.Task[Any]] = set()
"""Keeps abandoned work from being collected before its end."""


async def or_undo(work: Coroutine[Any, Any, T], undo: Callable[[T], None]) -> T:
    """Await ``work``, which must end by itself; when cancelled meanwhile, go at once and give what it made to ``undo`` later.

    For what cannot be cancelled half way without leaving something open at the other end.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:

        def ended(done: asyncio.Task[T]) -> None:
            _left.discard(done)
            if not done.cancelled() and done.exception() is None:
                undo(done.result())

        _left.add(task)
        task.add_done_callback(ended)
        raise


def owned(work: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
    """A task outside every group, for what outlives the call that began it, or may ignore its cancellation (a group would wait for it).

    Whoever starts it keeps it, and ends and awaits it; everything else lives in a TaskGroup.
    """
    return asyncio.get_running_loop().create_task(work, name=name)


class TaskGroup(asyncio.TaskGroup):
    """asyncio's TaskGroup, except that a cancel from outside always wins.

    When a child fails while the group is being cancelled, asyncio raises the group of errors and (3.11, 3.12) loses the cancel.
    Here the errors are logged and the CancelledError goes on, so an outer ``timeout`` or a stop is never lost.
    """

    _parent_cancel_requested: bool
    _cancels_before = 0

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        self._cancels_before = task.cancelling() if task else 0
        return await super().__aenter__()

    async def __aexit__(
        self, et: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        asked_before = self._parent_cancel_requested
        try:
            await super().__aexit__(et, exc, tb)
        except BaseExceptionGroup as group:
            task = asyncio.current_task()
            assert task is not None
            if sys.version_info < (3, 13) and self._parent_cancel_requested and not asked_before:
                task.uncancel()  # the group's own request, which these versions forget to take back
            if task.cancelling() > self._cancels_before:
                log.error("errors while being cancelled", exc_info=group)
                raise asyncio.CancelledError from group
            raise


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first cause in a group of errors: what is raised in its place when one is enough to be told."""
    cause = group.exceptions[0]
    return first(cause) if isinstance(cause, BaseExceptionGroup) else cause


AT_ONCE = 16
"""Things of the same kind that are begun in one turn of the event loop."""
READY = 32
"""Descriptors that are served in one turn."""


COLLECT_AFTER = 2_500, 5, 800
"""When the collector looks, as for ``gc.set_threshold``: at everything seldom. What a connection is made of lives as long as that, and of
thousands each such look takes a second."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run``, with turns of the event loop that do not grow with the number of connections."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:
            return runner.run(main)
    finally:
        gc.set_threshold(*before)


class Loop(asyncio.SelectorEventLoop):
    """The event loop of ``run``."""

    def __init__(self) -> None:
        self.selector = FewAtATime()
        super().__init__(self.selector)


class FewAtATime(selectors.EpollSelector):
    """Of hundreds of descriptors that are ready at once, each look gives READY; the others, which stay ready, have their turn after them."""

    idle = 0.0
    """Seconds that were spent waiting, with nothing else to do."""
    _selector: Any

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Some(self._selector)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """At most READY of what is ready."""
        began = time.monotonic()
        ready = super().select(timeout)
        if timeout is None or timeout > 0:
            self.idle += time.monotonic() - began
        return ready


class _Some:
    """An epoll object that gives a few at a time: the kernel goes round through those that are ready (epoll_wait(2)), and lists no others."""

    def __init__(self, epoll: select.epoll) -> None:
        self.register, self.modify, self.unregister = epoll.register, epoll.modify, epoll.unregister
        self.fileno, self.close, self._epoll = epoll.fileno, epoll.close, epoll

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        return self._epoll.poll(timeout, min(most, READY))


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A point in time: by the clock of the event loop, and by how long that has had nothing to do (seconds)."""

    time: float
    idle: float


def now() -> Moment:
    """Of a loop that is not ``run``'s both clocks are the same."""
    loop = asyncio.get_running_loop()
    return Moment(loop.time(), loop.selector.idle if isinstance(loop, Loop) else loop.time())


IDLE = 0.2
"""The share of a limit in which we must have had nothing to do but wait, for it to be the other end's fault that it is over."""
PATIENCE = 6.0
"""A limit is over, whoever is at fault, after so many times as long."""


def left(since: Moment, seconds: float, patience: float = PATIENCE) -> float:
    """Seconds until it can be said that the other end has taken longer than ``seconds``, and not we: on a control node that is busy with
    hundreds of hosts an answer that came in time is read late, and a login waits at every step for those of others."""
    at = now()
    gone = at.time - since.time
    return min(max(seconds - gone, seconds * IDLE - (at.idle - since.idle)), seconds * patience - gone)


@asynccontextmanager
async def patient(seconds: float) -> AsyncIterator[None]:
    """As ``asyncio.timeout``, for what another computer does: by ``left``. Raises TimeoutError."""
    loop, began = asyncio.get_running_loop(), now()
    timer: asyncio.TimerHandle
    async with asyncio.timeout(None) as scope:

        def look() -> None:
            nonlocal timer
            rest = left(began, seconds)
            if rest <= 0:
                scope.reschedule(loop.time())
            else:
                timer = loop.call_later(max(rest, SOON), look)

        timer = loop.call_later(seconds, look)
        try:
            yield
        finally:
            timer.cancel()


SOON = 0.05
"""Seconds between two looks, at least."""


async def paced(items: Iterable[T]) -> AsyncIterator[T]:
    """``items`` a few at a time, with a turn of the event loop between: what is begun for hundreds of hosts at once would hold it."""
    for number, item in enumerate(items):
        if number and number % AT_ONCE == 0:
            await asyncio.sleep(0)
        yield item


class Pacing:
    """What one event has woken for thousands of hosts goes on a few at a time."""

    def __init__(self) -> None:
        self._woken = 0
        """In this turn of the event loop."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        """Wait until it is the caller's turn."""
        loop = asyncio.get_running_loop()
        if self._woken == 0:
            loop.call_soon(self._next)
        self._woken += 1
        if self._woken > AT_ONCE:
            self._waiting.append(loop.create_future())
            await self._waiting[-1]

    def _next(self) -> None:
        self._woken = 0
        while self._waiting and self._woken < AT_ONCE:
            one = self._waiting.popleft()
            if not one.done():
                one.set_result(None)
                self._woken += 1
        if self._woken:
            asyncio.get_running_loop().call_soon(self._next)


class Threads:
    """A bounded pool of daemon threads: a call that never returns keeps neither the loop nor the process from ending.

    (The default executor belongs to name resolution; ThreadPoolExecutor joins its threads when the process exits.)
    """

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name = size, name
        self._work: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._ready = threading.Condition()
        self._started = 0
        self._idle = 0

    def submit(self, call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._ready:
            self._work.append((future, call))
            if self._idle < len(self._work) and self._started < self._size:
                self._started += 1
                threading.Thread(target=self._serve, name=f"{self._name}-{self._started}", daemon=True).start()
            self._ready.notify()
        return future

    def _serve(self) -> None:
        while True:
            with (
                self._ready
            ):  # taking work and being idle no more are one step: else a call waits behind one that never returns
                self._idle += 1
                while not self._work:
                    self._ready.wait()
                self._idle -= 1
                future, call = self._work.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as exc:  # it belongs to whoever waits for the future
                    future.set_exception(exc)
            del future, call


_threads = Threads(THREADS, "hotdesk-pool")


async def in_thread(func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a blocking ``func`` in our own bounded pool of threads; its exceptions are raised here.

    Cancelling ends the wait at once (a call that has not begun is dropped; one that runs is left to end by itself).
    """
    return await in_pool(_threads, func, *args, **kwargs)


async def in_pool(threads: Threads, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """``in_thread`` in a pool of its own: for calls that wait for what others do in threads."""
    context = contextvars.copy_context()
    return await asyncio.wrap_future(threads.submit(functools.partial(context.run, func, *args, **kwargs)))


def use_pidfd_watcher() -> None:
    """Python 3.11 starts a thread for each child process; 3.12 and later wait on pidfds by themselves."""
    if sys.version_info < (3, 12) and not isinstance(asyncio.get_child_watcher(), asyncio.PidfdChildWatcher):
        # Another one in its place would forget the children of whoever owns the loop.
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
