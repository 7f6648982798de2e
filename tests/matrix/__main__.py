"""``python -m tests.matrix``: every cell of the fault matrix, several rounds in random order, side by side on separate PCs."""

from __future__ import annotations

import argparse
import queue
import random
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.lab import Lab, LabError, missing
from tests.lab.running import at_rest
from tests.matrix import results
from tests.matrix.cells import CELLS, Cell, Outcome, cells, play_out, sample
from tests.signals import hear_again

PCS = 3
"""PCs of each cell."""
WRITE_INTERVAL = 30.0
"""Seconds."""
OFTEN = ("signal", "timeout")
"""The kinds of faults that are played ``--signal-rounds`` times."""


def main(words: list[str]) -> int:
    """Play and print. 0: every round of every cell was as it must be."""
    options = _options(words)
    chosen = [cell for cell in (sample() if options.sample else cells()) if _wanted(cell, options.only)]
    if options.list:
        return _list(options.only)
    if reason := missing():
        print(reason)
        return 2
    if not chosen:
        print(f"no cell is named {' or '.join(options.only)}: see --list")
        return 2
    hear_again()
    records = results.read(options.resume) if options.resume else []
    played = {(record["fault"], record["work"], record["round"]) for record in records}
    rounds = [
        (cell, number)
        for cell in chosen
        for number in range(1, 1 + (options.signal_rounds if cell.fault.kind in OFTEN else options.rounds))
        if (cell.fault.name, cell.work.name, number) not in played
    ]
    random.Random(options.seed).shuffle(rounds)
    print(f"{len(chosen)} cells, {len(rounds)} rounds, {options.side_by_side} side by side, --seed {options.seed}")
    Lab.down()  # what a crash may have left
    lab = Lab.up(PCS * options.side_by_side)
    total = len(records) + len(rounds)
    try:
        _play(rounds, _triples(lab), _Book(records, options.write, total))
    finally:
        Lab.down()
        for path in options.write:
            results.write(path, records)
    print(results.table(records))
    return 0 if len(records) == total and all(record["ok"] for record in records) else 1


@dataclass(slots=True)
class _Book:
    """The records so far, written now and then: a matrix takes hours, and ``--resume`` goes on where one was ended."""

    records: list[results.Record]
    paths: list[Path]
    total: int
    written: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, record: results.Record) -> int:
        """Its number, from 1."""
        with self.lock:
            self.records.append(record)
            if time.monotonic() - self.written > WRITE_INTERVAL:
                for path in self.paths:
                    results.write(path, self.records)
                self.written = time.monotonic()
            return len(self.records)


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each cell (3)")
    parser.add_argument("--signal-rounds", type=int, default=20, help="rounds of cells of signals and timeouts (20)")
    parser.add_argument("--side-by-side", type=int, default=3, metavar="N", help="cells at once, on three PCs each (3)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FAULT/WORK",
        help="one cell; FAULT or /WORK: all of a row or column; may be given again",
    )
    parser.add_argument("--sample", action="store_true", help="only the cells that a test run takes")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the order")
    parser.add_argument(
        "--write", type=Path, action="append", default=[], metavar="FILE", help="records as .json, table as .md"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="records (.json) of a matrix that was ended: play the rest"
    )
    parser.add_argument("--list", action="store_true", help="name the cells, and those left out with the reason")
    return parser.parse_args(words)


def _wanted(cell: Cell, only: list[str]) -> bool:
    named = [word.partition("/")[::2] for word in only]
    return not only or any(fault in ("", cell.fault.name) and work in ("", cell.work.name) for fault, work in named)


def _list(only: list[str]) -> int:
    for cell in CELLS:
        if _wanted(cell, only):
            print(f"{cell.name:40} {f'left out: {cell.senseless}' if cell.senseless else ''}".rstrip())
    return 0


def _triples(lab: Lab) -> list[Lab]:
    pcs = list(lab)
    return [Lab(pcs[at : at + PCS]) for at in range(0, len(pcs), PCS)]


def _play(rounds: list[tuple[Cell, int]], labs: list[Lab], book: _Book) -> None:
    """All rounds, each worker on PCs of its own. Ctrl-C lets those under way end."""
    waiting: queue.SimpleQueue[tuple[Cell, int]] = queue.SimpleQueue()
    for each in rounds:
        waiting.put(each)
    stop = threading.Event()
    workers = [threading.Thread(target=_work, args=(lab, waiting, book, stop)) for lab in labs]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        print("ending after the rounds under way")
        stop.set()
        for worker in workers:
            worker.join()


def _work(lab: Lab, waiting: queue.SimpleQueue[tuple[Cell, int]], book: _Book, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            cell, number = waiting.get_nowait()
        except queue.Empty:
            return
        begin = time.monotonic()
        outcome = _round(cell, lab)
        played = book.add(_record(outcome, number))
        verdict = "ok" if outcome.ok else "FAILED"
        told = f"[{played}/{book.total}] {cell.name}: {verdict}, {outcome.seconds:.2f} s of {cell.fault.bound:g} s"
        lines = [f"{told} (round of {time.monotonic() - begin:.0f} s)"]
        if not outcome.ok:
            lines += [f"    {problem}" for problem in outcome.problems]
            lines += [f"    | {line}" for line in outcome.shown.splitlines()[-25:]]
        print("\n".join(lines), flush=True)


def _round(cell: Cell, lab: Lab) -> Outcome:
    try:
        at_rest(lab)
        return play_out(cell, lab)
    except Exception:
        return Outcome(cell, problems=[f"the matrix itself: {traceback.format_exc()}"])


def _record(outcome: Outcome, number: int) -> results.Record:
    fault = outcome.cell.fault
    return {
        "fault": fault.name,
        "work": outcome.cell.work.name,
        "round": number,
        "ok": outcome.ok,
        "seconds": round(outcome.seconds, 3),
        "bound": fault.bound,
        "code": outcome.code,
        "detail": "; ".join(outcome.problems),
    }


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as exc:
        sys.exit(f"lab: {exc}")
