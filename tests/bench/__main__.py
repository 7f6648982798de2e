"""``make bench``: hotdesk beside its peers, in one run on one machine. Prints medians and ratios, says which aims are missed, and writes them
into docs/performance.md.

``python -m tests.bench [works] [transfer] [parsing] [scale] [far] [--hosts N,..] [--only WORD] [--rounds 3] [--without ansible,pyinfra]``
Exit code 1 when two peers' recaps or outputs differ: then they did not do the same.
"""

from __future__ import annotations

import argparse
import asyncio
import grp
import pwd
import sys
from typing import TYPE_CHECKING

from tests.bench.measured import Measured, cell, median, run
from tests.bench.parsing import parsing
from tests.bench.scale import far, many
from tests.bench.sshd import Server, server
from tests.bench.table import Table, judged, load, write
from tests.bench.tools import PEERS, PEERS_VENV
from tests.bench.transfer import transfer
from tests.bench.works import WORKS, Work, commands

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("works", "transfer", "parsing", "scale", "far")
LONG = 30.0
"""Seconds of a peer's run after which one is enough."""
NAMES = {
    "hotdesk": "hotdesk",
    "bare": "bare asyncssh loop",
    "pyinfra": "pyinfra",
    "mitogen": "Mitogen",
    "ansible": "ansible-playbook",
}
ABOUT = (
    "Whole processes, medians of {} (one, where it takes more than {:g} s): wall seconds, times hotdesk's; CPU seconds and memory of the control "
    "node. The recaps of hotdesk, Mitogen and ansible-playbook are the same."
)


def works(at: Server, chosen: Sequence[Work], args: argparse.Namespace, without: Sequence[str]) -> tuple[Table, int]:
    """Each work under each of its peers, in turn, so that a drift of the machine hits all alike. With how many recaps differ."""
    differ, hosts = 0, _numbers(args.hosts)
    warm = commands(1, (1,), {})
    for name in {"hotdesk", *(peer for work in chosen for peer in work.peers)} - set(without):
        _start(name, at, warm, 1)  # compiled, and in the page cache
    table = Table(("work", "hosts", *NAMES.values(), "at least"), ABOUT.format(args.rounds, LONG))
    for work in chosen:
        names = ["hotdesk", *(peer for peer in work.peers if peer not in without)]
        for count in hosts or work.hosts:
            taken: dict[str, list[Measured]] = {name: [] for name in names}
            for turn in range(args.rounds):
                for name in names:
                    if not turn or taken[name][0].wall <= LONG:
                        taken[name].append(_start(name, at, work, count))
            medians = {name: median(found) for name, found in taken.items()}
            table.add(work.name, str(count), *_cells(work, count, medians))
            differ += _compared(work, medians)
    return table, differ


def _cells(work: Work, count: int, medians: dict[str, Measured]) -> list[str]:
    """One for each of NAMES, and what is aimed at."""
    ours, aims = medians["hotdesk"], work.aims.get(count, {})
    cells = [cell(medians[name], ours) if name in medians else "" for name in NAMES]
    verdicts = [
        judged(medians[name].wall / ours.wall, aim, NAMES[name]) for name, aim in aims.items() if name in medians
    ]
    return [*cells, ", ".join(verdicts)]


def _compared(work: Work, medians: dict[str, Measured]) -> int:
    """How many peers' recaps are not hotdesk's, or not what the work should give; said."""
    ours = medians["hotdesk"]
    wrong = {
        name: taken.recap
        for name, taken in medians.items()
        if (taken.recap and taken.recap != ours.recap)
        or (
            name == "hotdesk"
            and any(f"ok={work.count} " not in f"{said} " or "failed=0" not in said for said in ours.recap.values())
        )
    }
    for name, recap in wrong.items():
        print(f"ANOTHER RECAP: {name}: {recap}", flush=True)
    return len(wrong)


def _start(name: str, at: Server, work: Work, hosts: int) -> Measured:
    argv, environment = PEERS[name](at, work, hosts)
    group = grp.getgrgid(pwd.getpwnam(at.user).pw_gid).gr_name
    return run(argv, {**environment, "BENCH_HOME": str(at.home), "BENCH_GROUP": group})


_DEFAULTS = {
    "hosts": "",
    "only": "",
    "targets": "1,8",
    "megabytes": 1000,
    "files": 20_000,
    "many": "50,200",
    "names": "50,1000",
}
"""With other values the page is not written: it has the whole."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.set_defaults(**_DEFAULTS)
    parser.add_argument("what", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"{', '.join(PARTS)} (all)")
    parser.add_argument("--hosts", help="instead of each work's own numbers of hosts")
    parser.add_argument("--only", help="works whose name holds this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", default="", help="peers to leave out")
    parser.add_argument("--targets", help="of the transfers")
    parser.add_argument("--megabytes", type=int, help="of the big file")
    parser.add_argument("--files", type=int)
    parser.add_argument("--many", help="hosts of the 20 commands of 'scale'")
    parser.add_argument("--names", help="hosts of its 5 commands")
    return parser.parse_args()


def _numbers(words: str) -> list[int]:
    return [int(word) for word in words.split(",") if word]


def main() -> int:
    """Parse, measure part by part, keep what was measured."""
    args = _arguments()
    without = args.without.split(",")
    if not (PEERS_VENV / "bin").is_dir():
        without.append("mitogen")
        print("without Mitogen: there is no .venv-peers (make matrix-peers makes it)")
    narrowed = any(getattr(args, name) != value for name, value in _DEFAULTS.items()) or without != [""]
    differ = 0
    for part in args.what or PARTS:
        busy = load()
        tables, wrong = _measured(part, args, without)
        differ += wrong
        if not (narrowed or wrong):
            write(part, tables, busy)
    return 1 if differ else 0


def _measured(part: str, args: argparse.Namespace, without: Sequence[str]) -> tuple[list[Table], int]:
    """The tables of a part, and how many peers have done something else."""
    if part == "works":
        with server() as at:
            table, differ = works(at, [work for work in WORKS if args.only in work.name], args, without)
        return [table], differ
    if part == "transfer":
        with server() as at:
            return [transfer(at, _numbers(args.targets), args.rounds, args.megabytes, args.files)], 0
    if part == "parsing":
        table, differ = parsing(args.rounds)
        return [table], differ
    if part == "scale":
        return [asyncio.run(many(_numbers(args.many), 20)), asyncio.run(many(_numbers(args.names), 5))], 0
    return [far(args.rounds)], 0


if __name__ == "__main__":
    sys.exit(main())
