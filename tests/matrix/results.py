"""What the rounds of a matrix showed, as records and as tables."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Record = dict[str, Any]
"""One round of a cell: fault, work, round, ok, seconds, bound, code, detail."""
COLUMNS = ("fault", "work", "rounds", "median", "worst", "bound", "")


def write(path: Path, records: Sequence[Record]) -> None:
    """All rounds as a JSON list, or, for a name that ends in .md, the table of faults."""
    if path.suffix == ".md":
        path.write_text(markdown(records))
    else:
        path.write_text(json.dumps(records, indent=1) + "\n")


def read(path: Path) -> list[Record]:
    """What ``write`` has written as JSON."""
    found: list[Record] = json.loads(path.read_text())
    return found


def by_cell(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """(fault, work) -> its rounds, in the order of names."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: (record["fault"], record["work"], record["round"])):
        found.setdefault((record["fault"], record["work"]), []).append(record)
    return found


def table(records: Sequence[Record]) -> str:
    """A line for each cell: how often it was played, the seconds until nothing was left, whether every round was as it must be."""
    lines = [COLUMNS]
    for (fault, work), rounds in by_cell(records).items():
        seconds = [record["seconds"] for record in rounds]
        failed = sum(not record["ok"] for record in rounds)
        times = (f"{statistics.median(seconds):.2f} s", f"{max(seconds):.2f} s", f"{rounds[0]['bound']:g} s")
        lines.append((fault, work, str(len(rounds)), *times, f"{failed} FAILED" if failed else "ok"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown(records: Sequence[Record]) -> str:
    """A row for each fault: its kinds of work and rounds, median and worst seconds, the bound, the cell of the worst."""
    lines = [
        "| fault | kinds of work | rounds | failed | median | worst | bound | worst in |",
        "|---|---|---|---|---|---|---|---|",
    ]
    faults: dict[str, list[Record]] = {}
    for record in records:
        faults.setdefault(record["fault"], []).append(record)
    for fault, rounds in sorted(faults.items()):
        worst = max(rounds, key=lambda record: record["seconds"])
        median = statistics.median(record["seconds"] for record in rounds)
        works, failed = len({record["work"] for record in rounds}), sum(not record["ok"] for record in rounds)
        lines.append(
            f"| {fault} | {works} | {len(rounds)} | {failed} | {median:.2f} s | {worst['seconds']:.2f} s "
            f"| {worst['bound']:g} s | {worst['work']} |"
        )
    return "\n".join(lines) + "\n"
