"""What flows through a request: output captured with a cap, input fed with back-pressure, a call's frames, an agent's errors."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from hotdesk.agent.frames import CHUNK, WINDOW, Decoder
from hotdesk.connections.answers import Completed
from hotdesk.errors import LinkLost, LockHeld, TaskError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from hotdesk.connections.wire import Exchange, Wire

CAP = 64 << 20
"""Bytes of one stream that are kept: the first half and the last half of them."""


class Capture:
    """A stream's content: all of it, or its first and last ``cap / 2`` bytes."""

    def __init__(self, cap: int = CAP) -> None:
        self._half = cap // 2
        self._head: list[bytes] = []
        self._tail: deque[bytes] = deque()
        self._in_head = self._in_tail = 0
        self.truncated = False

    def add(self, data: bytes) -> None:
        room = self._half - self._in_head
        if room > 0:
            self._head.append(data[:room])
            self._in_head += min(len(data), room)
            data = data[room:]
        if data:
            self._tail.append(data)
            self._in_tail += len(data)
        while self._tail and self._in_tail - len(self._tail[0]) >= self._half:
            self._in_tail -= len(self._tail.popleft())
            self.truncated = True

    def value(self) -> bytes:
        """What was kept; a marker stands where something was dropped."""
        gap = [b"\n[... output dropped here ...]\n"] if self.truncated else []
        return b"".join([*self._head, *gap, *self._tail])


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
        self._decoder = Decoder()
        self._printed = Capture(8192)
        self._end: dict[str, Any] | None = None

    def take(self, stream: str, data: bytes) -> None:
        if stream != "result":
            self._printed.add(data)
            return
        for header, _ in self._decoder.feed(data):
            if "item" not in header:
                self._end = header
            elif self._on_item is not None:
                self._on_item(header["item"])

    def value(self, end: dict[str, Any]) -> Any:
        """The returned value. Raises what the function raised, or TaskError when it died without a word."""
        if self._end is None:
            how = f"was killed by signal {end['signal']}" if end["signal"] else f"ended with status {end['rc']}"
            printed = self._printed.value().decode("utf-8", "replace")
            raise TaskError(f"{self._host}: the function {how} before it returned", data={"exception": printed})
        if "result" in self._end:
            return self._end["result"]
        raise remote_error(self._end, self._host)


def remote_error(fields: dict[str, Any], host: str) -> Exception:
    """The exception that an agent's error fields stand for: OSError, or TaskError with data."""
    if fields["error"] == "os":
        name = fields["filename"]
        args = (fields["errno"], fields["strerror"])
        return (
            OSError(*args, name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name)
            if name
            else OSError(*args)
        )
    if fields["error"] == "failed":
        return TaskError(str(fields["msg"]), data=fields["data"])
    return TaskError(f"{host}: {fields['msg']}", data={"exception": fields["traceback"]})


async def read_file(
    wire: Wire, path: str, task: str, abandon: Callable[[Exchange], Awaitable[None]]
) -> AsyncIterator[bytes]:
    """For ``Link.get``. ``abandon(exchange)`` ends the request when the reader leaves early."""
    header = {"op": "call", "task": task, "module": "files", "function": "read", "args": [path], "kwargs": {}}
    answer = Answer(wire.host, None)
    with wire.exchange() as exchange:
        try:
            await wire.send({**header, "id": exchange.id})
            while (event := await exchange.next())[0]["ev"] != "exit":
                found, body = event
                if found["ev"] == "failed":
                    raise remote_error(found, wire.host)
                if found["ev"] != "out":
                    continue
                if found["stream"] == "out":
                    yield body
                else:
                    answer.take(found["stream"], body)
                wire.post({"op": "took", "id": 0, "to": exchange.id, "stream": found["stream"], "n": len(body)})
            answer.value(event[0])
        except (LinkLost, OSError, TaskError):
            raise
        except BaseException:
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
    who = f" ({record['holder']})" if record.get("holder") else ""
    since = f" since {record['since']}" if record.get("since") else ""
    return LockHeld(f"{host} is held by run {record.get('run', 'unknown')}{who}{since}", data={"lock": record})
