"""Process: how the output of a command is read."""

from __future__ import annotations

import sys
import time

from hotdesk.agent.process import CHATTY, REST
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection

LINES = r"""
import os
for n in range(5000):
    os.write(1, b"%d\n" % n)
    sum(range(5000))
"""


async def test_a_command_that_prints_a_line_at_a_time_is_read_in_batches() -> None:
    """All of it arrives, in few frames."""
    chunks: list[bytes] = []
    async with LocalConnection() as connection:
        link = await Link.start(connection, run="lines", grace=0.5, lease=20.0)
        try:
            begin = time.monotonic()
            argv = [sys.executable, "-c", LINES]
            done = await link.run(argv, task="t", on_output=lambda _stream, data: chunks.append(data))
            taken = time.monotonic() - begin
        finally:
            await link.aclose()
    assert done.stdout == b"".join(chunks) == b"".join(b"%d\n" % n for n in range(5000))
    assert len(chunks) <= CHATTY + 2 + taken / REST
