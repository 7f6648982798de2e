"""``make bench``: hotdesk beside its peers, in one run on one machine. Prints medians and ratios; asserts nothing.

``python -m tests.bench [commands] [transfer] [--hosts 1,5,25] [--tasks 20] [--rounds 3] [--without ansible,pyinfra]``
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

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
    surroundings = {**os.environ, **environment}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # else everything that is not installed is compiled at each start
    begin = time.monotonic()
    done = subprocess.run(argv, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    taken = time.monotonic() - begin
    if done.returncode:
        raise SystemExit(
            f"bench: {argv[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr).decode(errors='replace')[-3000:]}"
        )
    return taken


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


def transfer(at: Server, rounds: int) -> None:
    """One big file, and many small ones: hotdesk.sync.folder beside ``rsync -e ssh``."""
    with tempfile.TemporaryDirectory(prefix="hotdesk-bench-src-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        big, small = base / "big", base / "small"
        _trees(big, small)
        ssh = f"ssh -p {at.port} -i {at.key} -o UserKnownHostsFile={at.directory}/known_hosts -c aes128-gcm@openssh.com"
        print(f"\ntransfer to one host: median wall seconds of {rounds}; ratio: rsync / hotdesk, median of the pairs")
        for name, tree in (("1 GB in one file", big), ("20,000 small files", small)):
            taken: dict[str, list[float]] = {"hotdesk": [], "rsync": []}
            ratios = []
            for turn in range(rounds):
                os.sync()  # what was written before is not paid for by whoever comes next
                target = f"{at.home}/h-{tree.name}-{turn}"
                taken["hotdesk"].append(seconds(*_folder(at, tree, target)))
                rsync = [
                    "rsync",
                    "-aHAXS",
                    "--numeric-ids",
                    "-e",
                    ssh,
                    f"{tree}/",
                    f"{at.user}@127.0.0.1:{at.home}/r-{tree.name}-{turn}/",
                ]
                os.sync()
                taken["rsync"].append(seconds(rsync, {}))
                ratios.append(taken["rsync"][-1] / taken["hotdesk"][-1])
                subprocess.run(["rm", "-rf", target, f"{at.home}/r-{tree.name}-{turn}"], check=True)
            own, peer = statistics.median(taken["hotdesk"]), statistics.median(taken["rsync"])
            print(
                f"  {name:<20} hotdesk {own:6.2f}  rsync {peer:6.2f}  ratio {statistics.median(ratios):.2f}", flush=True
            )


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
    return [str(BIN / "hotdesk"), "play", "-i", str(at.inventory(1)), "--output", "plain", str(path)], {}


def main() -> None:
    """Parse, start the server, run."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("what", nargs="*", help="commands, transfer (both)")
    parser.add_argument("--hosts", default="1,5,25")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", default="")
    args = parser.parse_args()
    what = args.what or ["commands", "transfer"]
    print(
        f"{time.strftime('%Y-%m-%d')}  Python {platform.python_version()}  {os.cpu_count()} cores  {platform.release()}"
    )
    with server() as at:
        if "commands" in what:
            commands(
                at, [int(word) for word in args.hosts.split(",")], args.tasks, args.rounds, args.without.split(",")
            )
        if "transfer" in what:
            transfer(at, args.rounds)


if __name__ == "__main__":
    main()
