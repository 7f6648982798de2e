"""A worker as the control process sees it: connections and channels whose bytes come and go over its line."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import hotdesk
from hotdesk.agent.frames import FrameError
from hotdesk.connections import protocol
from hotdesk.connections.base import Channel, Endpoint, Escalation, Far, Secret
from hotdesk.errors import ConnectError, HotdeskError, LinkLost, WorkerLost
from hotdesk.workers import messages
from hotdesk.workers.line import Intake, Line, Outlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.agent.frames import Decoder
    from hotdesk.events import Event
    from hotdesk.settings import Settings

CLOSE_LIMIT = 2.0
"""Seconds for one connection to be closed there."""


class Worker:
    """One worker, from its first word to its loss."""

    def __init__(self, line: Line, name: str, on_event: Callable[[Event], None], *, private: bool = True) -> None:
        self._private = private
        self.name = name
        """As it is told of: ``worker 2 (pid 4711)``."""
        self.lost = ""
        """Why it is gone; empty while it is there."""
        self.hosts: set[str] = set()
        """Inventory names of the PCs whose connections it holds or is to hold."""
        self.greeted: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._line, self._on_event = line, on_event
        self._ids = count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._connections: dict[int, FarConnection] = {}
        self._channels: dict[int, FarChannel] = {}

    def begin(self, run: str, settings: Settings) -> None:
        """Tell it what it works for."""
        self._line.post({"do": "ready", "run": run, "settings": messages.settings_out(settings)})

    def end(self) -> None:
        """Let it go: all its connections are closed."""
        self._line.post({"do": "end"})

    def post(self, header: dict[str, Any], body: bytes = b"") -> None:
        self._line.post(header, body)

    def outlet(self) -> Outlet:
        return Outlet(self._line)

    def lose(self, why: str) -> None:
        """It is gone: everything that it held is lost, and everybody who waits for it is told."""
        self.lost = why
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(self.gone())
        if not self.greeted.done():
            self.greeted.set_exception(self.gone())
            self.greeted.exception()  # seen
        for channel in tuple(self._channels.values()):
            channel.lose(self.gone())
        for connection in self._connections.values():
            connection.gone()
        self._channels.clear()
        self._connections.clear()

    def gone(self) -> WorkerLost:
        return WorkerLost(f"{self.name} has gone with the connection: {self.lost}")

    async def connect(self, endpoint: Endpoint) -> FarConnection:
        """See ``Elsewhere``. Raises WorkerLost when the worker goes meanwhile."""
        self.entrust(endpoint.host, endpoint.password, endpoint.key_passphrase)
        ident = next(self._ids)
        connection = FarConnection(self, ident, endpoint)
        self._connections[ident] = connection
        try:
            await self.ask({"do": "connect", "connection": ident, "to": messages.endpoint_out(endpoint)})
        except BaseException:
            self._connections.pop(ident, None)
            self.post({"do": "reset", "connection": ident})
            raise
        return connection

    def entrust(self, host: str, *secrets: Secret | None) -> None:
        """Raises ConnectError when there is a secret among them, and others could read it on the way."""
        if not self._private and any(secrets):
            raise ConnectError(
                f"{host}: its password is not sent to {self.name}: the way there is not encrypted",
                remedy="Give the Dask cluster TLS (tls://), or use keys and passwordless sudo.",
            )

    async def ask(self, header: dict[str, Any]) -> dict[str, Any]:
        """A request and its answer. Raises what went wrong there, or WorkerLost."""
        if self.lost:
            raise self.gone()
        ident = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[ident] = answer
        try:
            self.post({**header, "id": ident})
            return await answer
        except asyncio.CancelledError:
            self.post({"do": "cancel", "id": ident})
            raise
        finally:
            del self._asked[ident]

    def channel(self, host: str) -> FarChannel:
        """A new one, known here before it is asked for there."""
        ident = next(self._ids)
        found = self._channels[ident] = FarChannel(self, ident, host)
        return found

    def forget(self, *, connection: int = 0, channel: int = 0) -> None:
        self._connections.pop(connection, None)
        self._channels.pop(channel, None)

    def take(self, header: dict[str, Any], body: bytes) -> None:
        """A frame of its. Raises LookupError, TypeError or ValueError for one that makes no sense."""
        do = header["do"]
        if do in ("data", "over", "exit", "took", "deaf"):
            if (channel := self._channels.get(header["ch"])) is not None:
                channel.take(do, header, body)
        elif do in ("done", "error"):
            answer = self._asked.get(header["id"])
            if answer is None or answer.done():
                return
            if do == "done":
                answer.set_result(header)
            else:
                answer.set_exception(messages.error_in(header))
        elif do == "event":
            self._on_event(messages.event_in(header["event"]))
        elif do == "gone":
            if (connection := self._connections.pop(header["connection"], None)) is not None:
                connection.gone()
        elif do == "hello":
            self.greeted.set_result(header)
        elif do != "ping":
            raise ValueError(f"there is no {do!r}")


def mismatch(greeting: dict[str, Any]) -> str:
    """What is wrong with a worker's first words, if anything."""
    if greeting.get("version") == hotdesk.__version__:
        return ""
    return f"it has hotdesk {greeting.get('version')}, this is {hotdesk.__version__}"


