"""Wire: when a link that nothing is heard of counts as lost."""

from __future__ import annotations

import asyncio

import pytest

from hotdesk import aio
from hotdesk.connections import protocol
from hotdesk.connections.base import Channel
from hotdesk.connections.heartbeat import BUSY
from hotdesk.connections.wire import Wire
from hotdesk.errors import LinkLost

from .conftest import until

LEASE = 0.8
SLICES = 30


class SlowChannel(Channel):
    """Takes a slice of a frame each ``seconds``, and an agent that says nothing before it has all of it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.slices = 0
        self.closed = asyncio.Event()

    async def read(self, limit: int = 65536) -> bytes:
        await self.closed.wait()
        return b""

    async def read_stderr(self, limit: int = 65536) -> bytes:
        return await self.read()

    async def write(self, data: bytes) -> None:
        self.slices += 1
        await asyncio.sleep(self.seconds)

    async def write_eof(self) -> None:
        """Nothing follows."""

    async def wait(self) -> int | None:
        await self.closed.wait()
        return None

    async def aclose(self) -> None:
        self.closed.set()


async def lost_while_sending(channel: SlowChannel, *, grace: float | None = None, lease: float = LEASE) -> str | None:
    """Why the link was lost by the time a big frame had been taken, or until it was lost. ``grace``: of a stop that begins meanwhile."""
    wire = Wire(channel, protocol.decoder(), host="pc", lease=lease, stderr=bytearray())
    try:
        wire.post({"op": "call", "id": 0}, bytes(SLICES << 18))
        if grace is not None:
            wire.limit(grace)
        await until(lambda: wire.lost is not None or channel.slices >= SLICES)
        return wire.lost
    finally:
        await wire.aclose(0)


async def test_a_slow_link_that_takes_a_big_frame_is_not_lost() -> None:
    """It takes several leases, and every slice that is taken is a sign of life."""
    assert await lost_while_sending(SlowChannel(LEASE / 8)) is None


async def test_a_link_that_takes_nothing_is_lost() -> None:
    """After the lease, however much waits to be sent."""
    assert "not answered for" in (await lost_while_sending(SlowChannel(60.0)) or "")


@pytest.mark.parametrize("grace", [3.0, 0.0])
async def test_a_stop_does_not_wait_until_a_big_frame_is_sent(grace: float) -> None:
    """The agent hears nothing else before it has all of it: the link is ended, which it hears."""
    assert "no answer within" in (await lost_while_sending(SlowChannel(LEASE / 5), grace=grace, lease=60.0) or "")


async def test_a_stop_waits_for_a_frame_that_is_soon_sent() -> None:
    """Then the agent hears of it, and can still do the clean-up."""
    assert await lost_while_sending(SlowChannel(0.0), grace=3.0) is None


async def test_a_silent_agent_is_given_up_when_the_lease_is_over() -> None:
    """Not a beat later: an agent that hears us and cannot be heard goes on for as long as we wait."""
    channel = SlowChannel(0.0)
    wire = Wire(channel, protocol.decoder(), host="pc", lease=LEASE, stderr=bytearray())
    await until(lambda: wire.lost is not None)
    await wire.aclose(0)
    assert channel.slices <= 3, "a ping each quarter of the lease, and none after it"


@pytest.mark.parametrize("leases", [1.5, 60], ids=["heard late", "never heard"])
def test_an_agent_is_not_given_up_because_we_were_too_busy_to_listen(leases: float) -> None:
    """But nobody is waited for without end."""

    async def busy() -> str | None:
        wire = Wire(SlowChannel(0), protocol.decoder(), host="pc", lease=LEASE, stderr=bytearray())
        loop = asyncio.get_running_loop()
        over = loop.time() + leases * LEASE
        while loop.time() < over and wire.lost is None:  # noqa: ASYNC110 - the loop is to be busy
            await asyncio.sleep(0)
        try:
            return wire.lost
        finally:
            await wire.aclose(0)

    assert (aio.run(busy()) is not None) == (leases > BUSY)


async def test_an_end_while_the_link_is_closed_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is told of it, least of all with a traceback: both wanted the same."""
    channel = SlowChannel(0.0)
    wire = Wire(channel, protocol.decoder(), host="pc", lease=60.0, stderr=bytearray())
    await asyncio.sleep(0)
    channel.closed.set()
    async with asyncio.timeout(10):
        while wire.lost is None:  # noqa: ASYNC110 - the very step in which it ends is wanted
            await asyncio.sleep(0)
    await wire.aclose(0)
    assert wire.lost == "the agent is gone"
    assert caplog.records == []


class BrokenChannel(SlowChannel):
    """Its connection has ended."""

    async def read(self, limit: int = 65536) -> bytes:
        raise LinkLost("the connection ended")


async def test_a_connection_that_breaks_is_told_by_whoever_waits_and_nobody_else() -> None:
    """The stream of the agent's last words breaks too: no error is left for the interpreter to write about."""
    wire = Wire(BrokenChannel(0), protocol.decoder(), host="pc", lease=LEASE, stderr=bytearray())
    await until(lambda: wire.lost is not None)
    assert wire.lost == "the connection ended"
    await wire.aclose(0)
    assert wire._owner.cancelled() or wire._owner.exception() is None
