"""One whole process: how long it took, and whether it did what it should."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCH = Path(__file__).parent / "launch.py"
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
    """Start it and wait for its end; its failure ends the benchmark (SystemExit) with its words."""
    surroundings = {**os.environ, **(environment or {})}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # else everything that is not installed is compiled at each start
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as report:
        launched = [sys.executable, "-S", "-E", str(LAUNCH), str(report.fileno()), *argv]
        subprocess.run(
            launched, env=surroundings, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            pass_fds=[report.fileno()], check=True,
        )  # fmt: skip
        for file in (output, report):
            file.seek(0)
        text = output.read().decode(errors="replace")
        code, wall, cpu, memory = json.loads(report.read())
    if code:
        raise SystemExit(f"bench: {' '.join(argv)} ended with {code}:\n{text[-3000:]}")
    return Measured(wall, cpu, memory / 1024, text)


def median(found: Sequence[Measured]) -> Measured:
    """The medians of several; the last one's output."""
    wall, cpu, memory = (statistics.median(getattr(one, name) for one in found) for name in ("wall", "cpu", "memory"))
    return Measured(wall, cpu, memory, found[-1].output)


def cell(taken: Measured, ours: Measured) -> str:
    """Wall, how many times ours, CPU and memory."""
    times = "" if taken is ours else f" **{taken.wall / ours.wall:.1f}x**"
    return f"{taken.wall:.2f} s{times} ({taken.cpu:.2f} CPU, {taken.memory:.0f} MiB)"
