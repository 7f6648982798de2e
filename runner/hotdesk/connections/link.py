"""An agent on a channel: the client side of the frames. One Link per (connection, escalation), kept for the run."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from hotdesk.agent.frames import WINDOW, FrameError
from hotdesk.aio import TaskGroup, finish, first
from hotdesk.connections import protocol
from hotdesk.connections.answers import INTERRUPTED, AgentInfo, Completed, DiskState, disk_change, disk_states
from hotdesk.connections.bulk import Bulk, Prefixed, start_bulk, start_remote_shell
from hotdesk.connections.calling import begun, called, with_parts
from hotdesk.connections.startup import start_agent
from hotdesk.connections.streams import Answer, Capture, Feed, completed, feed_bytes, feed_chunks, lock_held, read_file
from hotdesk.connections.wire import Exchange, Wire
from hotdesk.errors import LinkLost, TaskError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence

    from hotdesk.connections.base import Connection, Escalation

__all__ = ["AgentInfo", "Bulk", "Completed", "DiskState", "Link"]


class Link:
    """One agent. Every method raises LinkLost once the link is gone; nothing is ever reported as done that was not seen to be."""

    info: AgentInfo

    def __init__(self, connection: Connection, wire: Wire, info: AgentInfo, *, run: str, grace: float) -> None:
        """Use ``start``."""
        self.connection, self.info, self.run_id = connection, info, run
        self.warnings: list[str] = []
        """What the run should say at its end (processes that could not be ended, ...)."""
        self.on_warning: Callable[[str], None] = lambda text: None
        self.on_death: Callable[[set[str]], None] = lambda tasks: None
        """Told, when the agent was killed, the tasks it had under way: what they had started may be left there."""
        wire.on_death = lambda tasks: self.on_death(tasks)
        self.on_silence: Callable[[], None] = lambda: None
        """Told when the agent has not been heard for the lease: the link is lost then."""
        wire.on_silence = lambda: self.on_silence()
        self.superior: Callable[[], Link | None] = lambda: None
        """A link to the same PC as root, if there is one: it ends what this one may not."""
        self.keeps = True  # what was begun in the background lives on behind an orderly end of this link
        self._wire, self._grace = wire, grace
        self._sources: set[str] = set()

    @classmethod
    async def start(
        cls,
        connection: Connection,
        *,
        run: str,
        escalation: Escalation | None = None,
        lease: float = 30.0,
        grace: float = 3.0,
        start_limit: float = 30.0,
    ) -> Self:
        """Start an agent over ``connection`` (through sudo with ``escalation``) and wait for its hello (at most ``start_limit`` s).

        Raises BecomeError, ConnectError (no python, too old: which, and the remedy) or LinkLost.
        """
        config = {"run": run, "lease": lease, "grace": grace}
        channel, decoder, hello, stderr = await start_agent(connection, escalation, config, limit=start_limit)
        info = AgentInfo.of(hello)
        wire = Wire(channel, decoder, host=connection.endpoint.host, lease=lease, stderr=stderr)
        return cls(connection, wire, info, run=run, grace=grace)

    @property
    def grace(self) -> float:
        """Seconds between TERM and KILL. Setting it also shortens every stop that is under way (0: KILL now)."""
        return self._grace

    @grace.setter
    def grace(self, seconds: float) -> None:
        self._grace = seconds
        self._wire.limit(seconds)

    @property
    def lease(self) -> float:
        """Seconds that the agent lives without hearing from us. May be set at any time."""
        return self._wire.lease

    @lease.setter
    def lease(self, seconds: float) -> None:
        self._wire.lease = seconds

    @property
    def silence(self) -> float:
        """Seconds since the agent was last heard; it is heard at least every quarter of the lease."""
        return self._wire.silence

    @property
    def lost(self) -> bool:
        """The link is gone; every method raises LinkLost from now on."""
        return self._wire.lost is not None

    async def run(
        self,
        argv: Sequence[str | bytes],
        *,
        task: str,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | None = None,
        umask: int | None = None,
        on_output: Callable[[str, bytes], None] | None = None,
    ) -> Completed:
        """Run one command to its end, marked with ``task``. ``stdin`` None: /dev/null.

        ``on_output(stream, chunk)`` is called as output arrives, stream being "stdout" or "stderr"; while it is behind, the command
        waits. Raises OSError (errno, filename) when the program or ``cwd`` cannot be used.
        Cancelling the caller stops what this command started on the PC (TERM, grace, KILL, until none is left) before the
        CancelledError goes on; when the link is lost, the agent's lease does it.
        """
        header = {"op": "run", "argv": list(argv), "env": dict(env or {}), "cwd": cwd, "umask": umask}
        feed = None if stdin is None else partial(feed_bytes, stdin)
        return await self.command(header, task=task, feed=feed, on_output=on_output)

    async def command(
        self,
        header: dict[str, Any],
        *,
        task: str,
        feed: Callable[[Feed], Coroutine[Any, Any, None]] | None = None,
        on_output: Callable[[str, bytes], None] | None = None,
        on_listening: Callable[[str], None] | None = None,
    ) -> Completed:
        """A request of the kind "run" or "bulk" to its end (for ``run`` and ``connections.bulk``)."""
        captured = {"out": Capture(), "err": Capture()}

        def take(stream: str, data: bytes) -> None:
            if stream not in captured:
                raise self._wire.broken(FrameError("a command gives a result"))
            captured[stream].add(data)
            if on_output is not None:
                on_output("stdout" if stream == "out" else "stderr", data)

        end = await self._perform({**header, "task": task}, take=take, feed=feed, on_listening=on_listening)
        return completed(end, captured)

    async def _perform(
        self,
        header: dict[str, Any],
        body: bytes = b"",
        *,
        take: Callable[[str, bytes], None],
        feed: Callable[[Feed], Coroutine[Any, Any, None]] | None = None,
        on_listening: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """One request from start to its last event; ends what it started when we do not get there."""
        with self._wire.exchange(header["task"]) as exchange:
            try:
                await self._wire.send({**header, "id": exchange.id, "stdin": feed is not None}, body)
                if on_listening is not None:
                    on_listening((await exchange.expect("listening"))["address"])
                if feed is None:
                    return await self._drive(exchange, take, None)
                return await self._drive_fed(exchange, take, feed)
            except LinkLost:
                raise
            except BaseException:
                await self._abandon(exchange)
                raise

    async def _drive_fed(
        self, exchange: Exchange, take: Callable[[str, bytes], None], feed: Callable[[Feed], Coroutine[Any, Any, None]]
    ) -> dict[str, Any]:
        source = Feed(self._wire, exchange.id)
        try:
            async with TaskGroup() as group:
                feeder = group.create_task(feed(source))
                end = await self._drive(exchange, take, source)
                feeder.cancel()
        except BaseExceptionGroup as found:
            raise first(found) from None
        return end

    async def _drive(
        self, exchange: Exchange, take: Callable[[str, bytes], None], source: Feed | None
    ) -> dict[str, Any]:
        owed: dict[str, int] = {}
        while True:
            header, body = await exchange.next()
            event = header["ev"]
            if event == "out":
                stream = header["stream"]
                take(stream, body)
                owed[stream] = owed.get(stream, 0) + len(body)
                if owed[stream] >= WINDOW // 4:
                    self._wire.post({"op": "took", "id": 0, "to": exchange.id, "stream": stream, "n": owed.pop(stream)})
            elif event == "took" and source is not None:
                source.took(header["n"])
            elif event == "exit":
                return header
            elif event == "failed":
                raise protocol.remote_error(header, self._wire.host)

    async def _abandon(self, exchange: Exchange) -> None:
        """End what a request started, bounded, whatever becomes of us meanwhile."""
        with contextlib.suppress(LinkLost, TimeoutError):
            await finish(self._cancel(exchange.id), grace=self._grace + 2.0)

    async def _cancel(self, ident: int) -> None:
        with self._wire.exchange() as stopping:
            self._wire.post({"op": "cancel", "id": stopping.id, "to": ident, "grace": self._grace})
            await self._ended(await stopping.expect("stopped"))

    async def _ended(self, stopped: dict[str, Any]) -> bool:
        """What is to be said after a stop. What the agent could not end, root's agent can, if there is one. True when nothing is left."""
        for program in INTERRUPTED.keys() & stopped.get("interrupted", ()):
            self._warn(f"{program} was ended in the middle of its work; {INTERRUPTED[program]}")
        left = stopped["left"]
        superior = self.superior() if left else None
        if superior is not None:
            with contextlib.suppress(LinkLost):
                left = await superior.kill(left)
        if left:
            pids = ", ".join(str(pid) for pid, _ in left)
            self._warn(f"these processes of another user could not be ended: {pids}")
        return not left

    def _warn(self, text: str) -> None:
        self.warnings.append(f"{self._wire.host}: {text}")
        self.on_warning(self.warnings[-1])

    async def kill(self, who: list[list[int]]) -> list[list[int]]:
        """End processes ([pid, start time] each) and their descendants, TERM and soon KILL; returns those that are left."""
        header = {"op": "kill", "who": who, "grace": min(self._grace, 0.5)}
        return list((await self._wire.ask(header, "stopped"))["left"])

    async def stop(self, task: str, *, grace: float | None = None, orphaned: bool = False) -> None:
        """End every process of ``task`` there: TERM, ``grace``, KILL; returns when none is left.

        Also what finished commands of the task left running on purpose. ``orphaned``: the task's agent is dead, so that another user's
        (a ``sudo`` in a command) are looked for with ``sudo -n``. Raises TaskError naming processes that cannot be ended.
        """
        seconds = self._grace if grace is None else grace
        asked = {"op": "stop", "task": task, "grace": seconds, "orphaned": orphaned}
        if not await self._ended(await self._wire.ask(asked, "stopped")):
            raise TaskError(self.warnings[-1])

    async def ping(self) -> float:
        """Seconds for a frame there and back."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._wire.ask({"op": "ping"}, "pong")
        return loop.time() - began

    async def call(
        self,
        module: str,
        function: str,
        /,
        *args: Any,
        task: str,
        on_item: Callable[[Any], None] | None = None,
        payload: bytes | None = None,
        environment: Mapping[str, str] | None = None, stays: bool = False,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Run ``function`` of the stdlib-only source ``module`` (its text; sent once per content hash) in a fork of the agent.

        Arguments and the returned value are JSON plus bytes (``agent.frames`` says how). A generator's items go to ``on_item`` as
        they come, its return value is ours. ``payload`` (bytes) is given to it as keyword ``payload``. An OSError there is raised
        here as OSError with errno and filename; ``Failed(msg, **data)`` (``agent.calls``) as TaskError; anything else as TaskError
        with the remote traceback in ``data['exception']``. ``environment`` is added to its environment. Cancelling is as for ``run``.
        A module that ``stays`` defines functions and keeps nothing between two calls, so that it need not be loaded for each."""
        header = called(self._wire, self._sources, module, function, args, kwargs, magic=self.info.magic * stays)
        header |= {"task": task, "env": dict(environment or {}), "payload": payload is not None, "stays": stays}
        answer = Answer(self._wire.host, on_item)
        return answer.value(await self._perform(header, payload or b"", take=answer.take))

    async def execute(
        self, module: str, function: str, /, *args: Any, parts: Iterable[tuple[str, bytes]], task: str,
        environment: Mapping[str, str] | None = None, **kwargs: Any,
    ) -> Completed:  # fmt: skip
        """As ``call``, of a function that ends as a program does: with output and a code. It stays in the agent (``agent.calls``), and so do
        ``parts`` (hash, content), each of which is sent once; their hashes are its argument ``parts``."""
        header = called(self._wire, self._sources, module, function, args, kwargs, magic=self.info.magic)
        header = with_parts(self._wire, self._sources, header, parts)
        return await self.command({**header, "env": dict(environment or {})}, task=task)

    async def begin(self, module: str, function: str, /, *args: Any, task: str, **kwargs: Any) -> Any:
        """As ``call``, of a generator that goes on behind its first item, which is returned. It is ended with the agent, but not by an orderly
        end of a link that ``keeps``; it hears of that on its stdin (``agent.calls.release``), and of any other end by EOF."""
        header = called(self._wire, self._sources, module, function, args, kwargs)
        return await begun(self._wire, {**header, "task": task, "leashed": True}, self._abandon)

    async def _own(
        self,
        module: str,
        function: str,
        *args: Any,
        task: str,
        on_item: Callable[[Any], None] | None = None,
        feed: Callable[[Feed], Coroutine[Any, Any, None]] | None = None,
    ) -> Any:
        """A call of one of the agent's own modules."""
        header = {"op": "call", "task": task, "module": module, "function": function, "args": args, "kwargs": {}}
        answer = Answer(self._wire.host, on_item)
        return answer.value(await self._perform(header, take=answer.take, feed=feed))

    async def put(self, path: str, data: bytes | AsyncIterator[bytes], *, task: str, mode: int | None = None) -> None:
        """Write a file atomically, streaming: a temp file ``.NAME.<random>.hotdesk`` beside it, fsync, rename.

        ``mode`` None: that of the file it replaces, else 0666 less the umask. Raises OSError.
        """
        await self._own("files", "write", path, mode, task=task, feed=partial(feed_chunks, data))

    def get(self, path: str, *, task: str) -> AsyncGenerator[bytes, None]:
        """The content of a file, in chunks; it is read there no faster than they are taken here. Raises OSError."""
        return read_file(self._wire, path, task, self._abandon)

    async def disks(self, paths: Sequence[str]) -> list[DiskState]:
        """The file systems of ``paths`` (of the nearest existing parent of each) now; measured in a child, so it cannot hang us.

        Raises TaskError naming a mount that does not answer within 5 s.
        """
        found = await self._own("disk", "measure", list(paths), task="disks")
        return disk_states(found, paths, self._wire.host)

    async def watch_disks(
        self,
        thresholds: Mapping[str, Mapping[str, int]],
        *,
        interval: float,
        on_change: Callable[[DiskState, str], None],
    ) -> None:
        """Watch until cancelled. ``thresholds``: path -> {"warning": bytes, "minimum": bytes}; ``on_change(state, level)``.

        The agent looks every ``interval`` seconds and sends crossings: "ok", "warning" (free < warning), "minimum" (free < minimum), and
        "failed" when a file system could not be measured three times running (with the last known numbers, or 0). It sends the same level
        again when free space has changed by a hundredth of the whole.
        """

        def changed(item: Any) -> None:
            on_change(*disk_change(item, thresholds, self._wire.host))

        plain = {path: dict(limits) for path, limits in thresholds.items()}
        await self._own("disk", "watch", plain, interval, task="disk_watch", on_item=changed)

    async def lock(self, name: str, record: Mapping[str, Any]) -> None:
        """Take this PC's lock ``name`` (flock in /run/lock, else /var/lock or /tmp; any user) until ``unlock`` or the agent's end.

        The record (run, holder, since) is written only after the lock is held. Raises LockHeld naming the holder.
        """
        found = await self._wire.ask({"op": "lock", "do": "take", "name": name, "record": dict(record)}, "lock")
        if not found["held"]:
            raise lock_held(self._wire.host, found["record"])

    async def unlock(self, name: str) -> None:
        """Give the lock back; harmless when it is not held."""
        await self._wire.ask({"op": "lock", "do": "release", "name": name}, "lock")

    def temporary(self, path: str) -> None:
        """A file or directory that a task under way has made there: if it is left, because the run is killed or the link breaks, the agent
        removes it before it leaves. Whoever makes it removes it otherwise."""
        self._wire.post({"op": "temporary", "id": 0, "path": path})

    async def bulk(
        self,
        argv: Sequence[str | bytes],
        bridge: asyncio.Task[Prefixed],
        *,
        task: str,
        env: Mapping[str, str] | None = None,
    ) -> Bulk:
        """Start ``argv`` under this agent with its stdin and stdout on the channel of ``bridge`` (``bulk.opening``): for ``rsync --server``.
        Its stderr and exit come through the agent. Raises LinkLost, ConnectError (no further channel, or nothing within 30 s).
        """
        return await start_bulk(self, argv, bridge, task=task, env=env)

    async def remote_shell(
        self,
        argv: Sequence[str | bytes],
        *,
        task: str,
        env: Mapping[str, str] | None = None,
        on_output: Callable[[str, bytes], None] | None = None,
    ) -> Bulk:
        """Run ``argv`` (rsync) under this agent with RSYNC_RSH set so that its remote shell ends on a channel of this runner.

        Returns once rsync has started it; ``Bulk.command`` is what rsync wants run at the other end. ``on_output`` is as for ``run``.
        Raises TaskError with rsync's words when it ends before that; LinkLost, OSError.
        """
        return await start_remote_shell(self, argv, task=task, env=env, on_output=on_output)

    async def aclose(self) -> None:
        """Stop what is left, end the agent; bounded by the grace + 3 s."""
        await finish(self._close(), grace=self._grace + 5.0)

    async def _close(self) -> None:
        if not self.lost:
            self._wire.post({"op": "end", "id": 0, "keep": self.keeps})
        await self._wire.aclose(patience=self._grace + 2.0)
