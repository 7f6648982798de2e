"""The runner of ansible-core's own suite: what counts as a pass, and what the page says of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.suite import page
from tests.conformance.suite.fetch import of_today
from tests.conformance.suite.sets import SETS, TargetSet
from tests.conformance.suite.targets import outcome_of, recaps_in
from tests.pages import replaced

if TYPE_CHECKING:
    from pathlib import Path

RECAP = {"ok": 2, "changed": 1, "unreachable": 0, "failed": 0, "skipped": 0, "rescued": 0, "ignored": 1}
LINE = "testhost                   : ok=2    changed=1    unreachable=0    failed=0    skipped=0    rescued=0    ignored=1   \n"


@pytest.mark.parametrize(
    ("answer", "ours", "recaps", "why"),
    [
        ({"code": 0}, [RECAP], [RECAP], ""),
        ({"code": 0}, None, None, ""),
        ({"code": 0}, [], [RECAP], "recap []"),
        ({"code": 0}, [], [], "no play"),
        ({"code": 0}, [RECAP], [RECAP, RECAP], "recap"),
        ({"code": 0}, [RECAP | {"ok": 3}], [RECAP], "recap [{'ok': 3"),
        ({"code": 2}, [RECAP], [RECAP], "exit code 2"),
        ({"code": 1, "why": "the target x failed"}, None, None, "the target x failed"),
        ({"code": None}, [RECAP], [RECAP], "took too long"),
    ],
)
def test_a_pass_needs_the_recap_of_the_peer(
    answer: dict[str, object], ours: list[dict[str, int]] | None, recaps: list[dict[str, int]] | None, why: str
) -> None:
    """An engine that does nothing exits 0 too; a script is judged by its exit code."""
    passed, said = outcome_of(answer, ours, recaps)
    assert passed is (not why)
    assert said.startswith(why)


def test_each_run_of_a_target_has_its_recap() -> None:
    """The last one of each run counts; what the target needs before it does not."""
    other, last = LINE.replace("ok=2", "ok=9"), LINE.replace("ok=2", "ok=3")
    text = (
        f"### needed: x\n{other}### it: ansible-playbook\n{other}\x1b[32m{LINE}\x1b[0m### it: ansible-playbook\n{last}"
    )
    assert recaps_in(text, "it") == [RECAP, RECAP | {"ok": 3}]
    assert recaps_in("### it: ansible-playbook\n", "it") == []


@pytest.mark.parametrize("of", SETS.values(), ids=SETS.keys())
def test_what_is_expected_is_a_target_and_has_no_reason_to_fail(of: TargetSet) -> None:
    """The files of a set agree with one another, and each target that does not pass has its reason."""
    assert of.passing() <= of.known().keys()
    assert of.reasons().keys() == of.known().keys() - of.passing()


@pytest.mark.parametrize("of", SETS.values(), ids=SETS.keys())
def test_the_page_lists_what_does_not_pass(of: TargetSet) -> None:
    """docs/compatibility.md is as the last run has written it."""
    text = page.PAGE.read_text(encoding="utf-8")
    assert replaced(text, {f"make {of.name}": page.section(of)}) == text


def test_the_section_of_a_set_says_what_fails_and_why(tmp_path: Path) -> None:
    """As it is written into the page."""
    (tmp_path / "targets.json").write_text('{"a": null, "b": null}')
    (tmp_path / "reasons.yaml").write_text("b: because")
    (tmp_path / "expected.txt").write_text("a\n")
    part = page.section(TargetSet("toys", tmp_path, tmp_path / "expected.txt", "toys-1", "toys of toys"))
    assert "Of 2 toys of toys 1 pass" in part
    assert "| b | because |" in part


def test_a_playbook_of_old_loses_what_ansible_core_has_removed() -> None:
    """``include`` becomes ``include_tasks``, ``warn`` goes; nothing else is touched."""
    old = "- include: a.yml\n- command: ls warn=no\n- shell: ls\n  args:\n    warn: no\n- name: a warning: none\n"
    assert of_today(old) == "- include_tasks: a.yml\n- command: ls\n- shell: ls\n- name: a warning: none\n"
