"""Bytes from one rsync to the other, in the runner, between the channels that their agents opened."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hotdesk.aio import TaskGroup, owned
from hotdesk.errors import LinkLost

if TYPE_CHECKING:
    from hotdesk.connections.base import Channel
    from hotdesk.connections.bulk import Bulk
    from hotdesk.connections.link import Completed

CHUNK = 1 << 17
"""Bytes of a read at most."""
END_GRACE = 10.0
"""Seconds for the last bytes to arrive once the receiver has ended."""
GONE = (BrokenPipeError, ConnectionResetError, LinkLost)
"""A channel says one of these when the process behind it has ended, too."""
RECEIVER_GRACE = 20.0
"""Seconds for the receiver to end once the sender has."""
LAST_WORDS = 3.0
"""Seconds for the sender to read what a failed receiver said last, and to end by itself."""


async def copy(source: Channel, sink: Channel, *, end: bool) -> None:
    """Everything from ``source`` to ``sink``, and with ``end`` its end too.

    What a sink that has ended no longer takes is read and dropped: then the sender stays free to read why it ended.
    """
    taken = True
    while data := await source.read(CHUNK):
        try:
            if taken:
                await sink.write(data)
        except GONE:
            taken = False
    if taken and end:
        with contextlib.suppress(*GONE):
            await sink.write_eof()


async def relay(client: Bulk, server: Bulk, *, limit: float) -> tuple[Completed | None, Completed | None]:
    """Copy both ways until the receiver (``server``) has ended, then let the sender (``client``) end; how both did.

    The receiver's end is known from its agent, never from an end of file on the sender's pipe: rsync waits for its remote shell, and
    that for us. A sender that ends first has failed. None: one has not ended in time (``limit``, ``RECEIVER_GRACE``) after the other.
    Raises LinkLost.
    """

    async def road(source: Channel, sink: Channel, *, end: bool) -> None:
        try:
            await copy(source, sink, end=end)
        except LinkLost as lost:
            if not await _explained(client, server):
                raise lost

    async with TaskGroup() as group:
        up = group.create_task(road(client.channel, server.channel, end=True), name="rsync up")
        down = group.create_task(road(server.channel, client.channel, end=False), name="rsync down")
        sender = group.create_task(client.wait(), name="rsync sender")
        receiver = group.create_task(server.wait(), name="rsync receiver")
        await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({receiver}, timeout=RECEIVER_GRACE if not receiver.done() else 0)
        if (
            not receiver.done()
        ):  # it goes on although nobody speaks to it: it is no rsync, or cannot be stopped that way
            for each in (up, down, receiver):
                each.cancel()
            return sender.result(), None
        ended = receiver.result()
        await asyncio.wait({down}, timeout=END_GRACE)
        down.cancel()
        if ended.rc:
            await asyncio.wait({sender}, timeout=LAST_WORDS)
        with contextlib.suppress(*GONE):
            await client.channel.write_eof()
        await client.finish(min(ended.rc, 255))
        await asyncio.wait({sender}, timeout=limit)
        up.cancel()
        late = sender.cancel()
    return None if late else sender.result(), ended


async def _explained(client: Bulk, server: Bulk) -> bool:
    """A channel also ends with the process behind it: a receiver on a full disk is no lost link. The agents know which it was.

    True: one of the two has ended by itself. False: neither did in time. Raises LinkLost when an agent says so.
    """
    ends = {owned(each.wait()) for each in (client, server)}
    try:
        done, _ = await asyncio.wait(ends, timeout=END_GRACE, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
        return bool(done)
    finally:
        for each in ends:
            each.cancel()
        await asyncio.wait(ends)
        for each in ends:
            if not each.cancelled():
                each.exception()  # seen
