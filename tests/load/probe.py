"""What a running event loop takes of its process: how long each of its turns is, how many threads and descriptors there are.

A turn is the time between two looks of the loop at its descriptors. One slow step makes it long, and so do many short ones that are
ready at once; asyncio's debug mode sees only the first.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = 0.2
"""Seconds between two counts of threads and descriptors."""


@dataclass(slots=True)
class Seen:
    """The worst of all. CPU seconds are the thread's own: on a busy machine they say what the wall clock cannot."""

    turns: int = 0
    turn_wall: float = 0.0
    turn_cpu: float = 0.0
    threads: int = 0
    descriptors: int = 0

    def took(self, wall: float, cpu: float) -> None:
        """One turn more."""
        self.turns += 1
        self.turn_wall, self.turn_cpu = max(self.turn_wall, wall), max(self.turn_cpu, cpu)

    def count(self) -> None:
        """Look at this process."""
        self.threads = max(self.threads, len(os.listdir("/proc/self/task")))  # noqa: PTH208 - cheap matters here
        self.descriptors = max(self.descriptors, len(os.listdir("/proc/self/fd")))  # noqa: PTH208


@contextmanager
def watched_loop() -> Iterator[Seen]:
    """Measure this thread's event loop while the block runs."""
    seen, mine = Seen(), threading.get_ident()
    kind = selectors.DefaultSelector
    select = kind.select
    back: list[float] = []
    due = 0.0

    def look(self: Any, timeout: float | None = None) -> Any:
        nonlocal due
        if threading.get_ident() != mine:
            return select(self, timeout)
        if back:
            seen.took(time.perf_counter() - back[0], time.thread_time() - back[1])
        if time.monotonic() > due:
            seen.count()
            due = time.monotonic() + SAMPLE
        events = select(self, timeout)
        back[:] = time.perf_counter(), time.thread_time()
        return events

    kind.select = look  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        kind.select = select  # type: ignore[method-assign]


def memory(pid: int | str, field: str = "VmHWM") -> int:
    """Bytes of a process's memory as /proc/PID/status has them (VmHWM: the most that was resident; VmRSS: now)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)
