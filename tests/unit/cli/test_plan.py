"""``hotdesk plan``, and ``play --plan`` with what it wrote, as processes on this PC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.machines import needs

from hotdesk.jobs.plan_file import read_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOOK = """
- hosts: here
  gather_facts: false
  tasks:
    - name: Mirror it
      hotdesk.sync.folder:
        path: {place}/atlas
        dest: {place}/{{{{ inventory_hostname }}}}
        delete: true
"""


@pytest.fixture
def trees(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree and a target that lacks a file, has an old one and one too many."""
    needs("rsync")
    place.parent.chmod(0o777)  # the lock of a PC, and its marks, are this test's own there
    monkeypatch.setenv("HOTDESK_LOCKS", str(place.parent))
    (place / "book.yml").write_text(BOOK.format(place=place))
    for path, text in {"atlas/a": "a", "atlas/b": "new", "here/b": "older", "here/mine": "m", "here/own": "o"}.items():
        (place / path).parent.mkdir(exist_ok=True)
        (place / path).write_text(text)
    return place


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_exactly_what_was_approved_is_done(trees: Path, hotdesk: Callable[..., Any], play: Callable[..., Any]) -> None:
    """Planning changes nothing; then no removal but the one approved, and nothing that drifted or came up since."""
    before = files(trees / "here")
    done = hotdesk("plan", "-i", "inventory", "book.yml", "-o", "plan.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 changes and 2 removals" in done.stdout
    assert files(trees / "here") == before
    text = (trees / "plan.yml").read_text()
    (trees / "plan.yml").write_text(text.replace("decision: skip\n    detail", "decision: remove\n    detail", 1))
    (changes,) = read_plan(trees / "plan.yml").steps.values()
    (approved,) = (one.id for one in changes if one.destructive and "approve" in one.decisions.values())
    (trees / "atlas/b").write_text("newer still")
    (trees / "atlas/c").write_text("c")

    done = play("--plan", "plan.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    left = {"mine": "m", "own": "o"}
    del left[approved.removeprefix("delete ")]
    assert files(trees / "here") == {"a": "a", "b": "older", **left}
    assert "no longer what was planned: update b" in done.stdout
    assert "not in the plan: create c" in done.stdout


def test_decisions_are_not_overwritten(trees: Path, hotdesk: Callable[..., Any]) -> None:
    """Without being told to; and a plan needs a playbook."""
    (trees / "plan.yml").write_text("mine")
    done = hotdesk("plan", "-i", "inventory", "book.yml", "-o", "plan.yml")
    assert done.returncode == 5
    assert "--overwrite" in done.stderr
    assert (trees / "plan.yml").read_text() == "mine"


def test_a_file_that_is_no_plan_is_refused(trees: Path, play: Callable[..., Any]) -> None:
    """Before any host is touched."""
    done = play("--plan", "book.yml")
    assert done.returncode == 4
    assert "is not a plan" in done.stderr
    assert files(trees / "here")["b"] == "older"


def test_drift_is_found_by_name_and_gives_3(trees: Path, play: Callable[..., Any], hotdesk: Callable[..., Any]) -> None:
    """What the sync left is there; then a changed, a removed and an added file are told, and nothing else."""
    assert play("book.yml").returncode == 0
    looked = hotdesk("verify", "--jobs", "-i", "inventory", "--hosts", "here")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "4 passed" in looked.stdout
    (trees / "here/a").write_text("drifted")
    (trees / "here/b").unlink()
    (trees / "here/mine").write_text("back again")
    looked = hotdesk("verify", "--jobs", "-i", "inventory", "--hosts", "here", "--junit", "report.xml")
    assert looked.returncode == 3
    drifted = [line for line in looked.stdout.splitlines() if line.startswith("drifted: [here]")]
    assert len(drifted) == 3
    assert f"file {trees}/here/b: type is missing and was file" in looked.stdout
    assert (trees / "report.xml").read_text().count("<failure") == 3


def test_what_was_never_synced_is_told(trees: Path, hotdesk: Callable[..., Any]) -> None:
    """It is no success in silence; tests and --jobs are two things."""
    looked = hotdesk("verify", "--jobs", "-i", "inventory", "--hosts", "here")
    assert "no sync has left anything to be expected here" in looked.stdout
    assert hotdesk("verify", "-i", "inventory").returncode == 5
