"""Holds and new files against a libvirt that is none but keeps its books like one: what a stop, a failure and a kill leave."""

from __future__ import annotations

import grp
import os
import pwd
import signal
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import libvirt_acts, libvirt_state, libvirt_undo
from hotdesk.jobs.on_target.acts import Act
from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.libvirt_state import look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Hypervisor:
    """States of domains by uuid; ``saved`` have their memory on the disk. ``broken`` is a command that fails."""

    def __init__(self) -> None:
        self.states = {"one": "running", "two": "shut off"}
        self.saved: set[str] = set()
        self.broken = ""
        self.forgetful = False
        """It does not remove what is saved."""

    def virsh(self, word: str, uuid: str = "", *_: str, **_options: str) -> str:
        """As ``virsh.virsh``."""
        if word == self.broken:
            raise Failed("it does not want to")
        if word == "managedsave":
            self.states[uuid] = "shut off"
            self.saved.add(uuid)
        elif word == "managedsave-remove" and not self.forgetful:
            self.saved.discard(uuid)
        elif word == "start":
            self.states[uuid] = "running"
            self.saved.discard(uuid)
        info = f"Name: {uuid}\nManaged save:   {'yes' if uuid in self.saved else 'no'}"
        told = {"domstate": self.states.get(uuid, ""), "domname": uuid, "domjobinfo": "Job type: None", "dominfo": info}
        return told.get(word, "")


@pytest.fixture
def hypervisor(monkeypatch: pytest.MonkeyPatch) -> Hypervisor:
    """In the place of libvirt."""
    found = Hypervisor()
    for module in (libvirt_acts, libvirt_undo):
        monkeypatch.setattr(module, "virsh", found.virsh)
        monkeypatch.setattr(module, "asked", found.virsh)
    return found


def disk(path: Path, text: str = "") -> dict[str, Any]:
    """A file that is to get a new content, staged; what ``put`` is told of it."""
    was = look(str(path))
    (stage,) = libvirt_acts.stage([str(path)], {str(path): 8})
    if text:
        new = path.parent / libvirt_acts.STAGE / path.name
        new.unlink()
        new.write_text(text)
    now = look(f"{stage}/{path.name}")
    owner, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    return {
        "path": str(path), "was": [was.get("size"), was.get("mtime")], "size": now["size"], "mtime": now["mtime"],
        "mode": 0o640, "owner": owner, "group": group,
    }  # fmt: skip


