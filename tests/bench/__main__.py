"""``make bench``: hotdesk beside its peers, in one run on one machine. Prints medians and ratios; asserts nothing.

``python -m tests.bench [commands] [modules] [transfer] [--hosts 1,5,25] [--tasks 20] [--rounds 3] [--without ansible,pyinfra]``
"""

from __future__ import annotations

import argparse
import grp
import json
import os
import platform
import pwd
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.sshd import Server, server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BIN = Path(sys.executable).parent
HERE = Path(__file__).parent


def _playbook(directory: Path, tasks: int) -> Path:
    path = directory / f"commands-{tasks}.yml"
    task = "    - name: A command\n      ansible.builtin.command: 'true'\n      changed_when: false\n"
    path.write_text(f"- name: Commands\n  hosts: all\n  gather_facts: false\n  tasks:\n{task * tasks}")
    return path


def hotdesk(at: Server, hosts: int, tasks: int) -> tuple[list[str], dict[str, str]]:
    """The one under test."""
    return [
        str(BIN / "hotdesk"),
        "play",
        "-i",
        str(at.inventory(hosts)),
        "--output",
        "plain",
        str(_playbook(at.directory, tasks)),
    ], {}


def ansible(at: Server, hosts: int, tasks: int) -> tuple[list[str], dict[str, str]]:
    """ansible-playbook with pipelining, forks 50."""
    environment = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": "50", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_SSH_RETRIES": "3"}
    argv = [str(BIN / "ansible-playbook"), "-i", str(at.inventory(hosts)), str(_playbook(at.directory, tasks))]
    return argv, environment


def pyinfra(at: Server, hosts: int, tasks: int) -> tuple[list[str], dict[str, str]]:
    """pyinfra with the same commands."""
    inventory, deploy = at.directory / f"pyinfra-{hosts}.py", at.directory / f"deploy-{tasks}.py"
    data = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": at.port,
        "ssh_user": at.user,
        "ssh_key": str(at.key),
        "ssh_known_hosts_file": str(at.directory / "known_hosts"),
    }
    inventory.write_text(f"hosts = {[(f'h{number}', data) for number in range(1, hosts + 1)]!r}\n")
    operations = "".join(f"server.shell(name='c{number}', commands=['true'])\n" for number in range(tasks))
    deploy.write_text(f"from pyinfra.operations import server\n{operations}")
    return [str(BIN / "pyinfra"), "-y", str(inventory), str(deploy)], {}


def bare(at: Server, hosts: int, tasks: int) -> tuple[list[str], dict[str, str]]:
    """A bare asyncssh loop."""
    known = str(at.directory / "known_hosts")
    return [
        sys.executable,
        str(HERE / "bare.py"),
        str(at.port),
        at.user,
        str(at.key),
        known,
        str(hosts),
        str(tasks),
    ], {}


PEERS: dict[str, Callable[[Server, int, int], tuple[list[str], dict[str, str]]]] = {
    "hotdesk": hotdesk,
    "bare": bare,
    "pyinfra": pyinfra,
    "ansible": ansible,
}


def seconds(argv: Sequence[str], environment: dict[str, str]) -> float:
    """Wall seconds of one whole process; its failure ends the benchmark with its words."""
    return run(argv, environment)[0]


