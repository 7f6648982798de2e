"""Runs on many PCs at once that are ended in every way there is."""

from __future__ import annotations

import os
import secrets
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.load.fleet import agents, carrying, run_of

if TYPE_CHECKING:
    from tests.load.fleet import Fleet, Run

STOP, FORCED, LEASE = 5.0, 1.0, 30.0
"""Seconds: a whole stop, a stop from its second signal on, and what an agent lives without its runner."""
STUBBORN = (
    "trap '' TERM; (trap '' TERM INT HUP; exec -a {mark} sleep 600) & "
    "setsid bash -c 'exec -a {mark} sleep 600' & exec -a {mark} sleep 600"
)
PER_HOST = 3
START_LIMIT, PATIENCE, LOOK = 240.0, 30.0, 0.2


@dataclass(frozen=True, slots=True)
class Way:
    """How a run is ended: signals, each so many seconds after the one before, and what must come of it."""

    name: str
    signals: tuple[tuple[float, int], ...]
    code: int
    limit: float
    """Seconds from the last signal until no process is left anywhere."""


WAYS = (
    Way("SIGINT", ((0, signal.SIGINT),), 130, STOP),
    Way("SIGTERM", ((0, signal.SIGTERM),), 143, STOP),
    Way("SIGHUP", ((0, signal.SIGHUP),), 129, STOP),
    Way("SIGINT twice", ((0, signal.SIGINT), (0.2, signal.SIGINT)), 130, FORCED),
    Way("kill -9", ((0, signal.SIGKILL),), -signal.SIGKILL, LEASE + STOP),
)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop came to. Seconds are from the last signal on."""

    way: Way
    code: int
    ended: float
    """Until the runner had ended."""
    gone: float
    """Until nothing of the run was left on any PC, agents included."""
    left: int
    agents: list[int]
    """Resident bytes of each agent, just before."""
    report: dict[str, float]
    said: str

    @property
    def holds(self) -> bool:
        return self.code == self.way.code and self.gone <= self.way.limit and not self.left

    def problem(self) -> str:
        """What does not hold, in a line, and what the run said last."""
        return f"{self.way.name}: code {self.code}, {self.left} left after {self.gone:.1f} s\n{self.said[-1000:]}"


def stop(fleet: Fleet, count: int, way: Way) -> Stopped:
    """Start stubborn processes on ``count`` hosts, end the run in the ``way`` given, wait until nothing is left."""
    mark = f"hd{secrets.token_hex(6)}"
    shell = {"executable": "/bin/bash", "cmd": STUBBORN.format(mark=mark)}
    playbook = fleet.playbook("stubborn", [{"name": "Stubborn", "ansible.builtin.shell": shell}])
    run = fleet.start(count, playbook)
    try:
        own = _all_there(run, mark, count)
        sizes = agents(own)
        for pause, number in way.signals:
            time.sleep(pause)
            os.kill(run.process.pid, number)
        began = time.monotonic()
        code = run.process.wait(way.limit + PATIENCE)
        ended = time.monotonic() - began
        while (left := len(carrying(own))) and time.monotonic() - began < way.limit + PATIENCE:
            time.sleep(LOOK)
        gone = time.monotonic() - began
    finally:
        run.process.kill()
        run.process.wait()
    report = run.reported() if run.report.exists() else {}
    return Stopped(way, code, ended, gone, left, sizes, report, run.said())


def _all_there(run: Run, mark: str, count: int) -> str:
    """Wait until the processes run on every host; the run's mark (``HOTDESK_RUN=ID``)."""
    deadline = time.monotonic() + START_LIMIT
    while len(found := carrying(mark, "cmdline")) < count * PER_HOST:
        code = run.process.poll()
        assert code is None, f"the run ended with {code} before all hosts were at it: {run.said()}"
        assert time.monotonic() < deadline, f"{len(found)} processes within {START_LIMIT:g} s: {run.said()}"
        time.sleep(LOOK)
    return run_of(found[0])
