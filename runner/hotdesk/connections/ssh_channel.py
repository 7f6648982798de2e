"""A channel over asyncssh: bytes, back-pressure both ways, and an end that is never guessed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from hotdesk.connections.base import Channel
from hotdesk.connections.express import quicken
from hotdesk.connections.library import asyncssh
from hotdesk.errors import LinkLost

if TYPE_CHECKING:
    from collections.abc import Callable

HIGH = 4 * 1024 * 1024
LOW = 1024 * 1024
"""Bytes received and not read yet at which the other end is told to wait, and to go on."""
STDOUT, STDERR = None, asyncssh.EXTENDED_DATA_STDERR


class _Incoming:
    """The unread bytes of one stream."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self.size = 0
        self.arrived = asyncio.Event()

    def put(self, data: bytes) -> None:
        self._chunks.append(data)
        self.size += len(data)
        self.arrived.set()

    def take(self, limit: int) -> bytes:
        """At most ``limit`` bytes: whole chunks as far as they fit, else a part of the first one."""
        taken: list[bytes] = []
        room = limit
        while self._chunks and room:
            chunk = self._chunks[0]
            if len(chunk) > room:
                if not taken:
                    taken.append(chunk[:room])
                    self._chunks[0] = chunk[room:]
                break
            taken.append(self._chunks.popleft())
            room -= len(chunk)
        data = taken[0] if len(taken) == 1 else b"".join(taken)
        self.size -= len(data)
        return data


class Session(asyncssh.SSHClientSession[bytes]):
    """asyncssh's callbacks for one channel. The state here is what the Channel below reads."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self.streams = {STDOUT: _Incoming(), STDERR: _Incoming()}
        self.channel: asyncssh.SSHClientChannel[bytes] | None = None
        self.status: int | None = None
        self.ended = False
        self.eof = False
        self.reason: Exception | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.known = asyncio.Event()
        """The exit status is known, or never will be."""
        self._held = False
        self._on_end = on_end

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.streams[datatype].put(data)
        if not self._held:
            self._hold()

    def took(self) -> None:
        """Called after reading: let the other end go on when enough has been read."""
        if self._held and self.channel is not None and self._unread() < LOW:
            # All that asyncssh has kept comes at once, nothing is held meanwhile: it opens the whole window again with the first piece it
            # gives us, so what stayed behind with it would grow by a window each time.
            self.channel.resume_reading()
            self._held = False
            self._hold()

    def _hold(self) -> None:
        if self.channel is not None and self._unread() > HIGH:
            self._held = True
            self.channel.pause_reading()

    def _unread(self) -> int:
        return sum(stream.size for stream in self.streams.values())

    def eof_received(self) -> bool:
        self.eof = True
        self._wake()
        return True  # our side stays open: the command may still read

    def exit_status_received(self, status: int) -> None:
        self.status = status
        self.known.set()

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self.status = 128 + SIGNALS.get(signal, 0)
        self.known.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.reason = True, exc
        self.known.set()
        self.writable.set()
        self._wake()
        self._on_end()

    def _wake(self) -> None:
        for stream in self.streams.values():
            stream.arrived.set()


class SSHChannel(Channel):
    """The Channel over a Session."""

    def __init__(self, session: Session, name: str, connection_closed: Callable[[], bool]) -> None:
        assert session.channel is not None
        self._session = session
        self._channel = session.channel
        quicken(self._channel)
        self._name = name
        self._connection_closed = connection_closed

    async def read(self, limit: int = 65536) -> bytes:
        return await self._read(STDOUT, limit)

    async def read_stderr(self, limit: int = 65536) -> bytes:
        return await self._read(STDERR, limit)

    async def _read(self, which: int | None, limit: int) -> bytes:
        stream, session = self._session.streams[which], self._session
        while not stream.size:
            if session.eof or session.ended:
                if self._lost():
                    raise self._link_lost()
                return b""
            stream.arrived.clear()
            await stream.arrived.wait()
        data = stream.take(limit)
        session.took()
        return data

    def _lost(self) -> bool:
        """The channel ended without the command's end having been seen: it is the connection that died."""
        session = self._session
        return not session.eof and session.status is None and (session.reason is not None or self._connection_closed())

    def _link_lost(self) -> LinkLost:
        reason = self._session.reason
        return LinkLost(f"{self._name}: the connection ended{f': {reason}' if reason else ''}")

    async def write(self, data: bytes) -> None:
        session = self._session
        if session.ended or self._channel.is_closing():
            raise self._link_lost()
        self._channel.write(data)
        if not session.writable.is_set():
            await session.writable.wait()
            if session.ended:
                raise self._link_lost()

    async def write_eof(self) -> None:
        if not self._session.ended and not self._channel.is_closing():
            self._channel.write_eof()

    async def wait(self) -> int | None:
        await self._session.known.wait()
        return self._session.status

    async def aclose(self) -> None:
        if not self._session.ended:
            self._channel.abort()


# RFC 4254 6.10 names signals; the numbers are Linux's, as shells report them.
SIGNALS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ILL": 4,
    "TRAP": 5,
    "ABRT": 6,
    "BUS": 7,
    "FPE": 8,
    "KILL": 9,
    "USR1": 10,
    "SEGV": 11,
    "USR2": 12,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
}
