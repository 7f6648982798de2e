"""``make load``: one inventory of many PCs. ``python -m tests.load [--hosts 1,50,200] [--names] [--ways SIGINT,SIGTERM] [--idle 60]``.

With root the PCs are whole ones of the lab, each with its own processes; ``--names`` (and anybody else) uses so many names of one sshd,
whose agents then all look through the same processes. Exit code 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.lab import Lab
from tests.lab.machine import missing
from tests.load import fleet, stops
from tests.load.limits import IDLE, IDLE_A_HOST, THREADS, TURN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.load.fleet import Fleet

TASKS = 20
KIB, MIB = 1 << 10, 1 << 20


@dataclass(slots=True)
class Figures:
    """What a number of hosts takes: the worst of all its runs."""

    hosts: int
    memory: int = 0
    """Bytes, of the runner; ``agents`` of each agent."""
    agents: list[int] = field(default_factory=list)
    turn_wall: float = 0.0
    turn_cpu: float = 0.0
    threads: int = 0
    descriptors: int = 0
    task: float = 0.0
    """CPU seconds of the runner for one task on one host; ``wall`` seconds of the whole run of TASKS + 1 tasks."""
    wall: float = 0.0
    idle: float | None = None
    """CPU seconds of the runner in a second of waiting; None: not measured."""

    def take(self, report: dict[str, Any]) -> None:
        """The report of one run (none from a runner that was killed)."""
        for name in ("memory", "turn_wall", "turn_cpu", "threads", "descriptors") if report else ():
            setattr(self, name, max(getattr(self, name), report[name]))

    def wrong(self) -> list[str]:
        """What does not hold."""
        found = [(self.turn_cpu > TURN, f"a turn of the event loop took {self.turn_cpu * 1000:.0f} ms of CPU")]
        found += [(self.threads > THREADS, f"{self.threads} threads")]
        found += [
            (
                (self.idle or 0.0) > IDLE + self.hosts * IDLE_A_HOST,
                f"waiting takes {(self.idle or 0.0) * 100:.1f} % of a CPU",
            )
        ]
        return [f"{self.hosts} hosts: {text}" for true, text in found if true]

    def line(self, first: Figures) -> str:
        """A row of the table; a host's memory is what there is more than in the first row, shared out."""
        more = (self.memory - first.memory) / (self.hosts - first.hosts) / KIB if self.hosts > first.hosts else 0.0
        agent = f"{statistics.median(self.agents) / MIB:.1f} MiB" if self.agents else "-"
        turn = f"{self.turn_wall * 1000:.0f} ms, CPU {self.turn_cpu * 1000:.0f} ms"
        idle = f"{self.idle * 100:.2f} %" if self.idle is not None else "-"
        return (
            f"{self.hosts:>5} {self.memory / MIB:>7.0f} MiB {more:>4.0f} KiB {agent:>9} {turn:>21} {self.threads:>7} "
            f"{self.descriptors:>11} {self.task * 1000:>7.2f} ms {idle:>8} {self.wall:>6.1f} s"
        )


HEAD = "hosts  runner RSS   a host  an agent          longest turn threads descriptors CPU a task     idle all tasks"
STOP_HEAD = "hosts way            code    ended  all gone  limit"


def measure(
    pcs: Fleet, count: int, ways: Sequence[stops.Way], idle: float, tasks: int = TASKS
) -> tuple[Figures, list[stops.Stopped]]:
    """Commands, waiting, and every way to end a run, on ``count`` hosts."""
    figures, stopped = Figures(count), []
    one, many = _command(pcs, count, "true", 1), _command(pcs, count, "true", 1 + tasks)
    figures.task, figures.wall = (many["cpu"] - one["cpu"]) / (count * tasks), many["wall"]
    reports = [one, many]
    if idle:
        reports.append(_command(pcs, count, f"sleep {idle:g}", 1))
        figures.idle = max(0.0, reports[-1]["cpu"] - one["cpu"]) / idle
    for way in ways:
        stopped.append(stops.stop(pcs, count, way))
        figures.agents = stopped[-1].agents
        reports.append(stopped[-1].report)
    for report in reports:
        figures.take(report)
    return figures, stopped


def _command(pcs: Fleet, count: int, command: str, tasks: int) -> dict[str, Any]:
    task = {"name": "A command", "ansible.builtin.command": command, "changed_when": False}
    began = time.monotonic()
    report = pcs.play(count, pcs.playbook("commands", [task] * tasks))
    return {**report, "wall": time.monotonic() - began}


def _stop_line(count: int, stop: stops.Stopped) -> str:
    limit = f"{stop.way.limit:g} s"
    return f"{count:>5} {stop.way.name:<14} {stop.code:>4} {stop.ended:>6.2f} s {stop.gone:>7.2f} s {limit:>6}"


def _arguments() -> argparse.Namespace:
    every = ",".join(way.name for way in stops.WAYS)
    parser = argparse.ArgumentParser(prog="make load ARGS=...")
    parser.add_argument("--hosts", default="1,50,200")
    parser.add_argument("--names", action="store_true", help="names of one sshd instead of whole PCs")
    parser.add_argument("--ways", default=every, help=f"to end a run: {every}")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds of waiting; 0: none")
    return parser.parse_args()


async def main() -> int:
    """Parse, make the PCs, measure, judge."""
    args = _arguments()
    counts = sorted(int(word) for word in args.hosts.split(","))
    ways = [way for way in stops.WAYS if way.name in args.ways.split(",")]
    names, wrong, lines = args.names or bool(missing()), [], [STOP_HEAD]
    about = f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{time.strftime('%Y-%m-%d')}  {about}, {'names of one sshd' if names else 'whole PCs'}\n{HEAD}", flush=True)
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotdesk-load-")))
        if names:
            pcs = await stack.enter_async_context(fleet.names(directory, counts[-1]))
        else:
            Lab.down()
            stack.callback(Lab.down)
            pcs = fleet.lab(directory, counts[-1])
        first: Figures | None = None
        for count in counts:
            figures, stopped = measure(pcs, count, ways, args.idle)
            first = first or figures
            print(figures.line(first), flush=True)
            lines += [_stop_line(count, stop) for stop in stopped]
            wrong += figures.wrong() + [f"{count} hosts: {stop.problem()}" for stop in stopped if not stop.holds]
    print("\n".join(["", *lines, *(f"does not hold: {line}" for line in wrong)]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
