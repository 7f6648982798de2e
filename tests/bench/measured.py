"""One whole process: how long it took, and whether it did what it should."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RECAP = re.compile(r"^(\S+) +: (ok=.*?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """``wall`` and ``cpu`` (its children's too, the targets' not) in seconds; ``memory``: MiB of its biggest process."""

    wall: float
    cpu: float
    memory: float
    output: str

    @property
    def recap(self) -> dict[str, str]:
        """Host -> its counts, as ansible-playbook and hotdesk print them; empty for others."""
        return {name: " ".join(counts.split()) for name, counts in RECAP.findall(self.output)}


def run(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Start it and wait for its end; its failure ends the benchmark with its words."""
    surroundings = {**os.environ, **(environment or {})}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # else everything that is not installed is compiled at each start
    with tempfile.TemporaryFile() as output:
        begin = time.monotonic()
        process = subprocess.Popen(
            argv, env=surroundings, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"bench: {' '.join(argv)} ended with {process.returncode}:\n{text[-3000:]}")
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)


def median(found: Sequence[Measured]) -> Measured:
    """The medians of several; the last one's output."""
    wall, cpu, memory = (statistics.median(getattr(one, name) for one in found) for name in ("wall", "cpu", "memory"))
    return Measured(wall, cpu, memory, found[-1].output)


def cell(taken: Measured, ours: Measured) -> str:
    """Wall, how many times ours, CPU and memory."""
    return f"{taken.wall:.2f} s {taken.wall / ours.wall:5.1f}x {taken.cpu:6.2f} CPU {taken.memory:4.0f} MiB"
