"""Process: how the output of a command is read."""

from __future__ import annotations

import os
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hotdesk.agent.process import CHATTY, DRAIN, REST, SILENCE, Process
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection

if TYPE_CHECKING:
    from collections.abc import Callable

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


class LateLoop:
    """An agent's loop whose time comes before it has looked at what is ready."""

    def __init__(self) -> None:
        self.ready: dict[int, Callable[[], None]] = {}
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def watch(self, fd: int, _events: int, callback: Callable[[], None]) -> None:
        self.ready[fd] = callback

    def forget(self, fd: int) -> None:
        self.ready.pop(fd, None)

    def later(self, seconds: float, action: Callable[[], None]) -> SimpleNamespace:
        self.timers.append((seconds, action))
        return SimpleNamespace(cancel=lambda: None)

    def due(self, seconds: float) -> None:
        """That much time has passed."""
        now, self.timers = self.timers, []
        for each in now:
            if each[0] <= seconds:
                each[1]()
            else:
                self.timers.append(each)


def test_a_result_that_an_agent_was_too_late_to_read_is_not_lost() -> None:
    """A function has returned and its process has ended; the agent was frozen between the one look and the other."""
    sent: list[tuple[dict[str, Any], bytes]] = []
    loop = LateLoop()
    agent: Any = SimpleNamespace(
        loop=loop,
        congested=False,
        send=lambda header, body: sent.append((header, body)),
        ended=lambda each: ended.append(each),
    )
    ended: list[Process] = []
    function = Process(agent, 1, "t", "mark")
    report, theirs = os.pipe()
    function._add(report, "result")
    os.write(theirs, b"what it returned")
    os.close(theirs)
    function.exited(0)
    loop.due(SILENCE)
    loop.due(DRAIN)
    assert not ended
    while loop.ready:
        loop.ready[report]()
    assert [body for _, body in sent] == [b"what it returned"]
    assert ended == [function]
