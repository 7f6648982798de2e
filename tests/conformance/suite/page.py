"""The part of docs/compatibility.md that lists the targets which do not pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- make conformance writes this part: begin -->", "<!-- end -->"
NOT_KNOWN = "not looked into yet"


def reasons() -> dict[str, str]:
    """Target -> why it does not pass, in the words of the page."""
    found: dict[str, str] = yaml.safe_load((Path(__file__).parent / "reasons.yaml").read_text(encoding="utf-8")) or {}
    return found


def section(targets: Collection[str], passing: Collection[str], why: Mapping[str, str]) -> str:
    """The text between BEGIN and END, these included."""
    failing = sorted(set(targets) - set(passing))
    lines = [
        BEGIN,
        f"Of {len(targets)} targets of ansible-core 2.19.14's integration suite {len(targets) - len(failing)} pass, those that are roles with the",
        "recap of `ansible-playbook`. The others, and why:", "", "| target | why it does not pass |", "| --- | --- |",
        *(f"| {name} | {why.get(name, NOT_KNOWN)} |" for name in failing),
        END,
    ]  # fmt: skip
    return "\n".join(lines)


def replaced(page: str, part: str) -> str:
    """``page`` with its generated part replaced by ``part``."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return before + part + after
