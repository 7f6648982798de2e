"""``make bench``: hotdesk beside its peers, in one run on one machine. Prints medians and ratios, and says which aims are missed.

``python -m tests.bench [works] [transfer] [parsing] [scale] [far] [--hosts N,..] [--only WORD] [--rounds 3] [--without ansible,pyinfra]``
Exit code 1 when two peers' recaps differ: then they did not do the same.
"""

from __future__ import annotations

import argparse
import asyncio
import grp
import os
import platform
import pwd
import sys
import time
from typing import TYPE_CHECKING

from tests.bench.measured import Measured, cell, median, run
from tests.bench.parsing import parsing
from tests.bench.scale import far, many
from tests.bench.sshd import Server, server
from tests.bench.tools import PEERS, PEERS_VENV
from tests.bench.transfer import transfer
from tests.bench.works import WORKS, Work, commands

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("works", "transfer", "parsing", "scale", "far")
LONG = 30.0
"""Seconds of a peer's run after which one is enough."""


def works(at: Server, chosen: Sequence[Work], hosts: Sequence[int], rounds: int, without: Sequence[str]) -> int:
    """Each work under each of its peers, in turn, so that a drift of the machine hits all alike. How many recaps differ."""
    differ = 0
    warm = commands(1, (1,), {})
    for name in {"hotdesk", *(peer for work in chosen for peer in work.peers)} - set(without):
        _start(name, at, warm, 1)  # compiled, and in the page cache
    for work in chosen:
        names = ["hotdesk", *(peer for peer in work.peers if peer not in without)]
        print(f"\n{work.name}: median of {rounds} (wall, ratio to hotdesk, CPU seconds and memory on the control node)")
        for count in hosts or work.hosts:
            taken: dict[str, list[Measured]] = {name: [] for name in names}
            for turn in range(rounds):
                for name in names:
                    if not turn or taken[name][0].wall <= LONG:
                        taken[name].append(_start(name, at, work, count))
            medians = {name: median(found) for name, found in taken.items()}
            differ += _report(work, count, medians)
    return differ


def _start(name: str, at: Server, work: Work, hosts: int) -> Measured:
    argv, environment = PEERS[name](at, work, hosts)
    group = grp.getgrgid(pwd.getpwnam(at.user).pw_gid).gr_name
    return run(argv, {**environment, "BENCH_HOME": str(at.home), "BENCH_GROUP": group})


def _report(work: Work, count: int, medians: dict[str, Measured]) -> int:
    """A line for each peer; 1 when a recap is not hotdesk's."""
    ours, differ = medians["hotdesk"], 0
    if any(f"ok={work.count} " not in f"{counts} " or "failed=0" not in counts for counts in ours.recap.values()):
        print(f"  HOTDESK'S RECAP: {ours.recap}")
    for name, taken in medians.items():
        aim = work.aims.get(count, {}).get(name)
        missed = "" if aim is None or taken.wall / ours.wall >= aim else "  MISSED"
        wanted = "" if aim is None else f"  (aim {aim:g}x){missed}"
        different = bool(taken.recap) and taken.recap != ours.recap
        differ = differ or int(different)
        print(
            f"  {count:>4} hosts {name:<8} {cell(taken, ours)}{wanted}{'  ANOTHER RECAP' if different else ''}",
            flush=True,
        )
    return differ


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("what", nargs="*", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--hosts", default="", help="instead of each work's own numbers of hosts")
    parser.add_argument("--only", default="", help="works whose name holds this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", default="", help="peers to leave out")
    parser.add_argument("--targets", default="1,8", help="of the transfers")
    parser.add_argument("--megabytes", type=int, default=1000, help="of the big file")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--many", default="50,200", help="hosts of the 20 commands of 'scale'")
    parser.add_argument("--names", default="50,1000", help="hosts of its 5 commands")
    return parser.parse_args()


def _numbers(words: str) -> list[int]:
    return [int(word) for word in words.split(",") if word]


def main() -> int:
    """Parse, start the server, run."""
    args = _arguments()
    what = args.what or PARTS
    without = args.without.split(",")
    if not (PEERS_VENV / "bin").is_dir():
        without.append("mitogen")
        print("without Mitogen: there is no .venv-peers (make matrix-peers makes it)")
    print(
        f"{time.strftime('%Y-%m-%d')}  Python {platform.python_version()}  {os.cpu_count()} cores  {platform.release()}"
    )
    differ = 0
    with server() as at:
        if "works" in what:
            chosen = [work for work in WORKS if args.only in work.name]
            differ = works(at, chosen, _numbers(args.hosts), args.rounds, without)
        if "transfer" in what:
            transfer(at, _numbers(args.targets), args.rounds, args.megabytes, args.files)
    if "parsing" in what:
        parsing(args.rounds)
    if "scale" in what:
        asyncio.run(many(_numbers(args.many), 20))
        asyncio.run(many(_numbers(args.names), 5))
    if "far" in what:
        far(args.rounds)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
