"""One big file, and many small ones: hotdesk.sync.folder beside ``rsync -e ssh``, to one target and to several side by side.

Two figures for hotdesk: the whole process, start and login included, as for rsync; and the task alone, which is what each further
mirror of a play costs, since the play's connections are there already.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measured import run
from tests.bench.table import Table, judged
from tests.bench.tools import BIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.sshd import Server


BIG, SMALL = 0.95, 1.0
"""At least so many times as fast as rsync."""
HEAD = (
    "what",
    "targets",
    "`rsync -e ssh` side by side",
    "hotdesk, whole process",
    "hotdesk, the task alone",
    "at least",
)
ABOUT = "Medians of {} pairs: wall seconds, and rsync's by hotdesk's. *The task alone* is what each further mirror of a play costs."


class Pair(NamedTuple):
    """Wall seconds of one turn."""

    whole: float
    task: float
    rsync: float


def transfer(at: Server, targets: Sequence[int], rounds: int, megabytes: int, files: int) -> Table:
    """Both trees to each number of targets."""
    table = Table(HEAD, ABOUT.format(rounds))
    with tempfile.TemporaryDirectory(prefix="hotdesk-bench-src-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        big, small = base / "big", base / "small"
        _trees(big, small, megabytes, files)
        for count in targets:
            for name, tree, aim in (
                (f"{megabytes:,} MB in one file", big, BIG),
                (f"{files:,} small files", small, SMALL),
            ):
                pairs = [_pair(at, tree, count, turn) for turn in range(rounds)]
                whole, task = (
                    statistics.median(pair.rsync / getattr(pair, which) for pair in pairs)
                    for which in ("whole", "task")
                )
                seconds = [statistics.median(getattr(pair, which) for pair in pairs) for which in Pair._fields]
                cells = (
                    f"{seconds[2]:.2f} s",
                    f"{seconds[0]:.2f} s **{whole:.2f}x**",
                    f"{seconds[1]:.2f} s **{task:.2f}x**",
                )
                table.add(name, str(count), *cells, judged(whole, aim))
    return table


def _pair(at: Server, tree: Path, count: int, turn: int) -> Pair:
    """hotdesk and rsync, one after the other, each first every other time."""
    ours, theirs = f"{at.home}/hotdesk-{tree.name}", f"{at.home}/rsync-{tree.name}"
    ssh = f"ssh -p {at.port} -i {at.key} -o UserKnownHostsFile={at.directory}/known_hosts -c aes128-gcm@openssh.com"
    rsync = ["rsync", "-aHAXS", "--numeric-ids", "-e", ssh, f"{tree}/"]

    def hotdesk() -> tuple[float, str]:
        done = run(_folder(at, tree, ours, count))
        return done.wall, done.output

    def side_by_side() -> tuple[float, str]:
        begin = time.monotonic()
        words = [[*rsync, f"{at.user}@127.0.0.1:{theirs}-h{number + 1}/"] for number in range(count)]
        running = [subprocess.Popen(argv, stdin=subprocess.DEVNULL) for argv in words]
        ended = [process.wait() for process in running]  # all of them, whatever one says
        if any(ended):
            raise SystemExit("bench: rsync failed")
        return time.monotonic() - begin, ""

    turns, found = (hotdesk, side_by_side), {}
    for which in (0, 1) if turn % 2 else (1, 0):
        os.sync()  # what was written before is not paid for by whoever comes next
        found[which] = turns[which]()
    for path in Path(at.home).glob("*-*-h*"):
        subprocess.run(["rm", "-rf", str(path)], check=True)
    events = [json.loads(line) for line in found[0][1].splitlines() if line.startswith("{")]
    begun = min(event["at"] for event in events if event["event"] == "HostStarted")
    ended = max(event["at"] for event in events if event["event"] == "TaskFinished")
    return Pair(found[0][0], ended - begun, found[1][0])


def _trees(big: Path, small: Path, megabytes: int, files: int) -> None:
    big.mkdir()
    block = os.urandom(1 << 20)
    with (big / "file").open("wb") as file:
        for number in range(megabytes):
            file.write(number.to_bytes(8, "big") + block[8:])
    for number in range(files):
        directory = small / f"{number // 200:03}"
        if number % 200 == 0:
            directory.mkdir(parents=True)
        (directory / f"{number}.txt").write_bytes(block[number : number + 300 + number % 3000])
    subprocess.run(["chmod", "-R", "a+rX", str(big.parent)], check=True)


def _folder(at: Server, tree: Path, target: str, count: int) -> list[str]:
    path = at.directory / "folder.yml"
    path.write_text(
        f"- name: Folder\n  hosts: all\n  gather_facts: false\n  vars:\n    hotdesk_disk_watch: {{preflight_minimum: 1%, runtime_minimum: 1%}}\n"
        f"  tasks:\n    - name: Mirror\n      hotdesk.sync.folder:\n        path: {tree}\n        dest: {target}-{{{{ inventory_hostname }}}}\n"
    )
    return [str(BIN / "hotdesk"), "play", "-i", str(at.inventory(count)), "--output", "json", str(path)]
