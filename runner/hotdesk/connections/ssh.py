"""A connection over asyncssh."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any, Self

from hotdesk import aio
from hotdesk.connections.base import Connection
from hotdesk.connections.library import asyncssh
from hotdesk.connections.ssh_channel import Session, SSHChannel
from hotdesk.connections.ssh_errors import translated
from hotdesk.connections.ssh_files import SSHFiles
from hotdesk.connections.ssh_options import PACKET, WINDOW, Prepared, prepare
from hotdesk.errors import ConnectError, HostKeyError, LinkLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.connections.base import Channel, Endpoint

CHANNELS = 8
"""sshd's MaxSessions is 10 by default; what ssh itself or another run opens on this connection needs some room."""
CHANNEL_LIMIT = 30.0
CLOSE_LIMIT = 1.0
"""Seconds."""
NO_LINGER = struct.pack("ii", 1, 0)


class _Client(asyncssh.SSHClient):
    """asyncssh's questions while a connection is set up."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._agent: asyncssh.SSHAgentClient | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """The whole judgement of a host key is ours: asyncssh's own tells neither what a bad certificate is nor whose it is."""
        if self._prepared.check is not None:
            conn.validate_server_host_key = self._prepared.check.verified  # type: ignore[method-assign]

    async def public_key_auth_requested(self) -> Any:
        """Every key we named was refused: the agent's, once."""
        path = self._prepared.agent_afterwards
        if path is None or self._agent is not None:
            return None
        try:
            self._agent = await asyncssh.connect_agent(path)
            return list(await self._agent.get_keys()) or None
        except (OSError, ValueError):
            return None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._agent is not None:
            self._agent.close()


class JumpRoute:
    """What asyncssh needs of a connection to reach another host through it, with a window that long ways need."""

    def __init__(self, connection: SSHConnection) -> None:
        self._connection = connection.raw
        self.logger = connection.raw.logger

    async def create_connection(self, factory: Callable[[], Any], host: str, port: int) -> Any:
        return await self._connection.create_connection(factory, host, port, window=WINDOW, max_pktsize=PACKET)


class SSHConnection(Connection):
    """One authenticated asyncssh connection; at most ``CHANNELS`` channels on it at once."""

    def __init__(self, endpoint: Endpoint, raw: asyncssh.SSHClientConnection, where: str) -> None:
        self.endpoint = endpoint
        self.raw = raw
        self._where = where
        self.accepted = ""
        """What to tell about a new host key that was accepted."""
        self._slots = asyncio.Semaphore(CHANNELS)

    @classmethod
    async def connect(
        cls,
        endpoint: Endpoint,
        files: SSHFiles | None = None,
        *,
        prepared: Prepared | None = None,
        via: SSHConnection | None = None,
    ) -> Self:
        """Connect, check the host key and log in, all within ``endpoint.connect_timeout`` seconds (``aio.patient``).

        ``prepared`` spares reading configuration again; ``via`` is the open connection to its jump host.
        Raises ConnectError, AuthenticationError or HostKeyError.
        """
        if prepared is None:
            prepared = await aio.in_thread(prepare, endpoint, files or SSHFiles())
        if prepared.jump is not None and via is None:
            raise ConnectError(f"{endpoint.host}: it is reached through {prepared.jump.host}, which is not connected")
        check = prepared.check
        try:
            with translated(endpoint, prepared.where):
                async with aio.patient(endpoint.connect_timeout):
                    raw = await asyncssh.connect(
                        prepared.host,
                        prepared.port,
                        config=None,
                        options=prepared.base,
                        client_factory=lambda: _Client(prepared),
                        tunnel=JumpRoute(via) if via is not None else None,
                        **prepared.extra,
                    )
        except HostKeyError as exc:
            if check is not None:
                raise await aio.in_thread(check.error, exc.message) from None
            raise
        except ConnectError as exc:
            if exc.__cause__ is not None and isinstance(exc.__cause__, TimeoutError):
                raise ConnectError(
                    f"{endpoint.host}: no login at {prepared.where} within {endpoint.connect_timeout:g} s",
                    remedy="Is the PC on and the address right? ansible_ssh_timeout sets the limit.",
                ) from None
            raise
        connection = cls(endpoint, raw, prepared.where)
        if check is not None and check.new:
            try:
                connection.accepted = await aio.in_thread(check.remember)
            except BaseException:
                raw.abort()
                raise
        _set_user_timeout(raw, endpoint.keepalive_interval * endpoint.keepalive_count)
        return connection

    async def open(self, command: str) -> Channel:
        slot = _Slot(self._slots)
        try:
            async with aio.patient(CHANNEL_LIMIT):
                await slot.acquire()
                return await self._open(command, slot)
        except TimeoutError:
            slot.release()
            raise ConnectError(
                f"{self.endpoint.host}: no free channel on the connection within {CHANNEL_LIMIT:g} s",
                remedy="sshd's MaxSessions limits them.",
            ) from None
        except BaseException:
            slot.release()
            raise

    async def _open(self, command: str, slot: _Slot) -> Channel:
        """A refusal (MaxSessions: sessions of commands that still run count) is tried again until the caller's limit."""
        delay = 0.05
        while not self.closed:
            try:
                session = await self._session(command, slot)
            except asyncssh.ChannelOpenError:
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)
                continue
            return SSHChannel(session, f"{self.endpoint.host} ({self._where})", self.raw.is_closed)
        raise LinkLost(f"{self.endpoint.host}: the connection to {self._where} has ended")

    async def _session(self, command: str, slot: _Slot) -> Session:
        """Open one session; when the caller is cancelled meanwhile, the channel is closed as soon as it is there."""

        async def create() -> Session:
            _, session = await self.raw.create_session(
                lambda: Session(slot.release), command, encoding=None, window=WINDOW, max_pktsize=PACKET
            )
            assert isinstance(session, Session)
            return session

        try:
            return await aio.or_undo(create(), _abandon)
        except (asyncssh.DisconnectError, OSError) as exc:
            raise LinkLost(f"{self.endpoint.host}: the connection to {self._where} ended: {exc}") from exc

    @property
    def closed(self) -> bool:
        return self.raw.is_closed()

    def reset(self) -> None:
        """Break it off at once. A close would wait behind what the other end has not acknowledged; without linger (socket(7)) it is a
        reset, which overtakes that: the other end learns of it even when nothing comes back from there."""
        sock = self.raw.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.raw.abort()

    async def aclose(self) -> None:
        self.raw.close()
        try:
            for _ in range(2):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_LIMIT):
                        await self.raw.wait_closed()
                        return
                self.raw.abort()
        finally:
            self.raw.abort()


class _Slot:
    """One of a connection's places for a channel, given back once."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._held = False

    async def acquire(self) -> None:
        await self._places.acquire()
        self._held = True

    def release(self) -> None:
        if self._held:
            self._held = False
            self._places.release()


def _abandon(session: Session) -> None:
    if session.channel is not None:
        session.channel.abort()


def _set_user_timeout(raw: asyncssh.SSHClientConnection, seconds: float) -> None:
    """Unacknowledged data ends the connection after the same time as silence does (tcp(7), TCP_USER_TIMEOUT)."""
    sock = raw.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if sock is not None and option is not None and seconds:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
