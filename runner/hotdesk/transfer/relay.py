"""Bytes from one rsync to the other, in the runner, between the channels that their agents opened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hotdesk.aio import TaskGroup

if TYPE_CHECKING:
    from hotdesk.connections.base import Channel
    from hotdesk.connections.bulk import Bulk
    from hotdesk.connections.link import Completed

CHUNK = 1 << 16
"""A read of more would be a fresh mapping of memory each time."""
END_GRACE = 10.0
"""Seconds for the last bytes to arrive once the receiver has ended."""


async def copy(source: Channel, sink: Channel) -> None:
    """Everything from ``source`` to ``sink``, and the end of it. A sink that nobody reads any more ends it quietly."""
    try:
        while data := await source.read(CHUNK):
            await sink.write(data)
        await sink.write_eof()
    except (BrokenPipeError, ConnectionResetError):
        return


async def relay(client: Bulk, server: Bulk) -> Completed:
    """Copy both ways until the receiver (``server``) has ended; how it ended.

    Its end is known from its agent, never from an end of file on the sender's pipe: rsync waits for its remote shell, and that for us.
    """
    async with TaskGroup() as group:
        up = group.create_task(copy(client.channel, server.channel), name="rsync up")
        down = group.create_task(copy(server.channel, client.channel), name="rsync down")
        done = await server.wait()
        await asyncio.wait({down}, timeout=END_GRACE)
        up.cancel()
        down.cancel()
    return done