def run(argv: Sequence[str], environment: dict[str, str]) -> tuple[float, str]:
    """The same, and what it printed."""
    surroundings = {**os.environ, **environment}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # else everything that is not installed is compiled at each start
    begin = time.monotonic()
    done = subprocess.run(argv, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    taken = time.monotonic() - begin
    if done.returncode:
        raise SystemExit(
            f"bench: {argv[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr).decode(errors='replace')[-3000:]}"
        )
    return taken, done.stdout.decode(errors="replace")


def commands(at: Server, hosts: Sequence[int], tasks: int, rounds: int, without: Sequence[str]) -> None:
    """N commands on M hosts under each peer, in turn, so that a drift of the machine hits all alike."""
    peers = {name: peer for name, peer in PEERS.items() if name not in without}
    for peer in peers.values():  # compiled, and in the page cache
        seconds(*peer(at, 1, 1))
    print(f"\n{tasks} tasks 'command: true', facts off: median wall seconds of {rounds} (ratio to hotdesk)")
    print(f"{'hosts':>6} " + " ".join(f"{name:>18}" for name in peers))
    for count in hosts:
        taken: dict[str, list[float]] = {name: [] for name in peers}
        for turn in range(rounds):
            for name, peer in peers.items():
                if name == "ansible" and turn and taken[name][0] > 30:
                    continue  # a minute and more each: one is enough
                taken[name].append(seconds(*peer(at, count, tasks)))
        medians = {name: statistics.median(values) for name, values in taken.items()}
        cells = (f"{value:9.2f} ({value / medians['hotdesk']:5.1f}x)" for value in medians.values())
        print(f"{count:>6} " + " ".join(f"{cell:>18}" for cell in cells), flush=True)


MODULES = """
    - {name: A group, ansible.builtin.group: {name: "{{ own_group }}"}}
    - {name: A user, ansible.builtin.user: {name: "{{ own_user }}"}}
    - {name: Files, ansible.builtin.find: {paths: "{{ folder }}", patterns: "*.ini"}}
    - {name: A block, ansible.builtin.blockinfile: {path: "{{ folder }}/one.ini", create: true, block: "b=NUMBER"}}
    - {name: A replacement, ansible.builtin.replace: {path: "{{ folder }}/one.ini", regexp: "^a=.*", replace: "a=NUMBER"}}
"""
"""Modules of ansible-core that hotdesk has no action for. (Of crontabs and ini files there may be no program, or no collection.)"""


def modules(at: Server, hosts: int, rounds: int, without: Sequence[str]) -> None:
    """40 tasks over modules that are not hotdesk's own; half of them change a file."""
    folder = f"{at.home}/bench-modules"
    tasks = "".join(MODULES.replace("NUMBER", str(number)) for number in range(8))
    first = '    - {name: A folder, ansible.builtin.file: {path: "{{ folder }}", state: directory}}\n'
    path = at.directory / "modules.yml"
    group = grp.getgrgid(pwd.getpwnam(at.user).pw_gid).gr_name
    path.write_text(
        f"- name: Modules\n  hosts: all\n  gather_facts: false\n"
        f"  vars: {{folder: '{folder}/{{{{ inventory_hostname }}}}', own_user: {at.user}, own_group: {group}}}\n"
        f"  tasks:\n{first}{tasks}"
    )
    print(
        f"\n40 tasks over modules of ansible-core that are not hotdesk's, {hosts} hosts: median wall seconds of {rounds}"
    )
    peers = [peer for name, peer in PEERS.items() if name in ("hotdesk", "ansible") and name not in without]
    taken: dict[str, list[float]] = {}
    recaps: dict[str, list[str]] = {}
    for _ in range(rounds):
        for peer in peers:
            subprocess.run(["rm", "-rf", folder], check=True)
            argv, environment = peer(at, hosts, 1)
            found, said = run([*argv[:-1], str(path)], environment)
            taken.setdefault(peer.__name__, []).append(found)
            recaps[peer.__name__] = sorted(" ".join(line.split()) for line in said.splitlines() if " : ok=" in line)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, value in medians.items():
        print(f"  {name:<10} {value:9.2f} ({value / medians['hotdesk']:5.1f}x)", flush=True)
    if len(set(map(str, recaps.values()))) > 1:
        raise SystemExit(f"bench: the recaps differ: {recaps}")


def transfer(at: Server, rounds: int) -> None:
    """One big file, and many small ones: hotdesk.sync.folder beside ``rsync -e ssh``.

    Two figures for hotdesk: the whole process, start and login included, as for rsync; and the task alone, which is what each further
    mirror of a play costs, since the play's connections are there already.
    """
    with tempfile.TemporaryDirectory(prefix="hotdesk-bench-src-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        big, small = base / "big", base / "small"
        _trees(big, small)
        print(f"\ntransfer to one host: median wall seconds of {rounds} (ratio of the pairs: rsync / hotdesk)")
        print(f"  {'':<20} {'rsync -e ssh':>14} {'whole process':>16} {'task alone':>16}")
        for name, tree in (("1 GB in one file", big), ("20,000 small files", small)):
            pairs = [_pair(at, tree, turn) for turn in range(rounds)]
            rsync = statistics.median(pair.rsync for pair in pairs)
            cells = [
                (
                    statistics.median(values),
                    statistics.median(pair.rsync / value for pair, value in zip(pairs, values, strict=True)),
                )
                for values in ([pair.whole for pair in pairs], [pair.task for pair in pairs])
            ]
            shown = " ".join(f"{f'{value:.2f} ({ratio:.2f}x)':>16}" for value, ratio in cells)
            print(f"  {name:<20} {rsync:>14.2f} {shown}", flush=True)


class Pair(NamedTuple):
    """Wall seconds of one turn."""

    whole: float
    task: float
    rsync: float


def _pair(at: Server, tree: Path, turn: int) -> Pair:
    """hotdesk and rsync, one after the other, each first every other time."""
    ours, theirs = f"{at.home}/h-{tree.name}", f"{at.home}/r-{tree.name}"
    ssh = f"ssh -p {at.port} -i {at.key} -o UserKnownHostsFile={at.directory}/known_hosts -c aes128-gcm@openssh.com"
    rsync = ["rsync", "-aHAXS", "--numeric-ids", "-e", ssh, f"{tree}/", f"{at.user}@127.0.0.1:{theirs}/"]
    turns = [lambda: run(*_folder(at, tree, ours)), lambda: run(rsync, {})]
    found = {}
    for which in (0, 1) if turn % 2 else (1, 0):
        os.sync()  # what was written before is not paid for by whoever comes next
        found[which] = turns[which]()
    subprocess.run(["rm", "-rf", ours, theirs], check=True)
    events = [json.loads(line) for line in found[0][1].splitlines()]
    when = {event["event"]: event["at"] for event in events}
    return Pair(found[0][0], when["TaskFinished"] - when["HostStarted"], found[1][0])


def _trees(big: Path, small: Path) -> None:
    big.mkdir()
    block = os.urandom(1 << 20)
    with (big / "file").open("wb") as file:
        for number in range(1000):
            file.write(number.to_bytes(8, "big") + block[8:])
    for number in range(20_000):
        directory = small / f"{number // 200:03}"
        if number % 200 == 0:
            directory.mkdir(parents=True)
        (directory / f"{number}.txt").write_bytes(block[number : number + 300 + number % 3000])
    subprocess.run(["chmod", "-R", "a+rX", str(big.parent)], check=True)


def _folder(at: Server, tree: Path, target: str) -> tuple[list[str], dict[str, str]]:
    path = at.directory / "folder.yml"
    path.write_text(
        f"- name: Folder\n  hosts: all\n  gather_facts: false\n  vars:\n    hotdesk_disk_watch: {{preflight_minimum: 1%, runtime_minimum: 1%}}\n"
        f"  tasks:\n    - name: Mirror\n      hotdesk.sync.folder:\n        path: {tree}\n        dest: {target}\n"
    )
    return [str(BIN / "hotdesk"), "play", "-i", str(at.inventory(1)), "--output", "json", str(path)], {}


def main() -> None:
    """Parse, start the server, run."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("what", nargs="*", help="commands, modules, transfer (all)")
    parser.add_argument("--hosts", default="1,5,25")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", default="")
    args = parser.parse_args()
    what = args.what or ["commands", "modules", "transfer"]
    print(
        f"{time.strftime('%Y-%m-%d')}  Python {platform.python_version()}  {os.cpu_count()} cores  {platform.release()}"
    )
    with server() as at:
        if "commands" in what:
            commands(
                at, [int(word) for word in args.hosts.split(",")], args.tasks, args.rounds, args.without.split(",")
            )
        if "modules" in what:
            modules(at, 10, args.rounds, args.without.split(","))
        if "transfer" in what:
            transfer(at, args.rounds)


if __name__ == "__main__":
    main()
