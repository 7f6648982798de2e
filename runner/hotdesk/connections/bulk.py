"""Bulk data: commands whose stdin and stdout are a channel of their own, and rsync's remote shell connected to such a channel.

Two ends, which the transfer layer joins by copying between their channels::

    shell = await source.remote_shell(["rsync", "-a", "-s", "--info=progress2", "/src/", "peer:/dst/"], task=task)
    async with opening(target) as bridge:                     # begun before the words are known: it takes a while
        server = await target.bulk(shell.command, bridge, task=task)  # ["rsync", "--server", ..., ".", "/dst/"], made by rsync itself
    ... copy shell.channel.read() -> server.channel.write() and back, until server.wait() returns ...
    await shell.finish(server_rc);  done = await shell.wait()

With ``-s`` (--secluded-args) the words of the server command are plain; paths travel inside the protocol.
The end of a session is known from the server process, never by waiting for end of file on rsync's own pipe: rsync waits for its
remote shell, which waits for us.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hotdesk.agent.frames import FrameError
from hotdesk.aio import owned
from hotdesk.connections import bounds, shipping
from hotdesk.connections.base import Channel
from hotdesk.connections.local import FdChannel, LocalConnection
from hotdesk.errors import ConnectError, LinkLost, TaskError
from hotdesk.shapes import misfit
from hotdesk.text import brief

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
    from typing import Self

    from hotdesk.connections.answers import Completed
    from hotdesk.connections.link import Link

START_LIMIT = 30.0
"""Seconds for a second channel with a bridge on it, and for rsync to start its remote shell."""
LONGEST_LINE = 1 << 20
"""Bytes of a bridge's answer; the words of an rsync command line are the longest."""


