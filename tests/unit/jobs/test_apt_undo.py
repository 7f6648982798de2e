"""Packages as they were before a run: what comes back, what does not, what was changed since. apt itself is in tests/lab."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hotdesk.jobs import apt_commands, apt_undo
from hotdesk.jobs.apt_commands import Effects

if TYPE_CHECKING:
    import pytest

Packages = dict[str, list[str]]


class Pc:
    """A PC's packages, what its archives have, and what a rehearsal says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **now: list[str]) -> None:
        self.now: Packages = now
        self.offered: dict[str, list[str]] = {}
        self.removes: dict[str, frozenset[str]] = {}
        self.asked: list[str] = []
        for name in ("_now", "_offered"):
            monkeypatch.setattr(apt_undo, name, getattr(self, name))
        monkeypatch.setattr(apt_commands, "rehearse", self._rehearse)

    async def _now(self, _machine: Any) -> dict[str, Any]:
        return {"packages": self.now, "native": "amd64", "architectures": ["i386", "arm64"]}

    async def _offered(self, _machine: Any, names: list[str]) -> dict[str, list[str]]:
        return {name: self.offered.get(name, []) for name in names}

    async def _rehearse(self, _machine: Any, packages: list[Any], _architecture: str) -> Effects | str:
        self.asked.append(" ".join(one.name for one in packages))
        going = {one.name for one in packages if one.remove}
        return Effects(
            frozenset(), frozenset(going).union(*(self.removes.get(one.name, frozenset()) for one in packages))
        )


def note(before: Packages, after: Packages | None, *foreign: str) -> dict[str, Any]:
    done = None if after is None else {"packages": after, "architectures": ["i386", *foreign]}
    return {"before": {"packages": before, "architectures": ["i386"]}, "after": done}


async def wanted(*notes: dict[str, Any], **options: bool) -> apt_undo.Wanted:
    machine: Any = SimpleNamespace(host="vega")
    return await apt_undo.wanted(machine, notes, **options)


A, B = ["1", "manual", ""], ["2", "auto", ""]


async def test_what_was_installed_removed_and_replaced_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions, marks and architectures; dependencies too, and what the run held; no more than one rehearsal for all."""
    pc = Pc(monkeypatch, new=A, dep=B, other=["2", "manual", ""], mark=["1", "manual", ""], own=A)
    pc.offered = {"gone": ["3", "1"], "other": ["1", "2"]}
    before = {"gone": A, "other": A, "mark": ["1", "auto", "hold"]}
    found = await wanted(note(before, {name: pc.now[name] for name in ("new", "dep", "other", "mark")}, "arm64"))
    assert [(change.id, change.detail) for change in found.changes] == [
        ("remove dep", "2 -> nothing"),
        ("install gone", "nothing -> 1"),
        ("mark mark", "auto hold"),
        ("remove new", "1 -> nothing"),
        ("replace other", "2 -> 1"),
        ("remove-architecture arm64", ""),
    ]
    assert pc.asked == ["dep gone new other"]
    assert found.left == found.changed == []


async def test_a_version_that_no_archive_has_is_left_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless sources come back first: then it is tried."""
    pc = Pc(monkeypatch)
    pc.offered = {"gone": ["2"]}
    found = await wanted(note({"gone": A}, {}))
    assert (found.changes, found.left) == ([], ["gone: no archive has gone 1 any more"])
    found = await wanted(note({"gone": A}, {}), sources=True)
    assert [change.id for change in found.changes] == ["install gone"]


async def test_what_was_changed_since_needs_a_word_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version than the run left, or something that came since and would go along."""
    pc = Pc(monkeypatch, up=["3", "manual", ""], lib=B, mine=A)
    pc.offered, pc.removes = {"up": ["1"]}, {"lib": frozenset({"mine"})}
    one = note({"up": A}, {"up": B, "lib": B})
    found = await wanted(one)
    assert found.changes == []
    assert found.changed == [
        "up: it is 3 manual now, and the run left it 2 auto",
        "lib: it would take mine with it, which is not that run's",
    ]
    found = await wanted(one, overwrite=True)
    assert [change.id for change in found.changes] == ["remove lib", "replace up", "remove mine"]


async def test_a_killed_run_has_no_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is different since may be somebody else's."""
    pc = Pc(monkeypatch, new=A)
    found = await wanted(note({}, None))
    assert (found.changes, found.changed) == ([], [f"new: {apt_undo.KILLED}"])
    assert pc.asked == []
    found = await wanted(note({}, None), overwrite=True)
    assert [change.id for change in found.changes] == ["remove new", "remove-architecture arm64"]


async def test_several_tasks_of_a_run_are_undone_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest note comes first; what the first one found comes back."""
    pc = Pc(monkeypatch, tool=["3", "manual", ""])
    pc.offered = {"tool": ["1"]}
    notes = note({"tool": B}, {"tool": ["3", "manual", ""]}), note({"tool": A}, {"tool": B})
    found = await wanted(*notes)
    assert [(change.id, change.after) for change in found.changes] == [("replace tool", "1")]


async def test_the_way_in_is_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that installed sudo cannot be undone without it."""
    Pc(monkeypatch, sudo=A)
    found = await wanted(note({}, {"sudo": A}))
    assert (found.changes, found.left) == ([], ["sudo is not removed: it is part of the way in"])
