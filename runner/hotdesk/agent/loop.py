"""The agent's event loop: file descriptors, timers and signals, one thread, nothing that blocks."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal imports enum, which takes as long as the whole loop
import os
import select
from heapq import heappop, heappush
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

READ = select.EPOLLIN
WRITE = select.EPOLLOUT


class Timer:
    """Something to do later; ``cancel`` makes it not happen."""

    __slots__ = ("action", "order", "when")

    def __init__(self, when: float, order: int, action: Callable[[], None] | None) -> None:
        self.when, self.order, self.action = when, order, action

    def cancel(self) -> None:
        self.action = None

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)


class Loop:
    """epoll with timers. ``on_signal(number)`` is called from the loop, never from a handler."""

    def __init__(self, on_signal: Callable[[int], None]) -> None:
        self.epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._timers: list[Timer] = []
        self._order = 0
        self._on_signal = on_signal
        wake, self._waker = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._waker, False)
        _signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT):
            _signal.signal(number, lambda *_: None)
        self.watch(wake, READ, lambda: self._signals(wake))

    def _signals(self, wake: int) -> None:
        for number in sorted(set(os.read(wake, 4096))):
            self._on_signal(number)

    def watch(self, fd: int, events: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``fd`` is ready (end of file and errors count as ready)."""
        if fd in self._callbacks:
            self.epoll.modify(fd, events)
        else:
            self.epoll.register(fd, events)
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Stop watching ``fd``; harmless when it is not watched."""
        if self._callbacks.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def later(self, seconds: float, action: Callable[[], None]) -> Timer:
        self._order += 1
        timer = Timer(monotonic() + seconds, self._order, action)
        heappush(self._timers, timer)
        return timer

    def turn(self, longest: float) -> None:
        """Wait for something to happen, at most ``longest`` seconds, and do it; then what time has come for."""
        while self._timers and self._timers[0].action is None:  # cancelled: nobody is to be woken for it
            heappop(self._timers)
        if self._timers:
            longest = max(0.0, min(longest, self._timers[0].when - monotonic()))
        for fd, _ in self.epoll.poll(longest):
            callback = self._callbacks.get(fd)
            if callback is not None:
                callback()
        now = monotonic()
        while self._timers and self._timers[0].when <= now:
            action = heappop(self._timers).action
            if action is not None:
                action()
