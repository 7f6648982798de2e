"""A PC's Docker as it was before a run, by what its journal says: definitions of containers, networks and volumes, and names of images.

What is wanted is what there is now, with what the run changed as it was; the comparison and the acts are those of a sync.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs.docker_changes import act, describe, existing
from hotdesk.jobs.docker_containers import aspects, binds
from hotdesk.jobs.docker_plan import Comparison, Wish, digest, short
from hotdesk.jobs.docker_volumes import EMPTY, fingerprints
from hotdesk.jobs.tools import carry_out
from hotdesk.jobs.undo import note_definitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hotdesk.jobs.base import Change
    from hotdesk.jobs.machine import Machine

    State = Mapping[str, Any]
    """As ``describe`` says it."""

SWITCHED = ("start", "stop")


@dataclass(slots=True)
class Wanted:
    """What comes back; ``left`` does not, and ``changed`` only when overwriting is wanted: each a line that says why."""

    machine: Machine
    changes: list[Change] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    here: State = field(default_factory=dict)
    """As it is to be."""
    there: State = field(default_factory=dict)
    """As it is."""

    async def undo(self, chosen: Sequence[Change]) -> dict[str, str]:
        """Change: bring these back. Id -> why, of those that could not be."""
        await keep(self.machine, chosen, self.here, self.there)
        _, failed = await carry_out(self.machine, chosen, self._act)
        return failed

    async def _act(self, change: Change) -> None:
        await act(self.machine, change, self.here, self.there, tags=True)


async def keep(machine: Machine, changes: Iterable[Change], here: State, there: State) -> None:
    """Change: before ``changes`` are done, write down on the PC what is ``there``, and by what its new state will be known."""
    kept = [one for one in (_kept(change, here, there) for change in changes) if one]
    if kept:
        await note_definitions(machine, "docker", kept)


def _kept(change: Change, here: State, there: State) -> dict[str, Any] | None:
    """Nothing for what has no definition (what is loaded, what is in a volume), nor for new names of images, which hinder nobody."""
    kind, _, name = change.subject.partition(" ")
    if kind not in ("container", "network", "volume", "image") or change.verb in ("load", "update"):
        return None
    after = None if change.verb == "remove" else _found(here, kind, name)
    content = change.after if (change.verb, kind) == ("create", "volume") else ""
    before = _found(there, kind, name)
    if kind == "image" and before is None:
        return None
    about = {"before": before, "after": _known(kind, after), "content": content}
    return {"kind": kind, "name": name, "verb": change.verb, **about}


async def wanted(machine: Machine, notes: Sequence[Sequence[Mapping[str, Any]]], *, overwrite: bool = False) -> Wanted:
    """What undoing ``notes`` (newest first) would do; reads only."""
    out, kept = Wanted(machine), _first_and_last(notes)
    try:
        now = await describe(machine)
    except TaskError as exc:
        out.left.append(f"Docker: {exc}")
        return out
    made = [name for (kind, name), one in kept.items() if kind == "volume" and one["before"] is None]
    prints = await fingerprints(machine, now, made)
    parts = ("images", "volumes", "networks", "containers")
    out.there, out.here = now, {**now, **{part: dict(now[part]) for part in parts}}
    for (kind, name), one in sorted(kept.items()):
        current = _found(now, kind, name)
        if one["verb"] in SWITCHED:
            _switch(out, name, one, current)
        elif _is_back(kind, one, current):
            continue
        elif why := _hindrance(now, kept, kind, name, one):
            out.left.append(f"{kind} {name}: {why}")
        else:
            touched = kind == "volume" and current is not None and prints.get(name, "") != one["content"]
            if touched or _known(kind, current) != one["after"]:
                out.changed.append(f"{kind} {name}: {'what is in it was ' * touched}changed since")
                if not overwrite:
                    continue
            _bring(out.here, kind, name, one["before"])
    paths = sorted({path for one in out.here["containers"].values() for path in binds(one)})
    missing = set(paths) - set(await existing(machine, paths))
    found = Comparison(out.here, now, ({}, {}), missing, Wish(delete=True)).compare()
    out.changes = [_told(change) for change in found.changes]
    for what, why in sorted(found.left.items()):
        if tuple(what.removeprefix("removal of ").split(" ", 1)) in kept:
            out.left.append(f"{what}: {why}")
    return out


def _first_and_last(notes: Sequence[Sequence[Mapping[str, Any]]]) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind, name) -> how it was before the first of the notes, and was to be after the last."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in (one for note in notes for one in reversed(note)):
        key = one["kind"], one["name"]
        last = found.setdefault(key, dict(one))
        verb = one["verb"] if last["verb"] in SWITCHED else last["verb"]
        last.update(before=one["before"], verb=verb)
    return found


def _switch(out: Wanted, name: str, one: Mapping[str, Any], current: Any) -> None:
    """Running, or not, as it was; whatever else was changed since."""
    if current is None:
        out.left.append(f"container {name}: it is not there any more")
    else:
        out.here["containers"][name] = {**current, "running": one["before"]["running"]}


def _is_back(kind: str, one: Mapping[str, Any], current: Any) -> bool:
    return _known(kind, current) == _known(kind, one["before"])


def _hindrance(now: State, kept: Iterable[tuple[str, str]], kind: str, name: str, one: Mapping[str, Any]) -> str:
    """Why it cannot come back, or nothing."""
    before = one["before"]
    if kind == "image" and before and before not in now["images"]:
        return f"there is no image {short(before)} any more"
    if kind == "container" and before and before["image"] not in now["images"]:
        return f"there is no image {short(before['image'])} any more, which it was made from"
    if kind == "network" and name in now["networks"]:
        users = [user for user, each in sorted(now["containers"].items()) if name in each["networks"]]
        if others := [user for user in users if ("container", user) not in kept]:
            return f"{', '.join(others)} is in it, which is not that run's"
    return ""


def _bring(here: State, kind: str, name: str, before: Any) -> None:
    """Say in ``here`` that it is as it was."""
    if kind == "image":
        for ident, one in here["images"].items():
            tags = {*one["tags"], name} if ident == before else {*one["tags"]} - {name}
            here["images"][ident] = {**one, "tags": sorted(tags)}
    elif before is None:
        del here[f"{kind}s"][name]
    else:
        here[f"{kind}s"][name] = before


def _told(change: Change) -> Change:
    if change.id.startswith("create volume "):
        return replace(change, detail="empty: what was in it is not kept", after=EMPTY)
    return change


def _found(state: State, kind: str, name: str) -> Any:
    """What there is of that name; of the name of an image its id. None: nothing."""
    if kind == "image":
        return next((ident for ident, one in state["images"].items() if name in one["tags"]), None)
    return state[f"{kind}s"].get(name)


def _known(kind: str, one: Any) -> str:
    """By what it is known again: nothing when there is none."""
    if one is None:
        return ""
    if kind == "container":
        return digest(aspects(one))
    if kind == "volume":
        return digest({key: one[key] for key in ("driver", "options", "labels")})
    return digest(one["made"]) if kind == "network" else str(one)
