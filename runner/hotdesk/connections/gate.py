"""How many of us may be logging in at one address at once: fewer when its server has refused one, more again as logins succeed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Gate:
    """The way to one address, or to what lies behind one jump host; an async context manager around one attempt.

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
