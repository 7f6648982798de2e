from __future__ import annotations

import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotdesk.errors import PlaybookError
from hotdesk.jobs import Change, Plan
from hotdesk.jobs.history import Finding
from hotdesk.jobs.plan_file import read_plan, told, write_plan
from hotdesk.jobs.review import Planned, Step

STEP = Step("my.own.apt", "Packages: [all]", "/book.yml:4", '"x"')
ADD = Change(verb="install", subject="tool", detail="1 -> 2", before="1", after="2", undo="yes", needs=("write repo",))
REMOVE = Change(verb="remove", subject="old", destructive=True)
OTHER = Change(verb="install", subject="tool", detail="1.1 -> 2", before="1.1", after="2")
OLDER = Change(**{**asdict(REMOVE), "before": "0.9"})
PLANNED = [
    Planned(STEP, "vega", "atlas", Plan(changes=(ADD, REMOVE), warnings=("careful",))),
    Planned(STEP, "lyra", "atlas", Plan(changes=(ADD,))),
    Planned(STEP, "pico", "atlas", Plan(changes=(OTHER, OLDER))),
]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yml"
    write_plan(path, PLANNED, playbooks=[Path("/book.yml")], run="run-1", clean=str, incomplete=["nova"])
    return path


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_what_is_written_is_read_back(plan: Path) -> None:
    """The same change on several hosts stands once; removals stand at skip; nobody else can read it."""
    found = read_plan(plan)
    assert found.playbooks == ("/book.yml",)
    tool, other, old = found.steps[STEP]
    assert tool.decisions == {"lyra": "approve", "vega": "approve"}
    assert tool.same(ADD, "vega")
    assert not tool.same(OTHER, "vega")
    assert other.decisions == {"pico": "approve"}
    assert old.destructive
    assert old.decisions == {"pico": "skip", "vega": "skip"}
    assert (old.same(OLDER, "pico"), old.same(OLDER, "vega"), old.same(REMOVE, "vega")) == (True, False, True)
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600


def test_a_reader_sees_all_there_is_to_judge(plan: Path) -> None:
    """How it can be undone, what it needs, warnings, and that hosts are missing."""
    step: dict[str, Any] = yaml.safe_load(plan.read_text())["steps"][0]
    assert step["warnings"] == ["vega: careful"]
    assert step["changes"][0]["undo"] == "yes"
    assert step["changes"][0]["needs"] == ["write repo"]
    assert "incomplete: [nova]" in plan.read_text()
    assert told(PLANNED) == "2 changes and 1 removals on 3 hosts; 1 removals stand at skip"


def test_decisions_are_taken_for_each_host(plan: Path) -> None:
    """One word for all, or one for each."""
    edited(
        plan,
        "hosts: [lyra, vega]\n    decision: approve",
        "hosts: [lyra, vega]\n    decision: {vega: never, lyra: skip}",
    )
    assert read_plan(edited(plan, "decision: skip\n", "decision: remove\n")).steps[STEP][0].decisions == {
        "lyra": "skip",
        "vega": "never",
    }
    assert read_plan(plan).steps[STEP][2].decisions == {"pico": "approve", "vega": "approve"}


def conflicted(path: Path) -> Path:
    """A plan of a file that was changed on vega, and one that came up there; pico is met for the first time."""
    written = Change(verb="update", subject="notes", conflict="changed there since the last sync")
    gone = Change(verb="delete", subject="draft", conflict="came up there since the last sync", destructive=True)
    planned = [Planned(STEP, "vega", "atlas", Plan(changes=(written, gone)))]
    assert told(planned) == "0 changes and 0 removals and 2 conflicts on 1 hosts; 2 conflicts stand at skip"
    found = {"pico": [Finding("first", "atlas and pico meet for the first time")]}
    write_plan(path, planned, playbooks=[Path("/book.yml")], run="run-1", clean=str, found=found)
    return path


def test_conflicts_and_hosts_stand_at_skip_until_somebody_says_otherwise(tmp_path: Path) -> None:
    """With words of their own; a conflict that is a removal too is read back as both."""
    path = conflicted(tmp_path / "plan.yml")
    found = read_plan(path)
    assert [one.decisions for one in found.steps[STEP]] == [{"vega": "skip"}, {"vega": "skip"}]
    assert [(one.conflict, one.destructive) for one in found.steps[STEP]] == [(True, False), (True, True)]
    assert found.hosts == {"pico": []}
    text = path.read_text().replace("  decision: skip\n- task", "  decision: allow\n- task")
    text = text.replace("  decision: skip\nsteps", "  decision: allow\nsteps")
    path.write_text(
        text.replace("    decision: skip", "    decision: keep", 1).replace(
            "    decision: skip", "    decision: discard"
        )
    )
    found = read_plan(path)
    assert [one.decisions["vega"] for one in found.steps[STEP]] == ["keep", "approve"]
    assert found.hosts == {"pico": ["atlas and pico meet for the first time"]}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    decision: skip", "    decision: approve", "a conflict is approved with 'discard'"),
        ("    decision: skip", "    decision: remove", "It is one of discard, keep, skip, never"),
        ("\n  decision: skip", "\n  decision: approve", "It is allow or skip"),
    ],
)
def test_no_conflict_is_approved_in_passing(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Nor a host: their words approve nothing else."""
    with pytest.raises(PlaybookError) as caught:
        read_plan(edited(conflicted(tmp_path / "plan.yml"), old, new))
    assert said in caught.value.explain()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("decision: skip\n", "decision: approve\n", "a removal is approved with 'remove'"),
        ("decision: skip\n", "decision: keep\n", "'keep' is no decision"),
        ("decision: skip\n", "decision: remov\n", "Did you mean 'remove'"),
        ("decision: skip\n", "decision: {vgea: skip}\n", "not planned for vgea"),
        ("[lyra, vega]\n    decision: approve", "[lyra, vega]\n    decision: {vega: skip}", "no decision for lyra"),
        ("change: remove old", "change: 7", "change must be a text"),
        ("hotdesk_plan: 1", "hotdesk_plan: 9", "is not a plan"),
        ("steps:", "steps: 5\nrest:", "must be a list"),
        ("job: my.own.apt", "jobb: my.own.apt", "job is missing"),
    ],
)
def test_what_was_edited_wrongly_is_told_with_its_place(plan: Path, old: str, new: str, said: str) -> None:
    """And with what it could have been."""
    with pytest.raises(PlaybookError) as caught:
        read_plan(edited(plan, old, new))
    assert said in caught.value.explain()
