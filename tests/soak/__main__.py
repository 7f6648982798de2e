"""``make soak``: runs with random faults on lab PCs for as long as wanted; nothing may grow. ``python -m tests.soak [--minutes 60] [--seed N]``.

Half of the runs are plays of one long-lived process that uses the Python API, half are command lines of their own. A line a minute; at
the end every kind of work runs once more without faults, and what is there then is held against what was there after such a round at
the beginning. Exit code 1 with what grew.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.lab.lab import Lab, LabError, Options
from tests.soak.faults import FATAL, FAULTS
from tests.soak.runs import Runs
from tests.soak.stock import Stock, grown
from tests.soak.work import WORK

LINE = 60.0
"""Seconds between two lines."""


def clean_round(runs: Runs) -> Stock:
    """Every kind of work once in each way, undisturbed; what there is afterwards."""
    for resident in (True, False):
        for work in WORK:
            runs.do(work, "nothing", resident=resident)
    return runs.stock()


def soak(runs: Runs, seconds: float, dice: random.Random) -> tuple[Stock, Stock]:
    """Faults at random until the time is over; what there was after the first and after the last undisturbed round."""
    clean_round(runs)  # files that are made once, caches that fill once
    first = clean_round(runs)
    print(f"at first: {first}", flush=True)
    end, due = time.monotonic() + seconds, time.monotonic() + LINE
    while time.monotonic() < end:
        resident = dice.random() < 0.5
        names = list(FAULTS if resident else {**FAULTS, **FATAL})
        runs.do(dice.choice(list(WORK)), dice.choice(names), resident=resident)
        if time.monotonic() > due:
            due += LINE
            print(f"{time.strftime('%H:%M')}  {runs.told()}  {runs.stock()}", flush=True)
    return first, clean_round(runs)


def main() -> int:
    """Parse, put up the PCs, soak, judge."""
    parser = argparse.ArgumentParser(prog="make soak ARGS=...")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--pcs", type=int, default=3)
    args = parser.parse_args()
    print(
        f"{time.strftime('%Y-%m-%d %H:%M')}  {args.minutes:g} minutes, {args.pcs} PCs, --seed {args.seed}", flush=True
    )
    Lab.down()
    try:
        lab = Lab.up(args.pcs, Options(size="256m"))
    except LabError as exc:
        print(f"no soak: {exc}")
        return 1
    dice = random.Random(args.seed)
    try:
        with tempfile.TemporaryDirectory(prefix="hotdesk-soak-") as directory, Runs(lab, Path(directory), dice) as runs:
            first, last = soak(runs, args.minutes * 60, dice)
            wrong = [*runs.wrong, *grown(first, last)]
    finally:
        Lab.down()
    print(f"{runs.told()}\nat first: {first}\nat last:  {last}")
    for line, times in Counter(wrong).items():
        print(f"does not hold{f' ({times} times)' if times > 1 else ''}: {line}")
    print("nothing grew" if not wrong else f"{len(wrong)} things do not hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
