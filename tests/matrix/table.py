"""``python -m tests.matrix.table docs/guarantees.md --hotdesk RESULTS --peers RESULTS``: puts what was measured into the page.

Everything between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->`` is written anew from the records; nothing else of the page is touched.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.matrix.fault import FORCED, Fault
from tests.matrix.faults import DEFAULT_LEASE, FAULTS
from tests.matrix.peers.__main__ import machine
from tests.matrix.peers.faults import PEERS_FAULTS
from tests.matrix.peers.tools import PEERS
from tests.matrix.peers.works import BIG_FILE, PEERS_WORKS
from tests.matrix.results import Record, by_cell, read
from tests.pages import replaced, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Verdicts = list[dict[str, Any]]
"""Cells of the peers, as ``peers.cell.Verdict`` has them."""
BESIDE = {BIG_FILE.name: "rsync"}
"""hotdesk's work where a peer has another of the same kind."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of the page: what is promised, within which time, and the faults whose cells show it."""

    text: str
    bound: str
    shown_by: Callable[[Fault], bool]


LEASE_BOUND = "lease + 5 s"
PROMISES = (
    Promise(
        "After Ctrl-C, SIGTERM or a closed terminal, at any moment of a run, all is ended and the run with it",
        "5 s",
        lambda fault: fault.kind == "signal" and fault.bound != FORCED,
    ),
    Promise("A second signal forces it", "1 s", lambda fault: fault.kind == "signal" and fault.bound == FORCED),
    Promise(
        "A task's `timeout:`, or the stall limit of a transfer, ends that task on that PC and nothing else",
        "5 s",
        lambda fault: fault.kind == "timeout",
    ),
    Promise(
        "The runner is killed or frozen: the PCs end the work by themselves",
        LEASE_BOUND,
        lambda fault: fault.kind == "runner",
    ),
    Promise(
        "A PC is cut off, both ways or one: it ends the work by itself and is `unreachable`; the others finish",
        LEASE_BOUND,
        lambda fault: fault.kind == "network" and fault.code != 0,
    ),
    Promise(
        "A cut shorter than a third of the lease changes nothing",
        "",
        lambda fault: fault.kind == "network" and fault.code == 0,
    ),
    Promise(
        "A PC hangs or loses power: it is `unreachable`, and nothing of the work is left when it is back; the others finish",
        "5 s after it is back",
        lambda fault: fault.kind == "power",
    ),
    Promise(
        "The SSH session or the agent is killed, or memory runs out: the work is ended, the PC `unreachable`; the others finish",
        "5 s",
        lambda fault: fault.kind in ("process", "memory"),
    ),
    Promise("A disk is full: the task fails, files are whole", "5 s", lambda fault: fault.kind == "disk"),
    Promise(
        "Login shells that print, odd Pythons, clocks that jump, a `sudo` that refuses: it works, or one line says why not",
        "",
        lambda fault: fault.kind == "environment",
    ),
)


def promises(records: Sequence[Record]) -> str:
    """A row for each promise: rounds that were played and held, the worst time and its cell."""
    kinds = {fault.name: fault for fault in (*FAULTS, *DEFAULT_LEASE)}
    lines = ["| promise | within | rounds | held | worst seen | in the cell |", "| --- | --- | --- | --- | --- | --- |"]
    for promise in PROMISES:
        found = [each for each in records if each["fault"] in kinds and promise.shown_by(kinds[each["fault"]])]
        if not found:
            lines.append(f"| {promise.text} | {promise.bound} | 0 | not measured yet | | |")
            continue
        worst = max(found, key=lambda record: record["seconds"] / record["bound"])
        held = sum(map(_held, found))
        lines.append(
            f"| {promise.text} | {promise.bound} | {len(found)} | {'all' if held == len(found) else held} "
            f"| {worst['seconds']:.2f} s of {worst['bound']:g} s | {worst['fault']} / {worst['work']} |"
        )
    return "\n".join(lines)


def failures(records: Sequence[Record]) -> str:
    """The cells in which a round was not as it must be; one line says so when there is none."""
    failed = [
        f"- {fault} / {work}: {sum(not _held(each) for each in rounds)} of {len(rounds)} rounds: "
        + next(_why(each) for each in rounds if not _held(each))[:300]
        for (fault, work), rounds in by_cell(records).items()
        if not all(map(_held, rounds))
    ]
    return "\n".join(failed) or "Every round of every cell was as it must be."


def comparison(records: Sequence[Record], verdicts: Verdicts) -> str:
    """A row for each fault, a column for each tool: in how many kinds of work processes were left, how many runs hung."""
    lines = [row("", "hotdesk", *(peer.title for peer in PEERS.values())), row(*["---"] * (len(PEERS) + 2))]
    for fault in PEERS_FAULTS:
        own = [each for each in records if each["fault"] == fault and each["work"] in _own_works()]
        cells = [
            [each for each in verdicts if (each["peer"], each["fault"]) == (peer, fault) and each["judged"]]
            for peer in PEERS
        ]
        lines.append(row(fault, _summary_own(own), *map(_summary, cells)))
    return "\n".join(lines)


