"""What a run left behind is told and put back; journals go when they are too many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hotdesk.jobs.on_target import journal, undo
from hotdesk.jobs.on_target.journal import Failed, state_of
from tests.unit.jobs.on_target.test_transaction import drain, item, listing, perform


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "journals")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Two files and a link."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "one").write_text("old one")
    (folder / "one").chmod(0o640)
    os.utime(folder / "one", (1, 1))
    (folder / "two").write_text("old two")
    (folder / "link").symlink_to("one")
    return folder


def restore(root: str, files: dict[str, Any], run: str = "back", checks: list[list[str]] | None = None) -> str:
    return drain(undo.restore("unit", run, files, checks or [], 20.0, root))


def test_a_run_is_undone_as_a_whole(etc: Path, root: str) -> None:
    """Content, mode, time and link as before the first change, new folders gone; and that is undone likewise."""
    before = listing(etc)
    perform(root, (etc / "one", "new"), (etc / "deep/er/three", "3"), (etc / "link", None))
    perform(root, (etc / "one", "newer"))
    after = listing(etc)
    newest, oldest = undo.survey("run", root)
    assert list(newest["files"]) == [str(etc / "one")]
    for one in (newest, oldest):
        restore(root, one["files"])
    assert listing(etc) == before
    assert (etc / "one").stat().st_mtime == 1
    assert list(undo.runs(root)) == ["run", "back"]
    for one in undo.survey("back", root):
        restore(root, one["files"], "again")
    assert listing(etc) == after


def test_what_was_changed_since_is_told(etc: Path, root: str) -> None:
    """By a later run, or by nobody that is known."""
    perform(root, (etc / "one", "new"), (etc / "two", "new"))
    perform(root, items=[item(etc / "one", "")], run="later")
    (etc / "two").write_text("by hand")
    ((left),) = undo.survey("run", root)
    one, two = left["files"][str(etc / "one")], left["files"][str(etc / "two")]
    assert one["by"] == "later"
    assert one["now"] != one["new"]
    assert two["by"] == ""
    assert two["now"] == state_of(str(etc / "two")) != two["new"]


def test_a_change_between_the_look_and_the_act_is_kept(etc: Path, root: str) -> None:
    """All of the unit stays as it is then."""
    perform(root, (etc / "one", "new"), (etc / "two", "new"))
    (left,) = undo.survey("run", root)
    (etc / "one").write_text("by hand")
    with pytest.raises(Failed, match="changed since") as refused:
        restore(root, left["files"])
    assert refused.value.data["path"] == str(etc / "one")
    assert (etc / "two").read_text() == "new"


def test_what_does_not_stand_the_check_stays(etc: Path, root: str) -> None:
    """The same checks as on the way there."""
    perform(root, (etc / "one", "new"), checks=[["true"]])
    (left,) = undo.survey("run", root)
    assert left["checks"] == [["true"]]
    with pytest.raises(Failed):
        restore(root, left["files"], checks=[["false"]])
    assert (etc / "one").read_text() == "new"


def test_a_note_is_completed(root: str) -> None:
    """What is only known afterwards comes to it."""
    name = journal.note("packages", "run", {"packages": {"before": 1}}, root)
    journal.complete(name, {"packages": {"before": 1, "after": 2}}, root)
    (left,) = undo.survey("run", root)
    assert left["packages"] == {"before": 1, "after": 2}
    journal.complete("gone", {}, root)


def test_only_root_can_look_into_a_journal(etc: Path, root: str) -> None:
    """Whatever the umask is; what was kept of a file is no wider."""
    before = os.umask(0)
    try:
        perform(root, (etc / "one", "new"))
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o077 for path in (Path(root), *Path(root).rglob("*"))}
    assert set(modes.values()) == {0}


@pytest.mark.parametrize(("limit", "value"), [("KEPT", 2), ("BYTES", 2500), ("DAYS", 0)])
def test_old_runs_are_forgotten_as_a_whole(root: str, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    """By number, size and age; the newest always stays."""
    monkeypatch.setattr(journal, limit, value)
    for run in ("first", "second", "second", "third"):
        name = journal.note("unit", run, {"told": "x" * 900}, root)
        if limit == "DAYS":
            os.utime(Path(root, name), (1, 1))
    journal.prune(root)
    left = {"KEPT": ["second", "third"], "BYTES": ["third"], "DAYS": ["third"]}[limit]
    assert list(undo.runs(root)) == left
