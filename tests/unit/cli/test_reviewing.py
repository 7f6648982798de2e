from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.cli.reviewing import HELP, decide, decided
from hotdesk.jobs import Change, Plan
from hotdesk.jobs.plan_file import read_plan, write_plan
from hotdesk.jobs.review import Planned, Step

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = Step("my.own.apt", "Packages", "/book.yml:4")
CHANGES = (
    Change(verb="install", subject="a"),
    Change(verb="install", subject="b\x1b[2J"),
    Change(verb="hold", subject="c"),
    Change(verb="remove", subject="d", destructive=True, before="1"),
    Change(verb="remove", subject="e", destructive=True, before="1", undo="install it"),
)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yml"
    write_plan(
        path, [Planned(STEP, "vega", "atlas", Plan(changes=CHANGES))], playbooks=[Path("/b.yml")], run="r", clean=str
    )
    return path


def answering(*answers: str) -> Callable[[str], str]:
    left = list(answers)
    return lambda _text: left.pop(0)


@pytest.mark.parametrize(
    ("answer", "section", "wanted"),
    [
        ("", "changes", "approve approve approve"),
        ("", "removals", "skip skip skip"),
        ("skip", "changes", "skip skip skip"),
        ("skip 2", "changes", "approve skip approve"),
        ("skip 1-2; never 3", "changes", "skip skip never"),
        ("remove", "removals", "remove remove remove"),
        ("remove 1,3", "removals", "remove skip remove"),
        ("never 2", "removals", "skip never skip"),
        ("", "conflicts", "skip skip skip"),
        ("keep; discard 2", "conflicts", "keep discard keep"),
        ("", "topology", "skip skip skip"),
        ("allow 2", "topology", "skip allow skip"),
    ],
)
def test_what_an_answer_decides(answer: str, section: str, wanted: str) -> None:
    """Enter does no harm: it removes nothing."""
    assert decide(answer, 3, section) == wanted.split()


@pytest.mark.parametrize(
    ("answer", "section"),
    [
        ("remove", "changes"),
        ("skip 4", "changes"),
        ("skip 2-1", "changes"),
        ("skip x", "changes"),
        ("y", "removals"),
        ("approve", "removals"),
        ("never", "removals"),
        ("remove", "conflicts"),
        ("keep", "removals"),
        ("never 1", "topology"),
    ],
)
def test_what_is_not_understood_decides_nothing(answer: str, section: str) -> None:
    """Least of all a removal."""
    with pytest.raises(ValueError, match=r"understood|no number|needs the numbers"):
        decide(answer, 3, section)


def test_a_screen_for_each_kind_of_change(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip asks again; removals come last, with what cannot be undone; what a host called its things is harmless."""
    assert decided(plan, answering("skip 2", "", "y", "remove 2"))
    decisions = {one.id: one.decisions["vega"] for one in read_plan(plan).steps[STEP]}
    assert list(decisions.values()) == ["approve", "skip", "approve", "skip", "approve"]
    shown = capsys.readouterr().out
    assert [line.partition(" ")[0] for line in shown.splitlines() if line.startswith("(")] == [
        "(1/3)",
        "(2/3)",
        "(3/3)",
    ]
    assert "'y' is not understood here" in shown
    assert "remove d  [vega]  ; cannot be undone" in shown
    assert "\x1b" not in shown


def test_quit_does_nothing_at_all(plan: Path) -> None:
    """The plan is not changed, and not to be done."""
    before = plan.read_text()
    assert not decided(plan, answering("", "quit"))
    assert plan.read_text() == before


def test_the_editor_is_one_word_away(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leaves is the plan, with what was decided before."""
    monkeypatch.setenv("EDITOR", "sed -i '/^  removals/,$ s/decision: skip/decision: remove/'")
    assert decided(plan, answering("skip 1", "edit"))
    found = [one.decisions["vega"] for one in read_plan(plan).steps[STEP]]
    assert found == ["skip", "approve", "approve", "approve", "approve"]
    assert "edit" in HELP["removals"]
