"""What flows through a request: output captured with a cap, input fed with back-pressure, a call's frames, an agent's errors."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from hotdesk.agent.frames import CHUNK, WINDOW, Decoder, FrameError
from hotdesk.connections import bounds, protocol
from hotdesk.connections.answers import Completed
from hotdesk.errors import LinkLost, LockHeld, TaskError
from hotdesk.text import brief

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping

    from hotdesk.connections.wire import Exchange, Wire


class Capture:
    """A stream's content: all of it, or of what costs more than ``cap`` (``bounds.OUTPUT``) the first and the last half."""

    def __init__(self, cap: int = bounds.OUTPUT) -> None:
        self._half = cap // 2
        self._head: list[bytes] = []
        self._tail: deque[tuple[bytes, int]] = deque()
        self._in_head = self._in_tail = 0
        self.truncated = False

    def add(self, data: bytes) -> None:
        room = self._half - self._in_head
        cost = len(data) + bounds.LINE * bounds.breaks(data)
        if room > 0:
            piece = data if cost <= room else data[: room * len(data) // cost]
            self._head.append(piece)
            self._in_head += min(cost, room)
            data, cost = data[len(piece) :], cost - min(cost, room)
        if data:
            self._tail.append((data, cost))
            self._in_tail += cost
        while self._tail and self._in_tail - self._tail[0][1] >= self._half:
            self._in_tail -= self._tail.popleft()[1]
            self.truncated = True

    def value(self) -> bytes:
        """What was kept; a marker stands where something was dropped."""
        gap = [b"\n[... output dropped here ...]\n"] if self.truncated else []
        return b"".join([*self._head, *gap, *(data for data, _ in self._tail)])


class Feed:
    """The stdin of a request. ``write`` waits while more than a window of it was not taken yet."""

    def __init__(self, wire: Wire, ident: int) -> None:
        self._wire, self._id = wire, ident
        self._unread = 0
        self._room = asyncio.Event()

    def took(self, count: int) -> None:
        self._unread -= count
        self._room.set()

    async def write(self, data: bytes) -> None:
        """Send ``data`` in pieces. Raises nothing when the process reads no more: its exit tells."""
        view = memoryview(data)
        while view:
            while self._unread >= WINDOW:
                self._room.clear()
                await self._room.wait()
            piece = bytes(view[:CHUNK])
            view = view[CHUNK:]
            self._unread += len(piece)
            await self._wire.send({"op": "input", "id": 0, "to": self._id}, piece)

    def end(self) -> None:
        self._wire.post({"op": "input", "id": 0, "to": self._id, "eof": True})


async def feed_bytes(data: bytes, feed: Feed) -> None:
    """All of ``data``, then end of file."""
    await feed.write(data)
    feed.end()


async def feed_chunks(data: bytes | AsyncIterator[bytes], feed: Feed) -> None:
    """The content of a file, each piece with its length before it and a zero at the end: a cut stream is not a short file."""
    if isinstance(data, bytes):
        data = _once(data)
    async for chunk in data:
        for at in range(0, len(chunk), CHUNK):
            piece = chunk[at : at + CHUNK]
            await feed.write(len(piece).to_bytes(4, "big") + piece)
    await feed.write(bytes(4))
    feed.end()


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


class Answer:
    """The stream ``result`` of a call: items to ``on_item``, then a value or an error; what it printed is kept for diagnosis."""

    def __init__(self, host: str, on_item: Callable[[Any], None] | None) -> None:
        self._host, self._on_item = host, on_item
        self._decoder = Decoder(bounds.ANSWER, bounds.modest)
        self._printed = Capture(8192)
        self._end: dict[str, Any] | None = None

    def take(self, stream: str, data: bytes) -> None:
        if stream != "result":
            self._printed.add(data)
            return
        try:
            for header, _ in self._decoder.feed(data):
                self._take(header)
        except FrameError as exc:
            raise TaskError(f"{self._host}: what a function there gave back is broken: {exc}") from None

    def _take(self, header: dict[str, Any]) -> None:
        if self._end is not None:
            raise FrameError("it gave back two values")
        if "item" in header:
            if self._on_item is not None:
                self._on_item(header["item"])
            return
        if "result" not in header and (wrong := protocol.error_misfit(header)):
            raise FrameError(wrong)
        self._end = header

    def value(self, end: dict[str, Any]) -> Any:
        """The returned value. Raises what the function raised, or TaskError when it died without a word."""
        if self._end is None:
            how = f"was killed by signal {end['signal']}" if end["signal"] else f"ended with status {end['rc']}"
            printed = self._printed.value().decode("utf-8", "replace")
            raise TaskError(f"{self._host}: the function {how} before it returned", data={"exception": printed})
        if "result" in self._end:
            return self._end["result"]
        raise protocol.remote_error(self._end, self._host)


async def read_file(
    wire: Wire, path: str, task: str, abandon: Callable[[Exchange], Awaitable[None]]
) -> AsyncGenerator[bytes, None]:
    """For ``Link.get``. ``abandon(exchange)`` ends the request when the reader leaves early."""
    header = {"op": "call", "task": task, "module": "files", "function": "read", "args": [path], "kwargs": {}}
    answer, over = Answer(wire.host, None), False
    with wire.exchange() as exchange:
        try:
            await wire.send({**header, "id": exchange.id})
            while not over:
                found, body = await exchange.next()
                over = found["ev"] in ("exit", "failed")
                if found["ev"] != "out":
                    continue
                if found["stream"] == "out":
                    yield body
                else:
                    answer.take(found["stream"], body)
                wire.post({"op": "took", "id": 0, "to": exchange.id, "stream": found["stream"], "n": len(body)})
            if found["ev"] == "failed":
                raise protocol.remote_error(found, wire.host)
            answer.value(found)
        except LinkLost:
            raise
        except BaseException:
            if not over:
                await abandon(exchange)
            raise


def completed(end: dict[str, Any], captured: Mapping[str, Capture]) -> Completed:
    """An exit event with the captured streams "out" and "err"."""
    return Completed(
        rc=end["rc"],
        signal=end["signal"],
        seconds=end["seconds"],
        stdout=captured["out"].value(),
        stderr=captured["err"].value(),
        truncated=any(stream.truncated for stream in captured.values()),
    )


def lock_held(host: str, record: Mapping[str, Any]) -> LockHeld:
    """The error naming who holds a PC's lock; ``record`` as its holder wrote it (may be empty)."""
    said = {name: brief(str(record[name]), 100) for name in ("run", "holder", "since") if record.get(name)}
    who = f" ({said['holder']})" if "holder" in said else ""
    since = f" since {said['since']}" if "since" in said else ""
    return LockHeld(f"{host} is held by run {said.get('run', 'unknown')}{who}{since}", data={"lock": record})
