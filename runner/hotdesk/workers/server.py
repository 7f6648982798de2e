"""A worker: it makes and holds connections, starts agents over them and passes the bytes of their channels on. Nothing else.

What a PC says is taken apart by the control process, as without workers; all decisions are that one's too. When it is gone (end of the
line, or nothing heard for the lease) every connection is broken off at once: the agents see that and end what they run.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import hotdesk
from hotdesk.aio import TaskGroup
from hotdesk.connections.pool import Pool
from hotdesk.connections.ssh import SSHConnection
from hotdesk.connections.startup import start_agent
from hotdesk.errors import LinkLost
from hotdesk.workers import messages
from hotdesk.workers.line import Line
from hotdesk.workers.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from hotdesk.connections.base import Channel, Connection
    from hotdesk.events import Event

    Job = Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]

LEASE = 30.0
"""Seconds: until the control process has said how long it is."""


def hello() -> dict[str, Any]:
    """A worker's first words."""
    return {"do": "hello", "version": hotdesk.__version__, "pid": os.getpid()}


async def serve(channel: Channel) -> bool:
    """Work for the control process at the other end of ``channel`` until it says that this is the end (True), or is gone (False)."""
    line = Line(channel, lease=LEASE)
    line.post(hello())
    try:
        async with TaskGroup() as group:
            server = Server(line, group)
            served = group.create_task(line.serve(server.take))
            served.add_done_callback(lambda _: server.over.set())
            waiting = group.create_task(server.over.wait())
            either: set[asyncio.Future[Any]] = {waiting, server.told}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if server.told.done():
                told = server.told.result()
                settings = messages.settings_in(told["settings"])
                line.lease = settings.lease
                async with Pool(settings, run=told["run"], on_event=server.emit) as pool:
                    server.pool.set_result(pool)
                    await waiting
                    await server.leave()
            await line.flush()
            served.cancel()
    finally:
        await channel.aclose()
    return server.ended


class Server:
    """What the control process asks for."""

    def __init__(self, line: Line, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        self.ended = False
        """We were told that this is the end."""
        self.over = asyncio.Event()
        self.told: asyncio.Future[dict[str, Any]] = loop.create_future()
        """The run's id, and the settings."""
        self.pool: asyncio.Future[Pool] = loop.create_future()
        self._line, self._group = line, group
        self._asked: dict[int, asyncio.Task[None]] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._connections: dict[int, Connection] = {}
        self._relays: dict[int, tuple[Relay, asyncio.Task[None]]] = {}
        self._jobs: dict[str, Job] = {
            "connect": self._connect, "open": self._open, "start": self._start, "close": self._close,
        }  # fmt: skip

    def take(self, header: dict[str, Any], body: bytes) -> None:
        """A frame. Raises LookupError or TypeError for one that is none of ours."""
        do = header["do"]
        if do in self._jobs:
            self._asked[header["id"]] = self._group.create_task(self._answer(header))
        elif do == "cancel":
            if (task := self._asked.get(header["id"])) is not None:
                task.cancel()
        elif do == "reset":
            if (connection := self._connections.get(header["connection"])) is not None:
                connection.reset()
        elif do == "ready":
            self.told.set_result(header)
        elif do == "end":
            self.ended = True
            self.over.set()
        elif do != "ping":
            self._of_channel(do, header, body)

    def _of_channel(self, do: str, header: dict[str, Any], body: bytes) -> None:
        relay, task = self._relays.get(header["ch"], (None, None))
        if relay is None or task is None:
            return  # it has been dropped meanwhile
        if do == "in":
            relay.stdin.put(body)
        elif do == "eof":
            relay.stdin.end()
        elif do == "took":
            relay.outlets[header["s"]].took(header["n"])
        elif do == "drop":
            del self._relays[header["ch"]]
            task.cancel()

    def emit(self, event: Event) -> None:
        """What the pool tells goes to the control process."""
        if (found := messages.event_out(event)) is not None:
            self._line.post({"do": "event", "event": found})

    async def leave(self) -> None:
        """Nothing goes on. In order the control process has closed all connections; if it is gone they are broken off."""
        tasks = [*self._asked.values(), *self._watches, *(task for _, task in self._relays.values())]
        for task in tasks:
            task.cancel()
        if not self.ended:
            for connection in self._connections.values():
                connection.reset()
        if tasks:
            await asyncio.wait(tasks)

    async def _answer(self, asked: dict[str, Any]) -> None:
        try:
            await asyncio.shield(self.pool)
            found = await self._jobs[asked["do"]](asked)
        except Exception as exc:  # whoever asked gets it
            self._line.post({"do": "error", "id": asked["id"], **messages.error_out(exc)})
        else:
            self._line.post({"do": "done", "id": asked["id"], **found})
        finally:
            self._asked.pop(asked["id"], None)

    async def _connect(self, asked: dict[str, Any]) -> dict[str, Any]:
        endpoint, pool = messages.endpoint_in(asked["to"]), self.pool.result()
        try:
            connection = await pool.connection(endpoint)
        except BaseException:
            await pool.reset(endpoint)  # the control process counts the attempts
            raise
        self._connections[asked["connection"]] = connection
        if isinstance(connection, SSHConnection):
            watch = self._group.create_task(self._watch(asked["connection"], connection))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
        return {}

    async def _watch(self, ident: int, connection: SSHConnection) -> None:
        await connection.raw.wait_closed()
        self._connections.pop(ident, None)
        self._line.post({"do": "gone", "connection": ident})

    def _connection(self, asked: dict[str, Any]) -> Connection:
        found = self._connections.get(asked["connection"])
        if found is None:
            raise LinkLost("the connection has ended")
        return found

    async def _open(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._pass_on(asked["ch"], await self._connection(asked).open(asked["command"]))
        return {}

    async def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        connection = self._connection(asked)
        async with self.pool.result().starting(connection.endpoint):
            channel, decoder, said, stderr = await start_agent(
                connection, messages.escalation_in(asked["escalation"]), asked["config"], limit=asked["limit"]
            )
        if decoder.pending:  # it says nothing more before it is asked
            await channel.aclose()
            raise LinkLost(f"{connection.endpoint.host}: the agent's output is broken")
        self._pass_on(asked["ch"], channel)
        return {"hello": said, "stderr": bytes(stderr)}

    def _pass_on(self, ident: int, channel: Channel) -> None:
        relay = Relay(self._line, ident, channel)
        self._relays[ident] = relay, self._group.create_task(relay.run())

    async def _close(self, asked: dict[str, Any]) -> dict[str, Any]:
        connection = self._connections.pop(asked["connection"], None)
        if connection is not None:
            await self.pool.result().reset(connection.endpoint)
        return {}