def details(records: Sequence[Record], verdicts: Verdicts) -> str:
    """A row for each cell: the processes that were left, or the seconds until none was."""
    found = {(each["peer"], each["fault"], each["work"]): each for each in verdicts}
    own = by_cell(records)
    lines = [row("fault / work", "hotdesk", *PEERS), row(*["---"] * (len(PEERS) + 2))]
    for fault in PEERS_FAULTS:
        for work in PEERS_WORKS:
            rounds = own.get((fault, BESIDE.get(work, work)), [])
            cells = [
                "has none" if fault in peer.faults and work in peer.cannot else _cell(found.get((name, fault, work)))
                for name, peer in PEERS.items()
            ]
            lines.append(row(f"{fault} / {work}", _cell_own(rounds), *cells))
    return "\n".join(lines)


def setting(records: Sequence[Record], date: str, peers: dict[str, Any]) -> str:
    """When, where, and which versions."""
    versions = ", ".join(
        version if name in version else f"{name} {version}" for name, version in peers.get("versions", {}).items()
    )
    return (
        f"hotdesk: {date}, {len(records)} rounds of {len(by_cell(records))} cells, on {machine()}. "
        f"Peers: {peers.get('date', 'not yet')}, {len(peers.get('cells', []))} cells, on {peers.get('machine', '')}; {versions}."
    )


def _held(record: Record) -> bool:
    """All was as it must be, and in time."""
    return bool(record["ok"] and record["seconds"] <= record["bound"])


def _why(record: Record) -> str:
    return record["detail"] or f"{record['seconds']:.1f} s; {record['bound']:g} s are allowed"


def _own_works() -> set[str]:
    return {BESIDE.get(work, work) for work in PEERS_WORKS}


def _summary_own(rounds: Sequence[Record]) -> str:
    if not rounds:
        return "not measured"
    left = {each["work"] for each in rounds if "left" in each["detail"]}
    works = len({each["work"] for each in rounds})
    return _left(len(left), works, max(each["seconds"] for each in rounds))


def _summary(cells: Verdicts) -> str:
    if not cells:
        return ""
    slow = [each["gone"] for each in cells if each["gone"] is not None]
    words = [_left(sum(each["left"] > 0 for each in cells), len(cells), max(slow, default=0.0))]
    for count, word in (
        (sum(each["ended"] is None for each in cells), "hung"),
        (sum(_untrue(each) for each in cells), "said ok"),
        (sum(_denied(each) for each in cells), "exit 0"),
        (sum(any("half" in line for line in each["files"]) for each in cells), "half a file"),
    ):
        words += [f"**{word}: {count}**"] if count else []
    return "; ".join(words)


def _left(left: int, works: int, worst: float) -> str:
    return f"**left in {left} of {works}**" if left else f"none left in {works} ({worst:.1f} s)"


def _untrue(cell: dict[str, Any]) -> bool:
    """ok was said of the PC whose task cannot have ended well. (A copy goes on after a cut, and may.)"""
    whole = cell["work"] == BIG_FILE.name and not cell["files"]
    return PEERS_FAULTS[cell["fault"]].one_host and cell["said"].get(cell["faulted"]) == "ok" and not whole


def _denied(cell: dict[str, Any]) -> bool:
    """A run that was interrupted ended with success."""
    return PEERS_FAULTS[cell["fault"]].kind == "signal" and cell["exit"] == 0


def _cell_own(rounds: Iterable[Record]) -> str:
    rounds = list(rounds)
    if not rounds:
        return ""
    worst = f"{max(each['seconds'] for each in rounds):.1f} s"
    return worst if all(map(_held, rounds)) else f"**failed**, {worst}"


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    if not cell["judged"]:
        return "?"
    words = [f"**{cell['left']} left**" if cell["left"] else f"{cell['gone']:.1f} s"]
    words += ["hung"] if cell["ended"] is None else []
    words += ["said ok"] if _untrue(cell) else []
    words += ["exit 0"] if _denied(cell) else []
    words += ["half a file"] if any("half" in line for line in cell["files"]) else []
    return ", ".join(words)


def main(words: list[str]) -> int:
    """Read the records, write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix.table", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--hotdesk", type=Path, nargs="+", required=True, metavar="JSON")
    parser.add_argument("--peers", type=Path, nargs="+", required=True, metavar="JSON")
    parser.add_argument("--note", default="", help="a sentence on the circumstances")
    options = parser.parse_args(words)
    records: list[Record] = [record for path in options.hotdesk for record in read(path)]
    several: list[dict[str, Any]] = [json.loads(path.read_text()) for path in options.peers]
    peers = {**several[-1], "cells": [cell for each in several for cell in each["cells"]]}
    date = time.strftime("%Y-%m-%d", time.gmtime(max(path.stat().st_mtime for path in options.hotdesk)))
    parts = {
        "setting": f"{setting(records, date, peers)} {options.note}".rstrip(),
        "promises": promises(records),
        "failures": failures(records),
        "comparison": comparison(records, peers["cells"]),
        "details": details(records, peers["cells"]),
    }
    options.page.write_text(replaced(options.page.read_text(), parts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
