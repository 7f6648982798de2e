"""Many hosts, and a long way to one: what a host costs, what a task costs, how many round trips a task takes."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.table import Table
from tests.lab.lab import Lab, missing
from tests.lab.running import Desk
from tests.load import fleet
from tests.load.__main__ import KIB, MIB, Figures, measure
from tests.load.limits import TURN

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUND_TRIP = 0.02
TASKS = 40
TRIPS = 1.2
LINEAR = 1.1
"""A tenth more is noise."""
HEAD = (
    "commands",
    "names of one sshd",
    "all of them",
    "runner",
    "a host",
    "CPU of the runner a task",
    "longest turn (CPU)",
    "aims",
)


async def many(counts: Sequence[int], tasks: int) -> Table:
    """``make load`` for so many names of one sshd; the first number of hosts is what the others are held against."""
    table = Table(HEAD, "A host's memory is what there is more than in the line before, shared out.")
    with tempfile.TemporaryDirectory(prefix="hotdesk-bench-") as directory:
        async with fleet.names(Path(directory), max(counts)) as pcs:
            before: Figures | None = None
            for count in counts:
                figures, _ = measure(pcs, count, (), 0.0, tasks)
                table.add(str(tasks), *_cells(figures, before))
                before = figures
    return table


def _cells(figures: Figures, before: Figures | None) -> list[str]:
    """A line of the table, and what is aimed at: turns, and that a host costs no more than it does where there are few."""
    host, verdict = "", f"turns below {TURN * 1000:.0f} ms"
    if figures.turn_cpu > TURN:
        verdict = f"**{verdict}: missed**"
    if before:
        host = f"{(figures.memory - before.memory) / (figures.hosts - before.hosts) / KIB:.0f} KiB"
        linear = figures.task <= before.task * LINEAR
        verdict += ", CPU no faster than linearly" if linear else ", **CPU no faster than linearly: missed**"
    return [
        str(figures.hosts), f"{figures.wall:.1f} s", f"{figures.memory / MIB:.0f} MiB", host, f"{figures.task * 1000:.2f} ms",
        f"{figures.turn_cpu * 1000:.0f} ms", verdict,
    ]  # fmt: skip


def far(rounds: int) -> Table:
    """Round trips a task, at ROUND_TRIP seconds each, beside the same play without the delay."""
    table = Table(("20 ms away", "a task", "a round trip", "round trips a task", "at most"))
    if why := missing():
        table.add("not measured", why, "", "", "")
        return table
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
    trips = (taken - near) / (long - short)
    most = f"{TRIPS}" if trips <= TRIPS else f"**{TRIPS}: missed**"
    table.add("without the delay", f"{near * 1000:.1f} ms", f"{short * 1000:.1f} ms", "", "")
    table.add(f"{TASKS} commands", f"{taken * 1000:.1f} ms", f"{long * 1000:.1f} ms", f"{trips:.2f}", most)
    return table


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
