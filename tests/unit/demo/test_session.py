"""A command on an embedded PC and its channel: what the one hands to the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from hotdesk.demo.session import Child

if TYPE_CHECKING:
    import asyncssh

FIRST, LAST = 1_000_000, 300_000
"""Bytes, each more than a pipe holds (pipe(7): 65536)."""


class FullChannel:
    """Has more to give, and then its end, as soon as it is read again; keeps what the command prints."""

    def __init__(self) -> None:
        self.paused = False
        self.printed = b""
        self.child: Child | None = None

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        assert self.child is not None
        self.child.feed(b"x" * LAST)
        self.child.end_input()

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes, datatype: Any = None) -> None:
        self.printed += data


async def test_input_that_ends_while_a_pipe_is_full_arrives_whole() -> None:
    """asyncio's pipe says that it has room from within its writing; what is fed and ended just then is not cut off."""
    channel = FullChannel()

    def made() -> Child:
        return Child(cast("asyncssh.SSHServerChannel[bytes]", channel))

    transport, child = await asyncio.get_running_loop().subprocess_exec(made, "wc", "-c")
    channel.child = child
    child.feed(b"x" * FIRST)
    async with asyncio.timeout(20):
        await child.drained.wait()
        await child.exited.wait()
    transport.close()
    assert channel.printed.strip() == str(FIRST + LAST).encode()