def killed(hold: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a SIGKILL does to a hold: nothing of its end happens, and its lock is gone."""
    with monkeypatch.context() as patch:
        patch.setattr(libvirt_acts, "let_go", lambda *_: None)
        patch.setattr(os, "unlink", lambda *_: None)
        hold.close()  # type: ignore[attr-defined]


def test_a_hold_saves_what_runs_and_lets_it_go_on(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """And nothing else is started."""
    hold = libvirt_acts.hold(["one", "two"], str(tmp_path))
    assert next(hold) == "held"
    assert (hypervisor.states["one"], hypervisor.saved) == ("shut off", {"one"})
    hold.close()  # type: ignore[attr-defined]
    assert hypervisor.states == {"one": "running", "two": "shut off"}
    assert libvirt_undo.unfinished(str(tmp_path)) == []


def test_the_last_of_two_holds_lets_it_go_on(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """Several targets are fed from one source at a time."""
    first, second = (libvirt_acts.hold(["one"], str(tmp_path)) for _ in range(2))
    next(first)
    next(second)
    first.close()  # type: ignore[attr-defined]
    assert hypervisor.states["one"] == "shut off"
    second.close()  # type: ignore[attr-defined]
    assert hypervisor.states["one"] == "running"


def test_what_a_kill_left_is_made_up_for(
    hypervisor: Hypervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next run, which can tell it before."""
    hold = libvirt_acts.hold(["one"], str(tmp_path))
    next(hold)
    killed(hold, monkeypatch)
    assert hypervisor.states["one"] == "shut off"
    assert libvirt_undo.unfinished(str(tmp_path)) == ["resume one"]
    assert libvirt_undo.recover(str(tmp_path)) == ["resume one"]
    assert hypervisor.states["one"] == "running"


def test_a_plan_after_a_kill_is_made_for_what_will_run(
    hypervisor: Hypervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A domain that a killed hold has saved is told of as running, which it is before anything else is done."""
    found = {"uuid": "one", "state": "", "saved": True, "files": []}
    monkeypatch.setattr(libvirt_state, "lines", lambda word, *_: ["one"] if word == "list" else [])
    monkeypatch.setattr(libvirt_state, "virsh", hypervisor.virsh)
    monkeypatch.setattr(libvirt_state, "_domain", lambda uuid: ("one", {**found, "state": hypervisor.states[uuid]}))
    hold = libvirt_acts.hold(["one"], str(tmp_path))
    next(hold)
    killed(hold, monkeypatch)
    told = libvirt_state.describe(str(tmp_path))
    assert (told["domains"]["one"]["state"], told["domains"]["one"]["saved"]) == ("running", False)
    assert told["unfinished"] == ["resume one"]


def test_what_cannot_be_saved_goes_on(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """A domain with hardware of the PC's, for one."""
    hypervisor.broken = "managedsave"
    with pytest.raises(Failed, match="does not want"):
        next(libvirt_acts.hold(["one"], str(tmp_path)))
    assert hypervisor.states["one"] == "running"
    assert libvirt_undo.unfinished(str(tmp_path)) == []


def test_new_files_take_their_places_together(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """With their modes; a memory that belongs to the old ones is forgotten; nothing else is left there."""
    root, images = tmp_path / "root", tmp_path / "images"
    images.mkdir()
    (images / "a").write_text("old")
    hypervisor.saved.add("two")
    files = [disk(images / "a", "new")]
    libvirt_acts.put(files, ["vm"], ["two"], ["two"], str(root))
    libvirt_acts.tidy([str(images / "a")])
    assert (images / "a").read_text() == "new"
    assert (images / "a").stat().st_mode & 0o777 == 0o640
    assert hypervisor.saved == set()
    assert [path.name for path in images.iterdir()] == ["a"]


def test_a_new_file_begins_as_a_hole(tmp_path: Path) -> None:
    """And an old one as itself, without taking room."""
    (tmp_path / "old").write_text("old")
    libvirt_acts.stage([str(tmp_path / "old"), str(tmp_path / "new")], {str(tmp_path / "new"): 1 << 20})
    stage = tmp_path / libvirt_acts.STAGE
    assert (stage / "old").samefile(tmp_path / "old")
    assert ((stage / "new").stat().st_size, (stage / "new").stat().st_mtime) == (1 << 20, 0)


@pytest.mark.parametrize("what", ["target", "source", "running"])
def test_what_changed_meanwhile_is_not_overwritten(hypervisor: Hypervisor, tmp_path: Path, what: str) -> None:
    """The target's file, the source's while it was copied, or a domain that was started."""
    path = tmp_path / "a"
    path.write_text("old")
    one = disk(path, "new")
    if what == "target":
        path.write_text("theirs")
    elif what == "source":
        one["size"] += 1
    else:
        hypervisor.states["two"] = "running"
    before = path.read_text()
    with pytest.raises(Failed, match=r"changed there|changed on the source|was started there"):
        libvirt_acts.put([one], ["vm"], ["two"], [], str(tmp_path / "root"))
    assert path.read_text() == before
    assert libvirt_undo.unfinished(str(tmp_path / "root")) == []


@pytest.mark.parametrize(("state", "content"), [("gathering", "old"), ("moving", "new")])
def test_a_kill_between_two_files_leaves_all_old_or_all_new(
    hypervisor: Hypervisor, tmp_path: Path, state: str, content: str
) -> None:
    """After the next run: the old ones until all new ones are there, then the new ones. Its plan is made for these."""
    root = tmp_path / "root"
    root.mkdir()
    paths = [str(tmp_path / name) for name in ("a", "b")]
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
        (tmp_path / (name + libvirt_undo.READY)).write_text("new")
    act = Act(str(root), "put", names=["vm"], paths=paths, forget=["two"], state=state)
    os.close(act._fd)
    if state == "moving":
        (tmp_path / ("a" + libvirt_undo.READY)).rename(paths[0])
    assert libvirt_undo.unfinished(str(root)) == ["put in place the disks of vm"]
    planned = libvirt_state.looks(paths, str(root)), list(libvirt_state.digests(paths, str(root)))
    libvirt_undo.recover(str(root))
    assert planned == (libvirt_state.looks(paths, str(root)), list(libvirt_state.digests(paths, str(root))))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a", "b"]
    assert {(tmp_path / name).read_text() for name in ("a", "b")} == {content}


def test_a_domain_starts_when_all_its_new_files_are_there(
    hypervisor: Hypervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was saved for them when everything was killed: it begins anew, since its memory belongs to the old ones."""
    root, path = tmp_path / "root", tmp_path / "a"
    path.write_text("old")
    (tmp_path / ("a" + libvirt_undo.READY)).write_text("new")
    hold = libvirt_acts.hold(["one"], str(root))
    next(hold)
    killed(hold, monkeypatch)
    act = Act(str(root), "put", names=["one"], paths=[str(path)], forget=["one"], state="moving")
    os.close(act._fd)
    found: list[tuple[str, set[str]]] = []

    def virsh(word: str, uuid: str = "", *more: str, **options: str) -> str:
        found.extend([(path.read_text(), set(hypervisor.saved))] * (word == "start"))
        return hypervisor.virsh(word, uuid, *more, **options)

    monkeypatch.setattr(libvirt_undo, "virsh", virsh)
    libvirt_undo.recover(str(root))
    assert found == [("new", set())]


def test_a_stop_between_two_files_comes_too_late(
    hypervisor: Hypervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From there on all new files take their places: a domain that was saved for them would go on with one old and one new."""
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_text("old")
    files = [disk(path, "new") for path in paths[:1]]
    (tmp_path / libvirt_acts.STAGE / "a").rename(tmp_path / "staged")
    files.append(disk(paths[1], "new"))
    (tmp_path / "staged").rename(tmp_path / libvirt_acts.STAGE / "a")
    replace = os.replace

    def stopped(*pair: str) -> None:
        replace(*pair)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(os, "replace", stopped)
    libvirt_acts.put(files, ["vm"], ["two"], [], str(tmp_path / "root"))
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert libvirt_undo.unfinished(str(tmp_path / "root")) == []


def test_disks_stay_as_long_as_a_memory_belongs_to_them(hypervisor: Hypervisor, tmp_path: Path) -> None:
    """Else the domain would go on from it on other disks."""
    (tmp_path / "a").write_text("old")
    one = disk(tmp_path / "a", "new")
    hypervisor.saved, hypervisor.forgetful = {"two"}, True
    with pytest.raises(Failed, match="two has in memory cannot be removed"):
        libvirt_acts.put([one], ["vm"], ["two"], ["two"], str(tmp_path / "root"))
    assert (tmp_path / "a").read_text() == "old"
