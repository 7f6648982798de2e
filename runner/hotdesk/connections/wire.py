"""Frames on a channel: requests and their answers, many at a time, with every waiter told at once when the channel is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, NoReturn

from hotdesk.agent.frames import FrameError, pack
from hotdesk.aio import TaskGroup, owned, patient
from hotdesk.connections import bounds, protocol
from hotdesk.connections.heartbeat import Heartbeat
from hotdesk.errors import LinkLost
from hotdesk.text import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from hotdesk.agent.frames import Decoder
    from hotdesk.connections.base import Channel

_HIGH = 1 << 20
"""Bytes waiting to be written above which senders of bulk wait."""
_SLICE = 1 << 18
"""Bytes of a big frame that are written at once."""
_TAIL = 4096
_IN_A_ROW = 4
"""Reads of what is there already."""
_PING = pack({"op": "ping", "id": 0})
_HEADER = 64
"""Bytes that an event's header counts as."""
ANSWERED = 30.0
"""Seconds in which an agent answers what it does by itself, without starting anything."""
ANSWER = 0.4
"""Seconds in which an agent must be heard once there is no time left."""
TURN = 0.5
"""Seconds that a big frame may keep a stop from being heard by an agent."""


class Exchange:
    """One request and the events that answer it."""

    def __init__(self, wire: Wire, ident: int, task: str) -> None:
        self.id, self.task = ident, task
        self._wire = wire
        self._events: deque[tuple[dict[str, Any], bytes]] = deque()
        self._unread = 0
        self._waiter: asyncio.Future[None] | None = None

    async def next(self) -> tuple[dict[str, Any], bytes]:
        """The next event and its body. Raises LinkLost once the link is gone and everything that came was read."""
        while not self._events:
            if self._wire.lost is not None:
                raise self._wire.gone()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        header, body = self._events.popleft()
        self._unread -= len(body) + _HEADER
        return header, body

    async def expect(self, event: str) -> dict[str, Any]:
        """The next event, which has to be this one. Raises what ``failed`` says, and LinkLost for any other."""
        header, _ = await self.next()
        try:
            protocol.check(header, event, "failed")
        except FrameError as exc:
            raise self._wire.broken(exc) from None
        if header["ev"] == "failed":
            raise protocol.remote_error(header, self._wire.host)
        return header

    def deliver(self, header: dict[str, Any], body: bytes) -> None:
        """Raises FrameError when far more has come than an agent sends unread."""
        self._events.append((header, body))
        self._unread += len(body) + _HEADER
        if self._unread > bounds.UNREAD:
            raise FrameError("it sends faster than it was allowed to")
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.forget(self.id)