class FarConnection(Far):
    """A connection that a worker holds."""

    def __init__(self, worker: Worker, ident: int, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._worker, self._ident = worker, ident
        self._closed = False

    async def open(self, command: str) -> Channel:
        return (await self._begin({"do": "open", "command": command}))[0]

    async def start_agent(
        self, escalation: Escalation | None, config: dict[str, Any], *, limit: float
    ) -> tuple[Channel, Decoder, dict[str, Any], bytearray]:
        """See ``startup.start_agent``. Raises also WorkerLost."""
        self._worker.entrust(self.endpoint.host, escalation.password if escalation is not None else None)
        asked = {"do": "start", "escalation": messages.escalation_out(escalation), "config": config, "limit": limit}
        channel, answer = await self._begin(asked)
        try:
            protocol.check(answer["hello"], "hello")
        except FrameError as exc:
            await channel.aclose()
            raise LinkLost(f"{self.endpoint.host}: the agent's output is broken: {exc}") from None
        return channel, protocol.decoder(), answer["hello"], bytearray(answer["stderr"])

    async def _begin(self, asked: dict[str, Any]) -> tuple[FarChannel, dict[str, Any]]:
        channel = self._worker.channel(self.endpoint.host)
        try:
            return channel, await self._worker.ask({**asked, "connection": self._ident, "ch": channel.ident})
        except BaseException:
            await channel.aclose()
            raise

    @property
    def closed(self) -> bool:
        return self._closed

    def gone(self) -> None:
        """It has ended there."""
        self._closed = True

    def reset(self) -> None:
        self._worker.post({"do": "reset", "connection": self._ident})

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._worker.forget(connection=self._ident)
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._worker.ask({"do": "close", "connection": self._ident})
        except (TimeoutError, HotdeskError):  # what is left of it ends with the worker
            self.reset()


class FarChannel(Channel):
    """A channel on a connection that a worker holds."""

    def __init__(self, worker: Worker, ident: int, host: str) -> None:
        self.ident = ident
        self._worker, self._host = worker, host
        self._streams = {
            name: Intake(partial(self._took, name))
            for name in ("out", "err")
        }  # fmt: skip
        self._stdin = worker.outlet()
        self._deaf: LinkLost | None = None
        self._status: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def _took(self, stream: str, size: int) -> None:
        self._worker.post({"do": "took", "ch": self.ident, "s": stream, "n": size})

    def take(self, do: str, header: dict[str, Any], body: bytes) -> None:
        """A frame that is about this channel."""
        if do == "data":
            self._streams[header["s"]].put(body)
        elif do == "over":
            self._streams[header["s"]].end(LinkLost(header["lost"]) if header["lost"] else None)
        elif do == "took":
            self._stdin.took(header["n"])
        elif do == "deaf":
            self._no_more(LinkLost(header["text"]))
        elif not self._status.done():
            self._status.set_result(header["status"])

    def lose(self, problem: LinkLost) -> None:
        """Nothing more is known of it."""
        for stream in self._streams.values():
            stream.end(problem)
        self._no_more(problem)
        if not self._status.done():
            self._status.set_result(None)

    def _no_more(self, problem: LinkLost) -> None:
        self._deaf = self._deaf or problem
        self._stdin.release()

    async def read(self, limit: int = 65536) -> bytes:
        return await self._streams["out"].read(limit)

    async def read_stderr(self, limit: int = 65536) -> bytes:
        return await self._streams["err"].read(limit)

    async def write(self, data: bytes) -> None:
        if self._deaf is None:
            await self._stdin.send({"do": "in", "ch": self.ident}, data)
        if self._deaf is not None:
            raise type(self._deaf)(self._deaf.message)

    async def write_eof(self) -> None:
        self._worker.post({"do": "eof", "ch": self.ident})

    async def wait(self) -> int | None:
        return await asyncio.shield(self._status)

    async def aclose(self) -> None:
        self._worker.forget(channel=self.ident)
        self._worker.post({"do": "drop", "ch": self.ident})
        self.lose(LinkLost(f"{self._host}: the channel is closed"))
