"""Frames both ways, windows, and a line's end."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.connections.local import FdChannel
from hotdesk.errors import LinkLost
from hotdesk.workers.line import WINDOW, Intake, Line, Outlet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def ends() -> tuple[FdChannel, FdChannel]:
    """Two channels, each of which reads what is written to the other."""
    here, there = socket.socketpair()
    pair = tuple(FdChannel(os.dup(each.fileno()), os.dup(each.fileno())) for each in (here, there))
    here.close()
    there.close()
    return pair[0], pair[1]


@asynccontextmanager
async def lines(*, lease: float = 30.0) -> AsyncIterator[tuple[Line, Line, list[Any], asyncio.Task[str]]]:
    """(one end, the other, what has come to the second, its service)."""
    channels = ends()
    came: list[Any] = []
    one, other = (Line(channel, lease=lease) for channel in channels)
    async with asyncio.TaskGroup() as group:
        served = group.create_task(other.serve(lambda header, body: came.append((header, body))))
        first = group.create_task(one.serve(lambda header, body: None))
        try:
            yield one, other, came, served
        finally:
            first.cancel()
            served.cancel()
            for channel in channels:
                await channel.aclose()


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_frames_arrive_whole_and_in_their_order() -> None:
    """Small ones together, big ones in one piece."""
    async with lines() as (one, _, came, _):
        for number in range(200):
            one.post({"do": "x", "n": number}, bytes([number]) * (300_000 if number % 50 == 0 else 3))
        await one.flush()
        await until(lambda: len(came) == 200)
    assert [header["n"] for header, _ in came] == list(range(200))
    assert all(body == bytes([header["n"]]) * len(body) for header, body in came)


async def test_what_is_no_frame_ends_the_line_with_the_reason() -> None:
    """And not the process."""
    here, there = ends()
    line = Line(there, lease=30)
    await here.write(b"\xff" * 64)
    async with asyncio.timeout(30):
        assert "broken" in await line.serve(lambda header, body: None)
    await here.aclose()
    await there.aclose()


async def test_a_frame_that_makes_no_sense_ends_the_line() -> None:
    """Whoever takes the frames says so by an error of its own."""
    async with lines() as (one, other, _, served):
        served.cancel()
        one.post({"nothing": "known"})
        async with asyncio.timeout(30):
            assert "KeyError" in await other.serve(lambda header, body: header["do"])


async def test_an_end_that_is_silent_for_the_lease_is_given_up() -> None:
    """It has not closed anything: it only says nothing more."""
    here, there = ends()
    line = Line(there, lease=0.2)
    async with asyncio.timeout(30):
        assert "has not been heard for 0.2 s" in await line.serve(lambda header, body: None)
    await here.aclose()
    await there.aclose()


async def test_two_idle_ends_keep_each_other() -> None:
    """Each beats often enough for the other."""
    async with lines(lease=0.4) as (_, _, came, served):
        await until(lambda: len(came) > 8)
        assert not served.done()
        assert {header["do"] for header, _ in came} == {"ping"}


async def test_a_sender_waits_for_a_slow_reader_and_loses_nothing() -> None:
    """No more than a window and a piece is under way; when it is read the sender goes on."""
    pieces, size = 12, 1_000_000
    async with lines() as (one, _, came, _):
        outlet = Outlet(one)
        intake = Intake(outlet.took)

        async def send() -> None:
            for _ in range(pieces):
                await outlet.send({"do": "x"}, bytes(size))

        sending = asyncio.ensure_future(send())
        await until(lambda: len(came) == WINDOW // size + 1)  # one window, and the piece that went over it
        assert not sending.done()
        for number in range(pieces):
            await until(lambda number=number: len(came) > number)
            intake.put(came[number][1])
            for _ in range(4):
                assert len(await intake.read(size // 4)) == size // 4
        await sending
        intake.end()
        assert await intake.read(10) == b""


async def test_a_reader_hears_why_a_stream_has_been_lost_after_what_had_come() -> None:
    """What had arrived is not thrown away."""
    intake = Intake(lambda count: None)
    intake.put(b"abc")
    intake.end(LinkLost("cut"))
    assert await intake.read(2) == b"ab"
    assert await intake.read(2) == b"c"
    with pytest.raises(LinkLost, match="cut"):
        await intake.read(2)
