"""A stop from the first signal to the exit code: who is cancelled, what is said, how long it may take."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hotdesk import events as ev

if TYPE_CHECKING:
    from hotdesk.bus import Bus
    from hotdesk.connections.pool import Pool
    from hotdesk.executor.run import Run
    from hotdesk.settings import Settings

LAST_RESORT = 5.0
"""Seconds after ``stop_limit`` at which the process ends whatever still hangs; the agents' EOF rule ends what they run."""


@dataclass(slots=True, eq=False)
class Stopping:
    """Begun by a signal (``begin``); ``force`` cuts the waiting."""

    task: asyncio.Task[object]
    settings: Settings
    bus: Bus
    run: Run | None = None
    pool: Pool | None = None
    begun: bool = False
    signum: int | None = None
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def begin(self, signum: int) -> None:
        """The first signal."""
        self.signum = signum
        self._stop(signal.Signals(signum).name)

    def force(self) -> None:
        """The second signal, or the limit: KILL at once, no more waiting for clean-up."""
        self.bus.emit(ev.InterruptedRun(reason="forced", under_way=self._under_way(), forced=True))
        if self.pool is not None:
            self.pool.force()
        if self.run is not None:
            self.run.stop.force()

    def end(self) -> None:
        """All is over: no timer may fire any more."""
        for timer in self._timers:
            timer.cancel()

    def exit_code(self, otherwise: int) -> int:
        """The signal's, else that of the results, which cannot be 0 after a stop."""
        return 128 + self.signum if self.signum is not None else otherwise or 2

    def _stop(self, reason: str) -> None:
        loop, limit = asyncio.get_running_loop(), self.settings.stop_limit
        self.begun = True
        self.bus.emit(ev.InterruptedRun(reason=reason, under_way=self._under_way()))
        if self.run is not None:
            self.run.stop.begin(reason, limit=limit, signum=self.signum)
        if self.pool is not None:
            self.pool.grace(min(self.settings.stop_grace, limit * 0.6))
        self._timers.append(loop.call_later(limit * 0.8, self._overdue))
        self._timers.append(loop.call_later(limit + LAST_RESORT, self._give_up))
        self.task.cancel()

    def _overdue(self) -> None:
        if self.pool is not None:
            self.pool.force()
        if self.run is not None:
            self.run.stop.force()

    def _give_up(self) -> None:
        if self.signum is not None:
            os._exit(128 + self.signum)

    def _under_way(self) -> dict[str, str]:
        return dict(self.run.under_way) if self.run is not None else {}
