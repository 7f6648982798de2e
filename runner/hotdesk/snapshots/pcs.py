"""What the runner asks of a PC about its snapshots, and what it has it do; the work is done there (``on_target/store.py``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.jobs.shipping import bundle
from hotdesk.results import Problem
from hotdesk.shapes import expect
from hotdesk.snapshots.on_target import differences, store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hotdesk.jobs.machine import Machine

OLDEST_BTRFS = (4, 15)
_SET = {
    **dict.fromkeys(("run", "phase", "device", "made", "host"), str),
    "complete": bool,
    "at": float,
    "subvolumes": [{"name": str, "path": str, "mount": str}],
}
_SURVEY = {
    "version": ([int, int], None),
    "root": bool,
    "mounted": [{"path": str, "mount": str, "device": str, "number": str}],
    "unprotected": [str],
    "waiting": [str],
    "boot": [str],
    "left_out": [str],
    "sets": [_SET],
    "file_systems": [{"device": str, "mount": str, "free": int, "size": int}],
}
_CREATED = {"made": [str], "removed": [str]}
_PRUNED = {"removed": [str], "short": [str]}
ENTRY = [str, str, str]
COMPARED = {"found": int, "compared": [str]}


@frozen
class Pc:
    """A PC with its snapshots as they were when it was looked at. Machine needs to be root for all that changes something."""

    machine: Machine
    found: Mapping[str, Any]

    @property
    def mounts(self) -> tuple[str, ...]:
        """Where its subvolumes are mounted."""
        return tuple(each["mount"] for each in self.found["mounted"])

    @property
    def sets(self) -> Sequence[Mapping[str, Any]]:
        """All that were finished, oldest first: ``run``, ``phase``, ``device``, ``made`` (ISO, UTC), ``at`` (seconds), ``subvolumes``."""
        return sorted((one for one in self.found["sets"] if one["complete"]), key=lambda one: float(one["at"]))

    @property
    def unprotected(self) -> tuple[str, ...]:
        """Places that no snapshot covers, as "/home (ext4)"."""
        return tuple(self.found["unprotected"])

    def problems(self, *, waiting: bool = True) -> list[Problem]:
        """Why there can be no snapshots although there is btrfs; with ``waiting`` also that it has to be rebooted first."""
        host, version = self.machine.host, self.found["version"]
        if waiting and self.found["waiting"]:
            places = ", ".join(self.found["waiting"])
            return [
                Problem(f"{host} waits for its reboot: what is mounted at {places} was replaced", f"Reboot {host}.")
            ]
        if not self.mounts:
            return []
        if version is None:
            return [Problem(f"{host} has btrfs but not the program btrfs", "Install the package btrfs-progs there.")]
        if tuple(version) < OLDEST_BTRFS:
            number, oldest = ".".join(map(str, version)), ".".join(map(str, OLDEST_BTRFS))
            return [
                Problem(f"{host} has btrfs-progs {number}; {oldest} or newer is needed", "Update btrfs-progs there.")
            ]
        return [] if self.found["root"] else [Problem(f"{host}: snapshots need root", "Use become: true.")]

    def covered(self, run: str, phase: str) -> set[str]:
        """The places that a run's set of that phase has."""
        mine = [one for one in self.sets if (one["run"], one["phase"]) == (run, phase)]
        return {each["mount"] for one in mine for each in one["subvolumes"]}

    def retired(self, *, keep: int, days: float, current: str, now: float) -> list[str]:
        """The runs that are too many or too old, oldest first."""
        return store.retired(self.sets, keep=keep, days=days, current=current, now=now)

    def wanted_free(self, keep_free: str) -> dict[str, int]:
        """``10%`` or ``20G`` in bytes for each file system, by device."""
        return {each["device"]: in_bytes(keep_free, each["size"]) for each in self.found["file_systems"]}

    async def create(self, run: str, phase: str, mounts: Sequence[str]) -> dict[str, Any]:
        """Change: snapshots of ``mounts``, all or none. Gives ``made`` and ``removed`` (unfinished ones of dead runs)."""
        done: dict[str, Any] = await self._change(
            "create", run, phase, list(mounts), self.machine.host, answers=_CREATED
        )
        return done

    async def prune(self, runs: Sequence[str], wanted_free: Mapping[str, int], current: str = "") -> dict[str, Any]:
        """Change: remove those of ``runs``, then the oldest ones until that much is free. Gives ``removed`` and ``short``."""
        done: dict[str, Any] = await self._change("prune", list(runs), dict(wanted_free), current, answers=_PRUNED)
        return done

    async def _change(self, function: str, *args: Any, answers: Any) -> Any:
        machine = self.machine
        heard: Callable[[Any], None] = lambda _item: machine.heard()  # noqa: E731
        async with machine.stalling(f"snapshots on {machine.host}"):
            return await machine.call(bundle(store), function, *args, change=True, on_item=heard, answers=answers)


async def look(machine: Machine, wanted: Sequence[str] | None = None) -> Pc:
    """Look at a PC's subvolumes and snapshots; ``wanted`` are the places that matter (None: all that are mounted)."""
    async with machine.limit(120.0, f"looking at the snapshots of {machine.host}"):
        chosen = None if wanted is None else list(wanted)
        return Pc(machine, await machine.call(bundle(store), "survey", chosen, change=False, answers=_SURVEY))


def in_bytes(text: str, size: int) -> int:
    """``15%`` of ``size``, or ``20G``, ``500M`` (powers of 1024). Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%|[kmgtKMGT]?)(?:i?[bB])?", text.strip())
    if not found or (found[2] == "%" and float(found[1]) > 90):
        raise ValueError(text)
    if found[2] == "%":
        return int(size * float(found[1]) / 100)
    return int(float(found[1]) * 1024 ** ("kmgt".index(found[2].lower()) + 1 if found[2] else 0))


@frozen
class Differences:
    """What differs on a PC: [mark, path, detail] each, how many there were in all, and the places that were compared."""

    entries: tuple[tuple[str, str, str], ...]
    found: int
    compared: tuple[str, ...]


async def compare(machine: Machine, run: str, *, until: str, below: str, most: int) -> Differences:
    """See ``on_target.differences.compare``. Raises TaskError when there is nothing of that run."""
    entries: list[tuple[str, str, str]] = []

    def take(batch: Any) -> None:
        machine.heard()
        entries.extend(
            (str(mark), str(path), str(detail))
            for mark, path, detail in expect(batch, [ENTRY], machine.host, "compare")
        )

    async with machine.stalling(f"comparing snapshots on {machine.host}"):
        end = await machine.call(
            bundle(differences), "compare", run, until, below, most, change=False, on_item=take, answers=COMPARED
        )
    return Differences(tuple(entries), end["found"], tuple(end["compared"]))
