"""Where a worker runs, and the line to it: as a child of ours, or (``cluster``) in a worker of a Dask cluster."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from hotdesk.connections.base import Endpoint
from hotdesk.connections.local import LocalConnection
from hotdesk.text import brief

if TYPE_CHECKING:
    from hotdesk.connections.base import Channel

LAST_WORDS = 4096
"""Bytes."""
STATUS_LIMIT = 0.5
"""Seconds after the end of a worker's line in which its exit status is known."""


class Seat(ABC):
    """One worker's place."""

    name: str
    """How the worker is told of."""
    channel: Channel
    """Its line, once it is open."""
    private = True
    """Nobody can read on the way what goes over the line."""

    @abstractmethod
    async def open(self, run: str) -> None:
        """Start it, or find it at work. Raises LinkLost."""

    @abstractmethod
    def named(self, pid: int) -> str:
        """How the worker is told of, once it has said who it is."""

    async def listen(self) -> None:  # noqa: B027 - not every one has more to say
        """Take what it says beside the line, until it ends or this is cancelled."""

    @abstractmethod
    async def why(self, line: str) -> str:
        """Why it has gone; ``line`` is all that its line says of it."""

    @abstractmethod
    async def aclose(self) -> None:
        """It ends now, if it has not ended. Bounded."""


class ChildSeat(Seat):
    """A process on this machine, in a session of its own: what a terminal sends to us does not reach it. Frames go over its stdin and stdout."""

    def __init__(self, number: int) -> None:
        self.name = f"worker {number}"
        self._connection = LocalConnection(Endpoint(host=self.name, kind="local"))
        self._said = bytearray()

    async def open(self, run: str) -> None:
        # Marked as everything that a run starts. -P: what lies in the working directory is no module of ours.
        words = ["env", f"HOTDESK_RUN={run}", sys.executable, "-P", "-m", "hotdesk.workers"]
        self.channel = await self._connection.open("exec " + shlex.join(words))

    def named(self, pid: int) -> str:
        return f"{self.name} (pid {pid})"

    async def listen(self) -> None:
        while data := await self.channel.read_stderr():
            self._said += data
            del self._said[:-LAST_WORDS]

    async def why(self, line: str) -> str:
        try:
            async with asyncio.timeout(STATUS_LIMIT):
                status = await self.channel.wait()
        except TimeoutError:
            return line
        said = brief(self._said.decode("utf-8", "replace"))
        how = (
            f"was killed by {signal.Signals(status - 128).name}"
            if status and status > 128
            else f"ended with status {status}"
        )
        return f"it {how}" + (f": {said}" if said else "")

    async def aclose(self) -> None:
        await self.channel.aclose()
        await self._connection.aclose()
