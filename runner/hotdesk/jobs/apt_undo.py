"""A PC's packages as they were before a run, by what its journal says; rehearsed by the command line that then does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs import apt_commands as apt
from hotdesk.jobs.apt_plan import WAY_IN, Package
from hotdesk.jobs.base import Change
from hotdesk.jobs.on_target import apt_journal
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.undo import PACKAGES, begin_packages, end_packages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.jobs.machine import Machine

    State = list[str] | None
    """[version, manual or auto, hold or nothing]; None: not installed."""

LOCK_TIMEOUT = 120.0
"""Seconds to wait for another package manager."""
KILLED = "the run was killed, so nobody can tell who changed it"


@dataclass(slots=True)
class Wanted:
    """What comes back: ``packages`` by the id of their change; ``left`` what does not, and why."""

    machine: Machine
    changes: list[Change] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Changed again since, and so only brought back when that is wanted."""
    packages: dict[str, Package] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    """Name -> as it was before, of all that come back."""
    also: set[str] = field(default_factory=set)
    """What goes along with them, with consent."""

    async def undo(self, chosen: Sequence[Change]) -> dict[str, str]:
        """Change: bring these back. Id -> why, of those that could not be."""
        machine, failed = self.machine, {}
        name = await begin_packages(machine)
        picked = {change.id: self.packages[change.id] for change in chosen if change.id in self.packages}
        if any(not one.remove for one in picked.values()):
            offered = await _offered(machine, [one.name for one in picked.values() if not one.remove])
            for ident, one in list(picked.items()):
                if not one.remove and one.version not in offered.get(one.name, []):
                    failed[ident] = _gone(one)
                    picked.pop(ident)
        now = await _now(machine)
        freed = [one.name for one in picked.values() if one.name in now["packages"] and now["packages"][one.name][2]]
        if freed:
            await apt.command(machine, ["apt-mark", "unhold", *freed], change=True)
        protected = now["packages"].keys() - {one.name for one in picked.values() if one.remove} - self.also
        refused, _ = await apt.collateral(machine, picked, protected, now["native"]) if picked else ({}, None)
        for ident, why in refused.items():
            failed[ident] = why if isinstance(why, str) else _takes(why)
            picked.pop(ident)
        if picked and (told := await apt.perform(machine, list(picked.values()), lock_timeout=LOCK_TIMEOUT)):
            there = (await _now(machine))["packages"]
            failed |= {i: told for i, one in picked.items() if (one.name not in there) != one.remove}
        await self._mark(chosen, failed)
        for change in chosen:
            if change.verb == "remove-architecture":
                await self._try(change.id, ["dpkg", "--remove-architecture", change.subject], failed)
        await end_packages(machine, name)
        return failed

    async def _mark(self, chosen: Sequence[Change], failed: dict[str, str]) -> None:
        """manual, auto and hold, which installing has changed too."""
        there = (await _now(self.machine))["packages"]
        ids = {change.subject: change.id for change in chosen}
        for name, ident in ids.items():
            was, now = self.states.get(name), there.get(name)
            if was is None or now is None or ident in failed:
                continue
            if was[1] != now[1]:
                await self._try(ident, ["apt-mark", was[1], name], failed)
            if was[2] != now[2]:
                await self._try(ident, ["apt-mark", "hold" if was[2] else "unhold", name], failed)

    async def _try(self, ident: str, argv: Sequence[str], failed: dict[str, str]) -> None:
        try:
            await apt.command(self.machine, argv, change=True)
        except TaskError as exc:
            failed[ident] = str(exc)


async def wanted(
    machine: Machine, notes: Sequence[Mapping[str, Any]], *, overwrite: bool = False, sources: bool = False
) -> Wanted:
    """What undoing ``notes`` (newest first) would do; reads only. ``sources``: some come back first, with what they offer."""
    out, now = Wanted(machine), await _now(machine)
    for name, (before, after) in sorted(_between(notes, now).items()):
        there = now["packages"].get(name)
        if there == before:
            continue
        if there != after:
            how = KILLED if after == ["?"] else f"it is {_told(there)} now, and the run left it {_told(after)}"
            out.changed.append(f"{name}: {how}")
            if not overwrite:
                continue
        out.states[name] = before
        _change(out, name, before, there)
    first, last = notes[-1]["before"], notes[0]["after"] or (now if overwrite else notes[-1]["before"])
    added = set(last["architectures"]) - set(first["architectures"])
    await _offers(out, sources)
    await _rehearsed(out, now, overwrite, sources)
    out.changes += [
        Change(verb="remove-architecture", subject=each, undo=f"dpkg --add-architecture {each}")
        for each in sorted(added.intersection(now["architectures"]))
    ]
    return out


