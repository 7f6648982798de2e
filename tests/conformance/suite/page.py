"""The part of docs/compatibility.md that lists the targets which do not pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conformance.suite.sets import TargetSet

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- make {} writes this part: begin -->", "<!-- end -->"
NOT_KNOWN = "not looked into yet"


def section(of: TargetSet) -> str:
    """The part of a set, from its mark to END, these included."""
    targets, passing, why = of.known(), of.passing(), of.reasons()
    failing = sorted(set(targets) - passing)
    table = ["", "| target | why it does not pass |", "| --- | --- |"]
    lines = [
        BEGIN.format(of.name),
        f"Of {len(targets)} {of.what} {len(targets) - len(failing)} pass, {of.judged} with the",
        f"recap of `ansible-playbook`.{' The others, and why:' if failing else ''}", *(table if failing else []),
        *(f"| {name} | {why.get(name, NOT_KNOWN)} |" for name in failing),
        END,
    ]  # fmt: skip
    return "\n".join(lines)


def replaced(page: str, part: str) -> str:
    """``page`` with the generated part that begins as ``part`` does replaced by it."""
    mark = part.partition("\n")[0]
    before, begin, rest = page.partition(mark)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {mark} ... {END}")
    return before + part + after
