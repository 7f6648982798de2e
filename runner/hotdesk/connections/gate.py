"""How many of us may be logging in at once: at one address, and at all."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

from hotdesk.aio import now

if TYPE_CHECKING:
    from types import TracebackType

    from hotdesk.aio import Moment

FIRST = 8
"""Logins at once of which a run knows nothing yet, and at least so many later."""
SLOW, FAIR = 1 / 4, 1 / 8
"""Parts of its limit that a login takes."""
BUSY = 1 / 2
"""The part of a login in which we had nothing else to do, below which it was slow because of us."""


class Gate:
    """The way to one address, or to what lies behind one jump host: fewer at once when it has refused one, more again as logins succeed.

    An async context manager around one attempt.

    sshd drops connections once too many are there that have not logged in yet, those of strangers too: by default a growing share
    of them from the tenth on (MaxStartups 10:30:100, sshd_config(5)). How much room there is can only be found out by trying, so a
    refusal halves the places and a row of logins adds one: what competes with us is left its share.
    """

    def __init__(self, most: int) -> None:
        self._most = self.places = most
        self._inside = self._in_a_row = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> Self:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # we had been let in already
                self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def refused(self) -> None:
        """The server has dropped an attempt."""
        self.places, self._in_a_row = max(1, self.places // 2), 0

    def admitted(self) -> None:
        """Somebody has logged in."""
        self._in_a_row += 1
        if self.places < self._most and self._in_a_row >= self._most:
            self.places, self._in_a_row = self.places + 1, 0
            self._let_in()

    def _leave(self) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._inside < self.places:
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


class Pace(Gate):
    """All logins of a run: more at once while this machine keeps up with them, fewer when they wait for each other.

    A login costs some milliseconds of one processor at this end, or some hundred on a slow or busy one. Where 64 of them take turns, each
    takes 64 times as long, which may be longer than its limit, and no PC would be at fault.
    """

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.places = min(most, FIRST)
        self._narrowed = 0.0

    def took(self, began: Moment, limit: float) -> None:
        """A login that began then has succeeded; its ``limit`` is in seconds."""
        at = now()
        seconds = at.time - began.time
        busy = at.idle - began.idle < seconds * BUSY
        if busy and seconds > limit * SLOW:
            if began.time >= self._narrowed:  # what began before says nothing of the places that there are now
                self.places, self._narrowed = max(min(self._most, FIRST), self.places // 2), at.time
        elif self.places < self._most and not (busy and seconds > limit * FAIR):
            self.places += 1
            self._let_in()