def _between(notes: Sequence[Mapping[str, Any]], now: Mapping[str, Any]) -> dict[str, tuple[State, State]]:
    """Name -> what it was before the first note and what it was after the last; ["?"] after a run that was killed."""
    found: dict[str, tuple[State, State]] = {}
    for one in notes:
        before, after = one["before"]["packages"], (one["after"] or now)["packages"]
        for name in {**before, **after}:
            if before.get(name) != after.get(name):
                left = after.get(name) if one["after"] else ["?"]
                found[name] = before.get(name), found[name][1] if name in found else left
    return found


def _change(out: Wanted, name: str, before: State, there: State) -> None:
    version, had = (before or [""])[0], (there or [""])[0]
    if before is None and name in WAY_IN:
        out.left.append(f"{name} is not removed: it is part of the way in")
        return
    verb = "remove" if before is None else "install" if there is None else "replace" if version != had else "mark"
    detail = (
        " ".join(filter(None, before[1:]))
        if verb == "mark" and before
        else f"{had or 'nothing'} -> {version or 'nothing'}"
    )
    change = Change(
        verb=verb, subject=name, detail=detail, destructive=verb in ("remove", "replace"), before=had, after=version,
        undo="hotdesk rollback, while an archive has it",
    )  # fmt: skip
    out.changes.append(change)
    if verb != "mark":
        out.packages[change.id] = Package(name, version=version, remove=before is None)


async def _offers(out: Wanted, sources: bool) -> None:
    """Leave what no archive has any more; what the sources that come back may have is tried."""
    names = [one.name for one in out.packages.values() if not one.remove]
    offered = await _offered(out.machine, names)
    for change in list(out.changes):
        one = out.packages.get(change.id)
        if one is None or one.remove or one.version in offered.get(one.name, []):
            continue
        if sources:
            one.late = True
            continue
        _leave(out, change, _gone(one))


async def _rehearsed(out: Wanted, now: Mapping[str, Any], overwrite: bool, sources: bool) -> None:
    """What would take something along that is no business of that run's is left, unless it is wanted.

    A held package cannot be rehearsed: the hold is taken away first.
    """
    held = {name for name, state in now["packages"].items() if state[2]}
    known = {ident: one for ident, one in out.packages.items() if not one.late and one.name not in held}
    protected = now["packages"].keys() - {one.name for one in known.values() if one.remove}
    if not known:
        return
    refused, _ = await apt.collateral(out.machine, known, protected, now["native"])
    for change in list(out.changes):
        why = refused.get(change.id)
        if isinstance(why, frozenset) and overwrite:
            for name in sorted(why - out.also):
                detail = f"which '{change.id}' would take with it"
                out.changes.append(Change(verb="remove", subject=name, detail=detail, destructive=True))
            out.also |= why
        elif isinstance(why, frozenset):
            out.changed.append(f"{change.subject}: {_takes(why)}")
            _leave(out, change, "")
        elif why and not sources:
            _leave(out, change, why)


def _leave(out: Wanted, change: Change, why: str) -> None:
    out.changes.remove(change)
    del out.packages[change.id]
    if why:
        out.left.append(f"{change.subject}: {why}")


def _told(state: State) -> str:
    return " ".join(filter(None, state)) if state else "not installed"


def _gone(one: Package) -> str:
    return f"no archive has {one.name} {one.version} any more"


def _takes(names: frozenset[str]) -> str:
    return f"it would take {', '.join(sorted(names))} with it, which is not that run's"


async def _now(machine: Machine) -> dict[str, Any]:
    shape = {**PACKAGES, "native": str}
    return dict(await machine.call(bundle(apt_journal), "now", change=False, answers=shape))


async def _offered(machine: Machine, names: Sequence[str]) -> dict[str, list[str]]:
    shape = {str: [str]}
    return dict(await machine.call(bundle(apt_journal), "offered", list(names), change=False, answers=shape))
