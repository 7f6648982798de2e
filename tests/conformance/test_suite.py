"""The runner of ansible-core's own suite: what counts as a pass, and what the page says of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.suite import page
from tests.conformance.suite.targets import known, names_in, outcome_of

RECAP = {"ok": 2, "changed": 1, "unreachable": 0, "failed": 0, "skipped": 0, "rescued": 0, "ignored": 1}
LINE = "testhost                   : ok=2    changed=1    unreachable=0    failed=0    skipped=0    rescued=0    ignored=1   \n"


@pytest.mark.parametrize(
    ("answer", "text", "recap", "why"),
    [
        ({"code": 0}, LINE, RECAP, ""),
        ({"code": 0}, "", None, ""),
        ({"code": 0}, "", RECAP, "recap None"),
        ({"code": 0}, LINE.replace("ok=2", "ok=3"), RECAP, "recap {'ok': 3"),
        ({"code": 0}, f"\x1b[32m{LINE}\x1b[0m", RECAP, ""),
        ({"code": 2}, LINE, RECAP, "exit code 2"),
        ({"code": 1, "why": "the target x failed"}, "", None, "the target x failed"),
        ({"code": None}, LINE, RECAP, "took longer"),
    ],
)
def test_a_pass_needs_the_recap_of_the_peer(
    answer: dict[str, object], text: str, recap: dict[str, int] | None, why: str
) -> None:
    """An engine that does nothing exits 0 too; a script is judged by its exit code."""
    passed, said = outcome_of(answer, text, recap)
    assert passed is (not why)
    assert said.startswith(why)


def test_what_is_expected_is_a_target_and_has_no_reason_to_fail() -> None:
    """The files of the suite agree with one another, and each target that does not pass has its reason."""
    expected = names_in(Path(__file__).parent / "expected.txt")
    assert expected <= known().keys()
    assert page.reasons().keys() == known().keys() - expected


def test_the_page_lists_what_does_not_pass() -> None:
    """docs/compatibility.md is as the last run has written it."""
    part = page.section(known(), names_in(Path(__file__).parent / "expected.txt"), page.reasons())
    assert part in page.PAGE.read_text(encoding="utf-8")


def test_only_the_generated_part_of_the_page_is_replaced() -> None:
    """What people wrote around it stays; a page without the marks is an error."""
    part = page.section({"a": None, "b": None}, {"a"}, {"b": "because"})
    assert "Of 2 targets" in part
    assert "| b | because |" in part
    assert page.replaced(f"x\n{page.BEGIN}old{page.END}\ny\n", part) == f"x\n{part}\ny\n"
    with pytest.raises(ValueError, match="has no"):
        page.replaced("x", part)
