"""``python -m tests.fuzz --minutes 30``: look for faults as long as that, and print each kind once with the shortest input that shows it."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
import warnings
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.fuzz.doors import DOORS, Door
from tests.fuzz.grammar import inputs
from tests.fuzz.judge import Fault, judge

CORPUS = Path(__file__).with_name("corpus")
BATCH = 200
"""Inputs for one door before it is the next one's turn."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--door", action="append", choices=sorted(DOORS), help="only this one (may be repeated)")
    parser.add_argument("--keep", action="store_true", help="write what is found into tests/fuzz/corpus")
    given_ = parser.parse_args()
    warnings.simplefilter("ignore")
    doors = [DOORS[name] for name in given_.door or DOORS]
    found: dict[str, tuple[str, bytes, str]] = {}
    count = look(doors, time.monotonic() + 60 * given_.minutes, found)
    for key, (door, data, text) in sorted(found.items()):
        print(f"{key}\n    {text}\n    {data!r:.600}\n")
        if given_.keep:
            keep(door, data)
    print(f"{count} inputs, {len(found)} kinds of faults")
    return 1 if found else 0


def look(doors: list[Door], until: float, found: dict[str, tuple[str, bytes, str]]) -> int:
    """Batches for each door in turn, until that time. Returns how many inputs were tried."""
    tried = 0
    with tempfile.TemporaryDirectory(prefix="hotdesk-fuzz-") as scratch:
        while time.monotonic() < until:
            for door in doors:
                if time.monotonic() >= until:
                    break
                folder = Path(scratch, door.name)
                folder.mkdir(exist_ok=True)
                tried += batch(door, folder, found)
    return tried


def batch(door: Door, folder: Path, found: dict[str, tuple[str, bytes, str]]) -> int:
    tried = 0

    @settings(max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(inputs(door.name))
    def try_one(data: bytes) -> None:
        nonlocal tried
        tried += 1
        try:
            judge(door, data, folder)
        except Fault as fault:
            known = found.get(fault.key)
            if known is None:
                print(f"[{door.name}] {fault.key}", file=sys.stderr, flush=True)
            if known is None or len(data) < len(known[1]):
                found[fault.key] = (door.name, data, str(fault))

    try_one()
    return tried


def keep(door: str, data: bytes) -> None:
    path = CORPUS / door / hashlib.sha256(data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