class Wire:
    """The runner's end of an agent's channel. Owns three tasks (reader, writer, stderr) and the heartbeat, from ``start`` to ``aclose``."""

    def __init__(self, channel: Channel, decoder: Decoder, *, host: str, lease: float, stderr: bytearray) -> None:
        self.host = host
        self.lost: str | None = None
        self.on_death: Callable[[set[str]], None] = lambda tasks: None
        """Told, when the agent has died and its channel has not, the tasks whose requests were under way."""
        self.on_silence: Callable[[], None] = lambda: None
        """Told when the agent has not been heard for the lease."""
        self._channel, self._decoder, self._stderr = channel, decoder, stderr
        self._exchanges: dict[int, Exchange] = {}
        self._ids = 0
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._demand: asyncio.TimerHandle | None = None
        self._forced = False
        self._heartbeat = Heartbeat(lease, ping=self._ping, silent=self._silent)
        self._owner = owned(self._serve(), name=f"link to {host}")

    @property
    def lease(self) -> float:
        """Seconds that the agent lives without hearing from us, and we without hearing from it. Setting it tells the agent."""
        return self._heartbeat.lease

    @lease.setter
    def lease(self, seconds: float) -> None:
        if self.lost is None:
            self.post({"op": "lease", "id": 0, "seconds": seconds})
        self._heartbeat.lease = seconds

    @property
    def silence(self) -> float:
        """Seconds since the agent was last heard."""
        return asyncio.get_running_loop().time() - self._heartbeat.last_heard

    def exchange(self, task: str = "") -> Exchange:
        """A new request, of a task if it starts something. Raises LinkLost when the link is gone."""
        if self.lost is not None:
            raise self.gone()
        self._ids += 1
        found = self._exchanges[self._ids] = Exchange(self, self._ids, task)
        return found

    def forget(self, ident: int) -> None:
        self._exchanges.pop(ident, None)

    def gone(self) -> LinkLost:
        """The error for whoever asks once the link is lost."""
        said = brief(bytes(self._stderr[-_TAIL:]).decode("utf-8", "replace"))
        return LinkLost(f"{self.host}: {self.lost}" + (f"; it said: {said}" if said else ""))

    def post(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Queue a frame; frames leave whole and in this order, whatever becomes of the caller."""
        self._put(pack(header, body))

    def _put(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued += len(data)
        self._more.set()
        if self._queued > _HIGH:
            self._room.clear()

    async def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Queue a frame, then wait while too much is queued."""
        self.post(header, body)
        if not self._room.is_set():
            await self._room.wait()

    async def ask(self, header: dict[str, Any], event: str) -> dict[str, Any]:
        """A request that has one event as its answer, which an agent gives at once (after the grace, if it has one)."""
        with self.exchange() as exchange:
            self.post({**header, "id": exchange.id})
            try:
                async with patient(max(ANSWERED, 2 * self.lease) + float(header.get("grace", 0.0))):
                    return await exchange.expect(event)
            except TimeoutError:
                raise self.broken(FrameError(f"no answer to {header['op']!r}")) from None

    async def _serve(self) -> None:
        try:
            async with TaskGroup() as group:
                ears = group.create_task(self._listen())
                jobs = [group.create_task(_to_its_end(job)) for job in (self._read(), self._write())]
                await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
                for each in (ears, *jobs):
                    each.cancel()
        finally:
            self.lose("the link was closed")

    def lose(self, reason: str) -> None:
        """From now on every waiter and every new request gets LinkLost."""
        if self.lost is None:
            self.lost = reason
        self._heartbeat.stop()
        self._room.set()
        for each in list(self._exchanges.values()):
            each.wake()

    def limit(self, grace: float) -> None:
        """Tell the agent its new grace: a stop has begun. One that is not heard soon counts as lost when no grace is left, and when
        what is still to be sent keeps it from hearing of the stop: the end of the link is the only thing that it can hear then."""
        if self.lost is not None:
            return
        loop = asyncio.get_running_loop()
        asked, patience = loop.time(), ANSWER if grace <= 0 else TURN
        unsent = self._queued > _SLICE

        def judge() -> None:
            if self._heartbeat.last_heard <= asked and (grace <= 0 or self._queued > _SLICE):
                self.lose(f"no answer within {patience:g} s")
                self._owner.cancel()

        self.post({"op": "grace", "id": 0, "grace": grace})
        if grace <= 0 and not self._forced:
            self._forced = True
            self._put(_PING)
            self._judge(loop.call_later(patience, judge))
        elif grace > 0 and unsent:
            self._judge(loop.call_later(patience, judge))

    def _judge(self, timer: asyncio.TimerHandle) -> None:
        if self._demand is not None:
            self._demand.cancel()
        self._demand = timer

    def _end(self, reason: str) -> NoReturn:
        self.lose(reason)
        raise _Ended(reason)

    async def _read(self) -> None:
        pieces = reads = 0
        try:
            while data := await self._channel.read(1 << 18):
                frames = self._decoder.feed(data)
                pieces += len(data)
                if frames or pieces >= bounds.SPOKEN:
                    self._heartbeat.heard()
                    pieces = 0
                for header, body in frames:
                    protocol.check(header)
                    exchange = self._exchanges.get(header.get("id", 0))
                    if exchange is not None:
                        exchange.deliver(header, body)
                reads += 1
                if reads % _IN_A_ROW == 0:  # a channel that always has more must not keep the others from their turn
                    await asyncio.sleep(0)
        except LinkLost as exc:
            self._end(exc.message)
        except FrameError as exc:
            self.lose(f"the agent's output is broken: {exc}")
            await self._channel.aclose()  # nothing more of it is wanted
            self._end(str(exc))
        if await self._died():
            self.on_death({each.task for each in self._exchanges.values()} - {""})
            self._end("the agent was killed")
        self._end("the agent is gone")

    async def _died(self) -> bool:
        """The channel is at its end: because the agent was killed, and not because it left or the connection has gone?"""
        try:
            async with asyncio.timeout(ANSWER):
                return await self._channel.wait() not in (None, 0)
        except (TimeoutError, LinkLost):
            return False

    def broken(self, exc: FrameError) -> LinkLost:
        """An answer was not what was asked for: the link is given up. The error to raise."""
        self.lose(f"the agent's output is broken: {exc}")
        self._owner.cancel()
        return self.gone()

    async def _write(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue:
                data = self._queue.popleft() if len(self._queue[0]) > 8192 else self._gather()
                try:
                    for at in range(0, len(data), _SLICE):
                        await self._channel.write(data[at : at + _SLICE])
                        if at:
                            self._heartbeat.sent_a_part()
                except LinkLost as exc:
                    await asyncio.sleep(
                        2 * ANSWER
                    )  # who reads knows more: what the agent said last, whether it was killed
                    self._end(exc.message)
                self._heartbeat.spoke()
                self._queued -= len(data)
                if self._queued <= _HIGH // 2:
                    self._room.set()

    def _gather(self) -> bytes:
        """Small frames that wait together leave together."""
        parts, size = [], 0
        while self._queue and size < 32768:
            parts.append(self._queue.popleft())
            size += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _listen(self) -> None:
        with contextlib.suppress(LinkLost):  # whoever reads its frames says so
            while data := await self._channel.read_stderr():
                self._stderr += data
                del self._stderr[:-_TAIL]
                await asyncio.sleep(0)

    def _ping(self) -> None:
        if not self._queue:
            self._put(_PING)

    def _silent(self) -> None:
        self.on_silence()
        self.lose(f"the agent has not answered for {self.lease:g} s")
        self._owner.cancel()

    async def aclose(self, patience: float) -> None:
        """Let the agent leave by itself for ``patience`` seconds (it was told to end), then give the channel up."""
        try:
            await asyncio.wait({self._owner}, timeout=patience)
            if (
                self._owner.done() and not self._owner.cancelled()
            ):  # sudo and the login shell around the agent end a little later
                with contextlib.suppress(TimeoutError, LinkLost):
                    async with asyncio.timeout(ANSWER):
                        await self._channel.wait()
        finally:
            if self._demand is not None:
                self._demand.cancel()
            self.lose("the link was closed")
            self._owner.cancel()
            await asyncio.wait({self._owner}, timeout=1.0)
            await self._channel.aclose()


class _Ended(Exception):
    """The channel has ended, and the reason is known."""


async def _to_its_end(job: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(_Ended):
        await job
