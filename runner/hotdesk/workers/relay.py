"""One channel of a PC, passed on byte for byte over a line: the worker's side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.aio import TaskGroup
from hotdesk.errors import LinkLost
from hotdesk.workers.line import PIECE, Intake, Line, Outlet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.connections.base import Channel


class Relay:
    """``run`` passes everything on until it is cancelled, and then gives the channel up."""

    def __init__(self, line: Line, ident: int, channel: Channel) -> None:
        self.stdin = Intake(lambda count: line.post({"do": "took", "ch": ident, "n": count}))
        self.outlets = {"out": Outlet(line), "err": Outlet(line)}
        self._line, self._ident, self._channel = line, ident, channel

    async def run(self) -> None:
        """To the end of both streams, of what is written and of the command."""
        try:
            async with TaskGroup() as group:
                group.create_task(self._pass_on("out", self._channel.read))
                group.create_task(self._pass_on("err", self._channel.read_stderr))
                group.create_task(self._feed())
                status = await self._channel.wait()
                self._line.post({"do": "exit", "ch": self._ident, "status": status})
        finally:
            await self._channel.aclose()

    async def _pass_on(self, stream: str, read: Callable[[int], Awaitable[bytes]]) -> None:
        header = {"do": "data", "ch": self._ident, "s": stream}
        lost = None
        try:
            while data := await read(PIECE):
                await self.outlets[stream].send(header, data)
        except LinkLost as exc:
            lost = exc.message
        self._line.post({"do": "over", "ch": self._ident, "s": stream, "lost": lost})

    async def _feed(self) -> None:
        try:
            while data := await self.stdin.read(PIECE):
                await self._channel.write(data)
            await self._channel.write_eof()
        except LinkLost as exc:
            self._line.post({"do": "deaf", "ch": self._ident, "text": exc.message})
