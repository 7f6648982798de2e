"""What bringing a PC back to before a run would do, by the journals that the run left there, and doing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs import apt_commands, apt_undo, docker_undo
from hotdesk.jobs.base import Change
from hotdesk.jobs.tools import ENVIRONMENT, reason, run
from hotdesk.jobs.transaction import UNDO, recover, unfinished
from hotdesk.jobs.undo import restore, survey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from hotdesk.jobs.machine import Machine

    Act = Callable[[list[Change]], Awaitable[Mapping[str, str]]]
    """Does those of its changes that are given; id -> why, of those that failed."""
    Step = tuple[list[Change], Act]

APT = "/etc/apt"
"""The unit whose check needs the network: what comes back of it was in use, so it is put back without."""


@dataclass(slots=True)
class Undoing:
    """The way back of one PC. ``left`` stays as it is, ``changed`` unless overwriting is wanted: each a line that says why."""

    machine: Machine
    steps: list[Step] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    found: bool = False
    """The run has left something here at all."""

    @property
    def changes(self) -> list[Change]:
        """All of them, in the order in which they are done."""
        return [change for changes, _ in self.steps for change in changes]

    async def perform(self, chosen: Iterable[Change]) -> dict[str, str]:
        """Change: do these. Id -> why, of those that failed."""
        wanted = {change.id for change in chosen}
        failed: dict[str, str] = {}
        for changes, act in self.steps:
            mine = [change for change in changes if change.id in wanted]
            if not mine:
                continue
            try:
                failed.update(await act(mine))
            except TaskError as exc:
                path = exc.data.get("path")
                guilty = next((change.id for change in mine if change.subject == path), None)
                failed.update({change.id: reason(exc) for change in mine if guilty in (None, change.id)})
                failed.update({c.id: f"not done, since '{guilty}' failed" for c in mine if guilty not in (None, c.id)})
        return failed


async def undoing(machine: Machine, run_id: str, *, overwrite: bool = False) -> Undoing:
    """Reads only. ``overwrite``: also what was changed again since."""
    out = Undoing(machine)
    broken = [one for one in await unfinished(machine) if one["run"] == run_id]
    for one in broken:
        change = Change(verb="undo", subject=one["name"], detail=f"what the run left half done of {one['unit']}")
        out.steps.append(([change], partial(_recover, machine)))
    entries = await survey(machine, run_id)
    entries.sort(key=lambda one: one["unit"] != APT)  # packages may need what comes back there
    out.found = bool(broken or entries)
    notes = [one["packages"] for one in entries if "packages" in one]
    sources = False
    late: list[Step] = []
    for one in entries:
        if one["files"]:
            changes = _files(out, one["files"], overwrite)
            sources = sources or (one["unit"] == APT and bool(changes))
            out.steps.append((changes, partial(_restore, machine, one)))
        for command in one.get("commands", ()):
            (late if command["last"] else out.steps).extend(await _command(out, command, overwrite))
        if "packages" in one and one["packages"] is notes[-1]:
            packages = await apt_undo.wanted(machine, notes, overwrite=overwrite, sources=sources)
            out.steps.append((packages.changes, packages.undo))
            out.left += packages.left
            out.changed += packages.changed
    out.steps += late
    if definitions := [one["definitions"] for one in entries if one["unit"] == "docker"]:
        docker = await docker_undo.wanted(machine, definitions, overwrite=overwrite)
        out.steps.append((docker.changes, docker.undo))
        out.left += docker.left
        out.changed += docker.changed
    return out


async def _recover(machine: Machine, _changes: list[Change]) -> dict[str, str]:
    await recover(machine)
    return {}


def _files(out: Undoing, files: Mapping[str, Mapping[str, Any]], overwrite: bool) -> list[Change]:
    changes = []
    for path, one in sorted(files.items()):
        if one["now"] == one["old"]:
            continue
        if one["now"] != one["new"]:
            out.changed.append(f"{path}: {_whose(one)}")
            if not overwrite:
                continue
        gone = one["old"] is None
        detail = "" if gone or one["old"][0] == "link" else f"{one['old'][1]:04o}"
        verb = "delete" if gone else "restore"
        changes.append(Change(verb=verb, subject=path, detail=detail, destructive=gone, undo=UNDO))
    return changes


def _whose(one: Mapping[str, Any]) -> str:
    return f"changed again by the run {one['by']}" if one["by"] else "changed since, by nobody that we know of"


async def _restore(machine: Machine, one: Mapping[str, Any], changes: list[Change]) -> dict[str, str]:
    wanted = {change.subject: one["files"][change.subject] for change in changes}
    await restore(machine, one["unit"], wanted, [] if one["unit"] == APT else one["checks"])
    if one["unit"] == APT:
        said = await machine.run(list(apt_commands.UPDATE), change=True, env=apt_commands.ENVIRONMENT, stall=True)
        if said.rc:
            machine.warn(f"apt-get update on {machine.host}: {apt_commands.words(said)}")
    return {}


async def _command(out: Undoing, one: Mapping[str, Any], overwrite: bool) -> list[Step]:
    """At most one step."""
    now = await _looked(out.machine, one["look"])
    if now == one["before"]:
        return []
    if now != one["after"]:
        out.changed.append(f"{one['subject']}: changed since")
        if not overwrite:
            return []
    change = Change(verb="undo", subject=one["subject"], detail=one["detail"])
    return [([change], partial(_steps, out.machine, one["steps"]))]


async def _looked(machine: Machine, argv: Sequence[str]) -> str:
    """What it says; nothing when it cannot be asked any more."""
    try:
        done = await machine.run(argv, change=False, env=dict(ENVIRONMENT), timeout=60)
    except FileNotFoundError:
        return ""
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


async def _steps(machine: Machine, steps: Sequence[Mapping[str, Any]], _changes: list[Change]) -> dict[str, str]:
    for step in steps:
        await run(machine, step["argv"], change=True, stdin=step["stdin"].encode(errors="surrogateescape"))
    return {}