class Bulk:
    """A command under way. Use as ``async with``: leaving ends the command (TERM, grace, KILL) unless it has ended, and the channel."""

    def __init__(
        self,
        channel: Channel,
        command: asyncio.Task[Completed],
        *,
        words: list[str] | None = None,
        finish: Callable[[int], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Use ``Link.bulk`` or ``Link.remote_shell``."""
        self.channel = channel
        """Its stdin and stdout, or (``remote_shell``) what its remote shell reads and writes: ``read`` gives what goes to the peer."""
        self.command = words or []
        """``remote_shell`` only: what rsync wants run at the other end, e.g. ["rsync", "--server", ...] (the host name is taken off)."""
        self._command, self._finish = command, finish

    async def wait(self) -> Completed:
        """Its end as the agent saw it, with stderr (and stdout for ``remote_shell``). Cancelling the wait does not end the command.

        Raises LinkLost; OSError when the program cannot be started.
        """
        return await asyncio.shield(self._command)

    async def finish(self, status: int = 0) -> None:
        """``remote_shell`` only: the remote shell ends with ``status``; call it when the peer's command has ended and all was copied."""
        if self._finish is not None:
            await self._finish(status)

    def end(self) -> None:
        """Begin to end the command; ``aclose`` waits until it has ended."""
        if not self._command.cancelling():
            self._command.cancel()

    async def aclose(self) -> None:
        """End the command if it still runs, bounded by the link's grace + 2 s; give the channel up."""
        try:
            if not self._command.done():
                self.end()
                await asyncio.wait({self._command})
        finally:
            await self.finish(255)
            await self.channel.aclose()
            if self._command.done() and not self._command.cancelled():
                self._command.exception()  # seen

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Prefixed(Channel):
    """A channel after its first lines were read: what was read too far comes first."""

    def __init__(self, channel: Channel, host: str) -> None:
        self._channel, self._host = channel, host
        self._ahead = b""

    async def line(self, shape: dict[str, Any]) -> dict[str, Any]:
        """The next line, a JSON object of this shape. Raises ConnectError with the other end's words when there is none."""
        while b"\n" not in self._ahead:
            data = await self._channel.read()
            if not data or len(self._ahead) > LONGEST_LINE:
                raise ConnectError(f"{self._host}: the bridge ended early: {await self._last_words()}")
            self._ahead += data
        text, _, self._ahead = self._ahead.partition(b"\n")
        try:
            bounds.modest(text)
            found = json.loads(text)
        except (FrameError, ValueError, RecursionError) as exc:
            raise ConnectError(f"{self._host}: the bridge's answer is broken: {exc}") from None
        if wrong := misfit(found, shape):
            raise ConnectError(f"{self._host}: the bridge's answer is broken: {wrong}")
        return dict(found)

    async def _last_words(self) -> str:
        return brief((await self._channel.read_stderr()).decode("utf-8", "replace"))

    async def skip_to(self, token: bytes) -> None:
        """Past what a login shell printed before the bridge's first word."""
        while (at := self._ahead.find(token)) < 0:
            data = await self._channel.read()
            if not data or len(self._ahead) > 1 << 16:
                raise ConnectError(f"{self._host}: the bridge did not start: {await self._last_words()}")
            self._ahead += data
        self._ahead = self._ahead[at + len(token) :]

    async def read(self, limit: int = 65536) -> bytes:
        if self._ahead:
            found, self._ahead = self._ahead[:limit], self._ahead[limit:]
            return found
        return await self._channel.read(limit)

    async def read_stderr(self, limit: int = 65536) -> bytes:
        return await self._channel.read_stderr(limit)

    async def write(self, data: bytes) -> None:
        await self._channel.write(data)

    async def write_eof(self) -> None:
        await self._channel.write_eof()

    async def wait(self) -> int | None:
        return await self._channel.wait()

    async def aclose(self) -> None:
        await self._channel.aclose()


@asynccontextmanager
async def _in_time(link: Link, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(START_LIMIT):
            yield
    except TimeoutError:
        host = link.connection.endpoint.host
        raise ConnectError(f"{host}: {what} did not start on a channel of its own within {START_LIMIT:g} s") from None


async def _open(link: Link) -> Prefixed:
    """A second channel with a bridge on it that waits to be told what to do."""
    start = shipping.bridge(link.info.executable, run=link.run_id, token=secrets.token_hex(16))
    channel = Prefixed(await link.connection.open(start.command), link.connection.endpoint.host)
    try:
        async with _in_time(link, "the bridge"):
            await channel.write(start.payload)
            await channel.skip_to(start.token)
            return channel
    except BaseException:
        await channel.aclose()
        raise


async def _tell(channel: Prefixed, parameters: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """What the bridge is to do, and its answer."""
    text = json.dumps(parameters).encode()
    await channel.write(b"%010d" % len(text) + text)
    return await channel.line(shape)


@asynccontextmanager
async def opening(link: Link) -> AsyncIterator[asyncio.Task[Prefixed]]:
    """A further channel of the link's connection for one ``Link.bulk``, on its way from now on; given up at the end of the block."""
    task = owned(_open(link))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None:
            await task.result().aclose()


async def start_bulk(
    link: Link,
    argv: Sequence[str | bytes],
    bridge: asyncio.Task[Prefixed],
    *,
    task: str,
    env: Mapping[str, str] | None,
) -> Bulk:
    """See ``Link.bulk``."""
    token = secrets.token_hex(16)
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    header = {"op": "bulk", "token": token, "argv": list(argv), "env": dict(env or {})}
    command = owned(link.command(header, task=task, on_listening=listening.set_result))
    channel = None
    try:
        async with _in_time(link, "the command"):
            waited: set[asyncio.Future[Any]] = {command, listening}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                command.result()  # raises why it did not even begin
            channel = await asyncio.shield(bridge)
            await _tell(channel, {"do": "hand", "address": listening.result(), "token": token}, {})
            return Bulk(channel, command)
    except BaseException:
        await _give_up(command, channel)
        raise


async def _give_up(command: asyncio.Task[Any], channel: Channel | None) -> None:
    command.cancel()
    try:
        await asyncio.wait({command})
    finally:
        if channel is not None:
            await channel.aclose()


async def start_remote_shell(
    link: Link,
    argv: Sequence[str | bytes],
    *,
    task: str,
    env: Mapping[str, str] | None,
    on_output: Callable[[str, bytes], None] | None,
) -> Bulk:
    """See ``Link.remote_shell``."""
    token = secrets.token_hex(16)
    users = [0, os.getuid(), link.info.uid] if isinstance(link.connection, LocalConnection) else [0, link.info.uid]
    door: _Door | _FarDoor
    if isinstance(link.connection, LocalConnection):
        door = _Door(token, users)
    else:
        door = await _far_door(link, {"do": "shell", "token": token, "users": users})
    marks = {"RSYNC_RSH": shipping.remote_shell(link.info.executable)}
    marks |= {"HOTDESK_SHELL_ADDRESS": door.address, "HOTDESK_SHELL_TOKEN": token}
    run = link.run(argv, task=task, env={**(env or {}), **marks}, on_output=on_output)
    command, opened = owned(run), owned(door.wait())
    try:
        async with _in_time(link, "rsync"):
            await asyncio.wait({command, opened}, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            raise _no_shell(link, command.result())
        words, road = opened.result()
        return Bulk(road, command, words=_without_host(words), finish=door.finish)
    except BaseException:
        opened.cancel()
        await asyncio.wait({opened})
        await _give_up(command, None)
        await door.aclose()
        raise


async def _far_door(link: Link, parameters: dict[str, Any]) -> _FarDoor:
    channel = await _open(link)
    try:
        async with _in_time(link, "the bridge"):
            return _FarDoor(channel, (await _tell(channel, parameters, {"address": str}))["address"])
    except BaseException:
        await channel.aclose()
        raise


def _no_shell(link: Link, end: Completed) -> TaskError:
    said = brief(end.stderr.decode("utf-8", "replace"))
    return TaskError(
        f"{link.connection.endpoint.host}: rsync ended with {end.rc} before it asked for the other end: {said}",
        data={"rc": end.rc},
    )


def _without_host(words: list[str]) -> list[str]:
    """rsync gives its remote shell ``[-l USER] HOST COMMAND...``."""
    return words[3:] if words[:1] == ["-l"] else words[1:]


class _FarDoor:
    """The remote shell of an rsync on another PC: a bridge there."""

    def __init__(self, channel: Prefixed, address: str) -> None:
        self._channel, self.address = channel, address

    async def wait(self) -> tuple[list[str], Channel]:
        return (await self._channel.line({"words": [str]}))["words"], self._channel

    async def finish(self, _status: int) -> None:
        """The bridge takes the end of its stdin for a good end; a bad one rsync knows from its protocol."""
        with contextlib.suppress(LinkLost):
            await self._channel.write_eof()

    async def aclose(self) -> None:
        await self._channel.aclose()


class _Door:
    """The remote shell of an rsync on this PC: its own descriptors, handed over a unix socket of ours."""

    def __init__(self, token: str, users: list[int]) -> None:
        self._token, self._users = token.encode(), users
        self.address = f"hotdesk-{secrets.token_hex(16)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind("\0" + self.address)
        self._socket.listen(4)
        self._socket.setblocking(False)
        self._peer: socket.socket | None = None

    async def wait(self) -> tuple[list[str], Channel]:
        loop = asyncio.get_running_loop()
        try:
            while True:
                peer, _ = await loop.sock_accept(self._socket)
                found = await self._receive(peer)
                if found is not None:
                    self._peer = peer
                    return found
                peer.close()
        finally:
            self._socket.close()

    async def _receive(self, peer: socket.socket) -> tuple[list[str], Channel] | None:
        uid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid not in self._users:
            return None
        await _readable(peer)
        data, fds, _, _ = socket.recv_fds(peer, 1 << 17, 2)
        if len(fds) != 2 or data[:32] != self._token:
            for fd in fds:
                os.close(fd)
            return None
        channel = FdChannel(fds[1], fds[0])
        channel.ended(0)
        return json.loads(data[32:]), channel

    async def finish(self, status: int) -> None:
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._peer.send(bytes([min(max(status, 0), 255)]))
            self._peer.close()
            self._peer = None

    async def aclose(self) -> None:
        self._socket.close()
        if self._peer is not None:
            self._peer.close()


async def _readable(peer: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(peer.fileno(), lambda: None if ready.done() else ready.set_result(None))
    try:
        async with asyncio.timeout(5.0):
            await ready
    finally:
        loop.remove_reader(peer.fileno())
