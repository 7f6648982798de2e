"""Frames between the control process and a worker, both ways over one channel, with signs of life."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from hotdesk.agent.frames import Decoder, FrameError, pack
from hotdesk.aio import TaskGroup, first
from hotdesk.errors import LinkLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.connections.base import Channel

HIGH = 4 << 20
"""Bytes waiting to be written above which whoever sends much waits."""
GATHERED = 1 << 17
"""Bytes of frames that leave in one write."""
PIECE = 1 << 18
"""Bytes read at once."""


class Line:
    """One end. ``serve`` runs it; what is posted before that waits."""

    def __init__(self, channel: Channel, *, lease: float) -> None:
        """``lease``: seconds without a word of the other end after which it counts as gone."""
        self.lease = lease
        self._channel = channel
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._more, self._room, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._empty.set()
        self._heard = asyncio.get_running_loop().time()
        self._over = False

    def post(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Queue a frame; frames leave whole and in this order. Nothing is sent any more once the line is over."""
        if self._over:
            return
        data = pack(header, body)
        self._queue.append(data)
        self._queued += len(data)
        self._more.set()
        self._empty.clear()
        if self._queued > HIGH:
            self._room.clear()

    async def room(self) -> None:
        """Wait while too much is queued."""
        await self._room.wait()

    async def serve(self, take: Callable[[dict[str, Any], bytes], None]) -> str:
        """Give each frame that comes to ``take`` until the line ends; why it ended."""
        try:
            async with TaskGroup() as group:
                jobs = [group.create_task(job) for job in (self._read(take), self._write(), self._beat())]
                done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
                for job in jobs:
                    job.cancel()
                return next(iter(done)).result()
        except BaseExceptionGroup as problems:
            raise first(problems) from None
        finally:
            self._over = True
            self._room.set()
            self._empty.set()

    async def flush(self) -> None:
        """Wait until all that was posted has been handed to the channel, or the line is over."""
        await self._empty.wait()

    async def _read(self, take: Callable[[dict[str, Any], bytes], None]) -> str:
        decoder, loop = Decoder(), asyncio.get_running_loop()
        try:
            while data := await self._channel.read(PIECE):
                self._heard = loop.time()
                for header, body in decoder.feed(data):
                    take(header, body)
                await asyncio.sleep(0)  # a line that always has more must not keep the others from their turn
        except LinkLost as exc:
            return exc.message
        except (FrameError, LookupError, TypeError, ValueError, asyncio.InvalidStateError) as exc:
            return f"what it says is broken: {exc!r}"
        return "the line has ended"

    async def _write(self) -> str:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue:
                data = self._gather()
                try:
                    await self._channel.write(data)
                except LinkLost as exc:
                    return exc.message
                self._queued -= len(data)
                if self._queued <= HIGH // 2:
                    self._room.set()
            self._empty.set()

    def _gather(self) -> bytes:
        parts, size = [], 0
        while self._queue and size < GATHERED:
            parts.append(self._queue.popleft())
            size += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _beat(self) -> str:
        """Say that we live, and see that the other end does."""
        loop = asyncio.get_running_loop()
        while True:
            began, pause = loop.time(), self.lease / 4
            await asyncio.sleep(pause)
            if loop.time() - began > 2 * pause:  # we were frozen ourselves: what came meanwhile is still to be read
                self._heard = max(self._heard, loop.time() - self.lease / 2)
            if loop.time() - self._heard > self.lease:
                return f"it has not been heard for {self.lease:g} s"
            self.post({"do": "ping"})


class Intake:
    """What came on a stream and was not read yet; how much of it was read is told to the sender in pieces."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told = told
        self._chunks: deque[bytes] = deque()
        self._owed = 0
        self._arrived = asyncio.Event()
        self._end: LinkLost | None = None
        self._over = False

    def put(self, data: bytes) -> None:
        self._chunks.append(data)
        self._arrived.set()

    def end(self, problem: LinkLost | None = None) -> None:
        """Nothing more comes; what is there can still be read."""
        if not self._over:
            self._over, self._end = True, problem
        self._arrived.set()

    async def read(self, limit: int) -> bytes:
        """At most ``limit`` bytes; b"" at the end. Raises LinkLost when it was none that was meant. A cancelled read loses nothing."""
        while not self._chunks:
            if self._over:
                if self._end is not None:
                    raise type(self._end)(self._end.message)
                return b""
            self._arrived.clear()
            await self._arrived.wait()
        data = self._chunks.popleft()
        if len(data) > limit:
            self._chunks.appendleft(data[limit:])
            data = data[:limit]
        self._owed += len(data)
        if self._owed >= WINDOW // 4:
            self._told(self._owed)
            self._owed = 0
        return data


WINDOW = 4 << 20
"""Bytes of one stream that may be on their way before the other end says it took them: one slow reader does not stop a line."""


class Outlet:
    """How much may still be sent on a stream."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._unread = 0
        self._room = asyncio.Event()
        self._room.set()

    def took(self, count: int) -> None:
        self._unread -= count
        if self._unread < WINDOW:
            self._room.set()

    def release(self) -> None:
        """Nobody reads any more: nobody waits either."""
        self.took(self._unread)

    async def send(self, header: dict[str, Any], data: bytes) -> None:
        """Send ``data``, then wait while more than a window of it was not read."""
        self._unread += len(data)
        if self._unread >= WINDOW:
            self._room.clear()
        self._line.post(header, data)
        if not self._room.is_set():
            await self._room.wait()
        await self._line.room()
