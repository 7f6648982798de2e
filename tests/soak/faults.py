"""What happens to the runs of the soak, each at a random moment, and how it is made good again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.lab.lab import PC

LEASE = 5.0
"""Seconds, of the agents."""


Do = Callable[[int, "PC", "random.Random"], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to the process of a run or to a PC of it, and the exit codes that may follow (2 too where the work itself fails)."""

    do: Do
    codes: frozenset[int]


def _signals(*numbers: int, code: int) -> Fault:
    def send(pid: int, _pc: PC, dice: random.Random) -> None:
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            time.sleep(dice.uniform(0.05, 0.4))

    # Negative: it came while Python itself was starting, before anything else was.
    return Fault(send, frozenset({0, code, -numbers[0]}))


def _cut(_pid: int, pc: PC, dice: random.Random) -> None:
    """For less or for more than the lease."""
    pc.cut()
    time.sleep(dice.choice((1.0, LEASE * 2)))
    pc.heal()


def _session_killed(_pid: int, pc: PC, _dice: random.Random) -> None:
    """The sshd that holds the connection, not the one that listens."""
    for pid, line in pc.processes().items():
        if line.startswith("sshd") and ": ada" in line:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _full(_pid: int, pc: PC, dice: random.Random) -> None:
    """The PC's disk, for a while."""
    pc.fill("/home")
    time.sleep(dice.uniform(0.5, 3.0))
    pc.empty("/home")


def _nothing(_pid: int, _pc: PC, _dice: random.Random) -> None:
    pass


FAULTS = {
    "nothing": Fault(_nothing, frozenset({0})),
    "SIGINT": _signals(signal.SIGINT, code=130),
    "SIGTERM": _signals(signal.SIGTERM, code=143),
    "SIGHUP": _signals(signal.SIGHUP, code=129),
    "SIGINT twice": _signals(signal.SIGINT, signal.SIGINT, code=130),
    "cut": Fault(_cut, frozenset({0, 2, 4})),
    "sshd killed": Fault(_session_killed, frozenset({0, 4})),
    "disk full": Fault(_full, frozenset({0, 2})),
}
FATAL = {"kill -9": _signals(signal.SIGKILL, code=-signal.SIGKILL)}
"""For a run in a process of its own."""
