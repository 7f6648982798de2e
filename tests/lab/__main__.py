"""The lab as a command for people: ``python -m tests.lab up 3``. See docs/lab.md."""

from __future__ import annotations

import argparse
import os
import sys
from typing import get_args

from tests.lab.lab import PC, Lab, LabError, Options
from tests.lab.network import ONE_WAY
from tests.lab.options import Base, Disk, Init

DEFAULT = Options()


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Whole PCs on this machine, for tests.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start PCs; those that are up already stay")
    up.add_argument("count", type=int, nargs="?", default=3)
    up.add_argument("--first", type=int, default=1, help="number of the first one (1)")
    up.add_argument("--size", default=DEFAULT.size, help=f"of the disk ({DEFAULT.size})")
    up.add_argument("--disk", choices=get_args(Disk), default=DEFAULT.disk)
    up.add_argument("--init", choices=get_args(Init), default=DEFAULT.init)
    up.add_argument("--base", choices=get_args(Base), help="this machine's root (host), or a Debian made once")
    up.add_argument("--memory", default=DEFAULT.memory, help="limit, e.g. 512m")
    up.add_argument("--mount", action="append", default=[], metavar="PATH:SIZE", help="a further file system")
    commands.add_parser("down", help="remove PCs, or everything").add_argument("pc", nargs="*")
    commands.add_parser("ps", help="the PCs and their state")
    for name, text in {
        "ssh": "log in or run a command as ada (or USER@PC)",
        "exec": "run a command as root, past sshd",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("pc")
        command.add_argument("words", nargs=argparse.REMAINDER, metavar="...")
    simple = {"heal": "undo cut", "hang": "freeze all of it: TCP still accepts", "unhang": "let it go on"}
    for name, text in {**simple, "off": "power cut; the disk stays", "on": "boot"}.items():
        commands.add_parser(name, help=text).add_argument("pc")
    cut = commands.add_parser("cut", help="take the link down, or lose what goes one way")
    cut.add_argument("pc")
    cut.add_argument("way", nargs="?", choices=["both", *ONE_WAY], default="both")
    for name, text in {"fill": "leave no free space there", "empty": "undo fill"}.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("pc")
        command.add_argument("path")
    delay = commands.add_parser("delay", help="delay frames each way: 20ms, 0.5s, 0 to end it")
    delay.add_argument("pc")
    delay.add_argument("time", type=seconds)
    memory = commands.add_parser("memory", help="limit the memory from now on: 64m, max")
    memory.add_argument("pc")
    memory.add_argument("limit")
    return parser


def seconds(text: str) -> float:
    """``20ms`` is 0.02, ``1s`` is 1, ``0`` is 0."""
    for unit, factor in {"ms": 0.001, "s": 1.0}.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    if text != "0":
        raise argparse.ArgumentTypeError(f"{text!r} has no unit: 20ms or 1s")
    return 0.0


def chosen(given: argparse.Namespace) -> Options:
    """The options of ``up``. A Debian is the base where this machine's own root cannot be."""
    mounts = []
    for mount in given.mount:
        path, colon, size = mount.rpartition(":")
        if not colon:
            raise LabError(f"{mount!r} is no mount: PATH:SIZE, as in /data:64m")
        mounts.append((path, size))
    needs_debian = given.init == "systemd" or given.disk == "btrfs"
    base: Base = given.base or ("debian" if needs_debian else "host")
    return Options(given.size, given.disk, given.init, base, given.memory, tuple(mounts))


def main(words: list[str]) -> None:
    """Do one thing with the lab. Raises LabError."""
    given = arguments().parse_args(words)
    match given.command:
        case "up":
            lab = Lab.up(given.count, chosen(given), first=given.first)
            print(f"up: {', '.join(lab.pcs)}; ssh -F {lab.ssh_config} {next(iter(lab.pcs), '')}")
        case "down":
            Lab.down(*given.pc)
        case "ps":
            for pc in Lab.found():
                made = pc.options
                print(
                    f"{pc.name:6} {pc.address:14} {pc.state:9} {len(pc.processes()):4} processes  {made.disk} {made.init} {made.base}"
                )
        case "ssh":
            os.execvp("ssh", ["ssh", "-F", str(Lab.found().ssh_config), given.pc, *given.words])
        case "exec":
            os.execvp("nsenter", [*found(given.pc).enter(), *given.words])
        case command:
            act(found(given.pc), command, given)


def act(pc: PC, command: str, given: argparse.Namespace) -> None:
    """One command that changes one PC."""
    match command:
        case "cut":
            pc.cut(given.way)
        case "fill" | "empty":
            getattr(pc, command)(given.path)
        case "delay":
            pc.delay(given.time)
        case "memory":
            pc.limit_memory(given.limit)
        case _:
            getattr(pc, command)()


def found(name: str) -> PC:
    """The PC of that name."""
    pcs = Lab.found().pcs
    if name not in pcs:
        raise LabError(f"there is no {name}; there are {', '.join(pcs) or 'none: python -m tests.lab up'}")
    return pcs[name]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LabError as exc:
        sys.exit(f"lab: {exc}")
