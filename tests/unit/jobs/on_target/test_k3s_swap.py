"""A state in the place of another, on files and with a systemd that only keeps its books: what a stop, a failure and a kill leave."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import k3s_swap
from hotdesk.jobs.on_target.acts import Act
from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.k3s_swap import GUARD, back, recover, swap, unfinished_swaps
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNIT = "k3s.service"


class Pc:
    """``top`` has a state, ``root`` the notes; ``running`` and ``well`` (it becomes ready) are what systemd says."""

    def __init__(self, top: Path) -> None:
        self.top, self.root, self.units = top / "k3s", top / "notes", top / "units"
        self.running, self.well, self.guarded_when_stopped = True, True, True
        for name in ("old", "tree/old", "gone"):
            self.write(name, "old")

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def systemctl(self, verb: str, *_: str) -> None:
        if verb == "start":
            assert not (self.units / GUARD.format(UNIT)).exists(), "a guarded unit does not start"
            self.running = True
        elif verb == "stop":
            self.running = False

    def state(self) -> dict[str, str]:
        """Its files, without what is staged or kept."""
        return {
            str(path.relative_to(self.top)): path.read_text()
            for path in self.top.rglob("*")
            if path.is_file() and ".room" not in path.parts
        }

    def swap(self, run: str = "run1", *, keep: bool = True) -> Iterator[str]:
        """A file replaced, a directory replaced, one removed, one new."""
        for name in ("old", "tree/old", "new"):
            self.write(f".room/stage/{name}", run)
        pairs = [("old", "old"), ("tree", "tree"), ("gone", ""), ("new", "new")]
        room = str(self.top / ".room/kept")
        items = [
            [str(self.top / path), str(self.top / ".room/stage" / staged) if staged else "", room]
            for path, staged in pairs
        ]
        told = {
            "unit": UNIT, "top": "", "config": "", "items": items, "keep": keep, "limit": 0.0, "reset": "", "gone": [], "renewed": [],
        }  # fmt: skip
        return swap(run, told, str(self.root))


@pytest.fixture
def pc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pc:
    """With a k3s that runs."""
    found = Pc(tmp_path)
    monkeypatch.setattr(k3s_swap, "UNITS", str(found.units))
    monkeypatch.setattr(k3s_swap, "systemctl", found.systemctl)
    monkeypatch.setattr(k3s_swap, "word", lambda *_: "active" if found.running else "inactive")
    monkeypatch.setattr(k3s_swap, "served", lambda *_: found.running and found.well)
    monkeypatch.setattr(k3s_swap, "running_pods", list)
    return found


OLD = {"old": "old", "tree/old": "old", "gone": "old"}


def new(run: str = "run1") -> dict[str, str]:
    return {"old": run, "tree/old": run, "new": run}


@pytest.mark.parametrize("running", [True, False])
def test_all_of_it_takes_its_place(pc: Pc, running: bool) -> None:
    """k3s runs afterwards if it ran; what was is kept for a way back, in both directions."""
    pc.running = running
    list(pc.swap())
    assert (pc.state(), pc.running) == (new(), running)
    assert (pc.root / "run").read_text() == "run1"
    list(back("run1", str(pc.root)))
    assert (pc.state(), pc.running) == (OLD, running)
    assert (pc.root / "run").read_text() == ""
    with pytest.raises(Failed, match="not kept any more"):
        list(back("run1", str(pc.root)))


def test_only_the_last_is_kept(pc: Pc) -> None:
    """Nothing of it when it is not wanted."""
    list(pc.swap())
    list(pc.swap("run2"))
    with pytest.raises(Failed, match="run1 is not kept"):
        list(back("run1", str(pc.root)))
    list(back("run2", str(pc.root)))
    assert pc.state() == new()
    list(pc.swap("run3", keep=False))
    assert list((pc.top / ".room/kept").iterdir()) == []


def test_one_that_does_not_become_ready_is_taken_back(pc: Pc) -> None:
    """The old state is there, and k3s runs with it."""
    pc.well = False
    with pytest.raises(Failed, match="does not become ready"):
        list(pc.swap())
    assert (pc.state(), pc.running) == (OLD, True)
    assert unfinished_swaps(str(pc.root)) == []


@pytest.mark.parametrize("step", range(4))
def test_a_failure_on_the_way_leaves_the_old_state(pc: Pc, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever file cannot be put in place."""
    place, count = k3s_swap._place, iter(range(99))

    def fails(one: dict[str, Any]) -> None:
        if next(count) == step:
            raise OSError(28, "No space left on device")
        place(one)

    monkeypatch.setattr(k3s_swap, "_place", fails)
    with pytest.raises(OSError, match="No space left"):
        list(pc.swap())
    assert (pc.state(), pc.running) == (OLD, True)


class Killed(BaseException):
    """Nothing is done after it."""


@pytest.mark.parametrize("step", range(4))
def test_what_a_kill_left_is_put_back(pc: Pc, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then nobody starts k3s; what is staged goes with the run."""
    place, count, begun = k3s_swap._place, iter(range(99)), []

    def kill(one: dict[str, Any]) -> None:
        place(one)
        if next(count) == step:
            raise Killed

    def dead(_kept: object) -> None:
        raise Killed

    class Noted(Act):
        def __init__(self, *args: Any, **kept: Any) -> None:
            super().__init__(*args, **kept)
            begun.append(self)

    with monkeypatch.context() as patch:
        for name, other in (("_place", kill), ("put_back", dead), ("Act", Noted)):
            patch.setattr(k3s_swap, name, other)
        with pytest.raises(Killed):
            list(pc.swap())
    os.close(begun[0]._fd)
    shutil.rmtree(pc.top / ".room/stage")
    assert (pc.units / GUARD.format(UNIT)).exists()
    assert unfinished_swaps(str(pc.root)) == ["put back the state of k3s"]
    recover(str(pc.root))
    assert (pc.state(), pc.running) == (OLD, True)
    assert not (pc.units / GUARD.format(UNIT)).exists()
    assert unfinished_swaps(str(pc.root)) == []


def test_a_way_back_that_fails_keeps_what_it_has(pc: Pc) -> None:
    """The new state stays, and another try brings the old one."""
    list(pc.swap())
    pc.well = False
    with pytest.raises(Failed, match="does not become ready"):
        list(back("run1", str(pc.root)))
    assert pc.state() == new()
    pc.well = True
    list(back("run1", str(pc.root)))
    assert pc.state() == OLD


def test_containers_that_nobody_can_end_are_a_failure(pc: Pc, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would write to volumes that are put aside; k3s runs again."""
    monkeypatch.setattr(k3s_swap, "running_pods", lambda: ["kubepods"] if not pc.running else [])
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(Failed, match=r"containers run on without k3s"):
        list(pc.swap())
    assert (pc.state(), pc.running) == (OLD, True)


def test_it_can_be_sent() -> None:
    """Its parts share no name."""
    assert bundle(k3s_swap)
