"""A local channel's descriptors: read one piece ahead, never more, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest

from hotdesk.connections.local import FdStream

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[FdStream, socket.socket]]:
    """A stream and what writes to it."""
    mine, theirs = socket.socketpair()
    with theirs:
        stream = FdStream(mine.detach())
        try:
            yield stream, theirs
        finally:
            if stream.fd >= 0:
                os.close(stream.fd)


async def test_a_cancelled_read_loses_nothing(ends: tuple[FdStream, socket.socket]) -> None:
    """What came for a reader that is gone is there for the next one."""
    stream, peer = ends
    reader = asyncio.ensure_future(stream.read(10))  # stands for any task of a run that is cancelled
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait({reader})
    peer.sendall(b"all of it")
    assert await stream.read(3) + await stream.read(100) == b"all of it"
    stream.close()


async def test_nobody_who_reads_is_back_pressure(ends: tuple[FdStream, socket.socket]) -> None:
    """One piece is read ahead; then the descriptor is left alone until somebody asks again."""
    stream, peer = ends
    peer.setblocking(False)
    sent = peer.send(b"1")
    assert await stream.read(1) == b"1"
    for _ in range(50):
        try:
            while True:
                sent += peer.send(bytes(4096))
        except BlockingIOError:
            await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        peer.send(b"more")
    peer.close()
    got = 1
    while data := await stream.read(1 << 20):
        got += len(data)
    assert got == sent
    stream.close()


async def test_a_closed_stream_wakes_its_reader(ends: tuple[FdStream, socket.socket]) -> None:
    """As at an end of file."""
    stream, _ = ends
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(stream.read(10))
        await asyncio.sleep(0)
        stream.close()
    assert reader.result() == b""
