"""Many hosts, and a long way to one: what a host costs, what a task costs, how many round trips a task takes."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.lab import Lab, missing
from tests.lab.running import Desk
from tests.load import fleet
from tests.load.__main__ import HEAD, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUND_TRIP = 0.02
TASKS = 40


async def many(counts: Sequence[int], tasks: int) -> None:
    """The table of ``make load`` for so many names of one sshd; the first number of hosts is what the others are held against."""
    print(f"\n{tasks} commands on many names of one sshd\n{HEAD}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hotdesk-bench-") as directory:
        async with fleet.names(Path(directory), max(counts)) as pcs:
            first = None
            for count in counts:
                figures, _ = measure(pcs, count, (), 0.0, tasks)
                first = first or figures
                print(figures.line(first), flush=True)


def far(rounds: int) -> None:
    """Round trips a task, at ROUND_TRIP seconds each, beside the same play without the delay."""
    if why := missing():
        print(f"\nround trips: not measured: {why}")
        return
    Lab.down()
    try:
        with tempfile.TemporaryDirectory(prefix="hotdesk-bench-") as directory:
            lab = Lab.up(1)
            pc = next(iter(lab))
            desk = Desk(lab, Path(directory))
            near, short = min(_task(desk) for _ in range(rounds)), _round_trip(pc.address)
            pc.delay(ROUND_TRIP / 2)
            taken, long = min(_task(desk) for _ in range(rounds)), _round_trip(pc.address)
    finally:
        Lab.down()
    print(f"\nround trips a task at {ROUND_TRIP * 1000:g} ms, after the start (aim: at most 1.2)")
    print(
        f"  {(taken - near) / (long - short):.2f}  ({taken * 1000:.1f} ms a task, {near * 1000:.1f} without the delay; "
        f"a round trip takes {long * 1000:.1f} ms, {short * 1000:.1f} without)"
    )


def _round_trip(address: str) -> float:
    """Seconds, least of some: the program that delays takes its own time on top, more on a busy machine."""
    taken = []
    for _ in range(20):
        began = time.monotonic()
        with contextlib.suppress(ConnectionRefusedError):  # nobody listens there: the answer is one packet
            socket.create_connection((address, 9), timeout=5).close()
        taken.append(time.monotonic() - began)
    return min(taken)


def _task(desk: Desk) -> float:
    """Seconds from one task's beginning to the next one's."""
    done = desk.play(desk.playbook("- ansible.builtin.command: 'true'\n" * TASKS))
    begun = [event["at"] for event in done.events if event["event"] == "TaskStarted"]
    return float(begun[-1] - begun[1]) / (TASKS - 2)
