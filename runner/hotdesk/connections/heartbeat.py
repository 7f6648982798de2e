"""Signs of life of one link: a ping when nothing else is said, and the end of an agent that is not heard.

There may be ten thousand links: each has one timer and no task. Their timers go by the same clock, a few times in a beat, so that the pings of
many leave in one turn of the event loop, and one write carries those that take the same way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hotdesk.aio import SOON, Moment, left, now

if TYPE_CHECKING:
    from collections.abc import Callable

BEATS = 4
"""In a lease: so often each end hears of the other."""
TICKS = 32
"""In a beat."""
BUSY = 2.0
"""Leases without a word after which an agent is given up although we were too busy to listen."""


class Heartbeat:
    """Runs from when it is made until ``stop``. Whatever is said and heard is noted here: a link that is at work needs no pings."""

    def __init__(self, lease: float, *, ping: Callable[[], None], silent: Callable[[], None]) -> None:
        """``silent`` is called, once, when the agent has not been heard for the ``lease`` (seconds)."""
        self._loop = asyncio.get_running_loop()
        self._lease, self._ping, self._silent = lease, ping, silent
        self._heard = self._taken = now()
        self._spoken = self._pinged = self._heard.time
        self._timer = self._planned()

    @property
    def lease(self) -> float:
        return self._lease

    @lease.setter
    def lease(self, seconds: float) -> None:
        self._lease = seconds
        if not self._timer.cancelled():
            self._timer.cancel()
            self._timer = self._planned()

    @property
    def last_heard(self) -> float:
        """By the clock of the event loop."""
        return self._heard.time

    def heard(self) -> None:
        """The agent has said something."""
        self._heard = now()

    def spoke(self) -> None:
        """The channel has taken what we say."""
        self._spoken = self._loop.time()

    def sent_a_part(self) -> None:
        """The channel takes a big frame piece by piece: over a slow link its agent can answer nothing before it has all of it."""
        self._taken = now()

    def stop(self) -> None:
        self._timer.cancel()

    def _planned(self) -> asyncio.TimerHandle:
        """The next look: when something is to be said, or the agent to be given up. That comes no later, since one that hears us but cannot be
        heard ends its work only when it sees the end of the link."""
        tick, due, at = self._lease / BEATS / TICKS, self._due(), self._loop.time()
        over = self._earliest()
        if over <= at:
            over = at + max(self._patience(), SOON)
        return self._loop.call_at(min((due // tick + 1) * tick, over), self._look)

    def _earliest(self) -> float:
        """Before this it is not given up, however little we have to do."""
        return max(self._heard.time, self._taken.time) + self._lease

    def _due(self) -> float:
        """When the agent is to hear of us, or is asked since it was not heard."""
        return min(self._spoken, max(self._heard.time, self._pinged)) + self._lease / BEATS

    def _patience(self) -> float:
        """Seconds until it is given up."""
        return left(max(self._heard, self._taken), self._lease, BUSY)

    def _look(self) -> None:
        at, beat = self._loop.time(), self._lease / BEATS
        if at > self._timer.when() + beat / 2:  # we were frozen ourselves: what came meanwhile is still to be read
            self._heard = max(self._heard, Moment(at + beat - self._lease, now().idle - self._lease))
        if at >= self._earliest() and self._patience() <= 0:
            self._timer.cancel()
            self._silent()
            return
        if at >= self._due():
            self._spoken = self._pinged = at
            self._ping()
        self._timer = self._planned()
