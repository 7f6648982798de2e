"""The part of docs/compatibility.md that lists the targets which do not pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.pages import replaced, row

if TYPE_CHECKING:
    from tests.conformance.suite.sets import TargetSet

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "compatibility.md"
NOT_KNOWN = "not looked into yet"


def section(of: TargetSet) -> str:
    """The part of a set."""
    targets, passing, why = of.known(), of.passing(), of.reasons()
    failing = sorted(set(targets) - passing)
    table = ["", row("target", "why it does not pass"), row("---", "---")]
    lines = [
        f"Of {len(targets)} {of.what} {len(targets) - len(failing)} pass, {of.judged} with the",
        f"recap of `ansible-playbook`.{' The others, and why:' if failing else ''}", *(table if failing else []),
        *(row(name, why.get(name, NOT_KNOWN)) for name in failing),
    ]  # fmt: skip
    return "\n".join(lines)


def write(of: TargetSet) -> None:
    """Put the part of a set into the page."""
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), {f"make {of.name}": section(of)}), encoding="utf-8")
