"""What there is when no run is under way, and whether it has grown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.lab.lab import PC

IN_MEMORY = "find /run /tmp /dev/shm -xdev -mindepth 1"
MIB = 1 << 20
LEAK = 2 * MIB
"""Bytes that the resident process may have more at the end: what the allocator keeps differs by 0.6 MiB from round to round, and caches of Python's
fill by 0.2 MiB."""
SOME = 0.02
"""The share by which its number of objects may differ, and its peak in a run by itself five times that."""


@dataclass(frozen=True, slots=True)
class Stock:
    """One look at everything."""

    resident: Mapping[str, int]
    """What the long-lived process holds: descriptors, tasks, threads, objects, memory (bytes)."""
    alone: Mapping[str, int]
    """The most memory (bytes) that the last undisturbed run by itself of each work took."""
    processes: int
    """On all PCs."""
    marked: int
    """Of them and of those here, the ones that carry a run's mark."""
    remote: frozenset[str]
    """Paths on the PCs, as ``pc1:/tmp/x``."""
    local: frozenset[str]
    """Paths here, run logs left out."""
    logs: int

    def __str__(self) -> str:
        held = self.resident
        return (
            f"{held['memory'] / MIB:.1f} MiB, {held['objects']} objects, {held['descriptors']} descriptors, {held['tasks']} tasks, "
            f"{held['threads']} threads; alone {max(self.alone.values(), default=0) / MIB:.1f} MiB; {self.processes} processes "
            f"({self.marked} of runs); {len(self.remote)} paths there, {len(self.local)} here, {self.logs} run logs"
        )


def paths_on(pc: PC) -> set[str]:
    """Every path that was ever written on a PC and is still there: on its disk, and in what it has in memory."""
    disk = paths_in(pc.directory / "disk" / "upper")
    return {f"{pc.name}:/{path}" for path in disk} | {
        f"{pc.name}:{line}" for line in pc.run("sh", "-c", IN_MEMORY).splitlines()
    }


def paths_in(directory: Path) -> set[str]:
    """The same here."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def grown(first: Stock, last: Stock) -> list[str]:
    """What there is more of, in sentences."""
    found = []
    for name in ("descriptors", "tasks", "threads"):
        if last.resident[name] > first.resident[name]:
            found.append(f"{name}: {first.resident[name]} at first, {last.resident[name]} at last")
    if last.resident["memory"] > first.resident["memory"] + LEAK:
        more = (last.resident["memory"] - first.resident["memory"]) / MIB
        found.append(f"the long-lived process has {more:.1f} MiB more")
    if last.resident["objects"] > first.resident["objects"] * (1 + SOME):
        found.append(f"objects: {first.resident['objects']} at first, {last.resident['objects']} at last")
    for work, size in first.alone.items():
        if last.alone[work] > size * (1 + 5 * SOME):
            found.append(
                f"a run of {work} by itself: {size / MIB:.1f} MiB at first, {last.alone[work] / MIB:.1f} at last"
            )
    if last.processes > first.processes or last.marked:
        found.append(f"processes: {first.processes} at first, {last.processes} at last, {last.marked} of runs")
    for where, paths in (("there", last.remote - first.remote), ("here", last.local - first.local)):
        if paths:
            found.append(f"{len(paths)} paths more {where}: {', '.join(sorted(paths)[:20])}")
    return found
