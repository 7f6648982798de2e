"""Thousands of simulated PCs, with and without workers: ``python -m tests.load.scale [--hosts 100,500] [--workers 0,1,2] [--tasks 20]``.

Prints what the control process and its workers take. The PCs (``simulated``) answer at once and run nothing, on this machine too: seconds
are of value only beside each other. 10,000 hosts want a limit of that many open files, and memory for both ends of each connection.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.load.fleet import ROOT, Fleet, content
from tests.load.probe import memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAMPLE = 0.25
"""Seconds between two looks at the workers."""
A_SERVER = 2000
"""Hosts that one process simulates."""
LIMIT = 1800.0
"""Seconds a run may take."""
MIB, KIB = 1 << 20, 1 << 10


@dataclass(slots=True)
class Taken:
    """By one run."""

    wall: float
    control_cpu: float
    workers_cpu: float
    control_memory: int
    workers_memory: int


@contextlib.contextmanager
def simulated(directory: Path, count: int) -> Iterator[Fleet]:
    """``count`` hosts, shared out over processes of their own."""
    processes, ports, known = [], [], []
    try:
        for _ in range(1 + (count - 1) // A_SERVER):
            words = [sys.executable, "-m", "tests.load.simulated"]
            processes.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT))
        for process in processes:
            assert process.stdout is not None
            served = json.loads(process.stdout.readline())
            ports += served["ports"]
            known += [f"[127.0.0.1]:{port} {served['key']}\n" for port in served["ports"]]
        (directory / "known_hosts").write_text("".join(known))
        variables = {
            "ansible_host": "127.0.0.1", "ansible_user": "ada", "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={directory}/known_hosts",
        }  # fmt: skip
        yield Fleet(directory, variables, {f"h{n}": {"ansible_port": ports[n % len(ports)]} for n in range(count)})
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def measure(pcs: Fleet, count: int, tasks: int, workers: int) -> Taken:
    """One run of ``tasks`` commands on ``count`` hosts."""
    task = {"name": "A command", "ansible.builtin.command": "true", "changed_when": False}
    began = time.monotonic()
    run = pcs.start(count, pcs.playbook("commands", [task] * tasks), "--workers", str(workers))
    most = {"memory": 0.0, "cpu": 0.0}
    try:
        while run.process.poll() is None:
            _look(run.process.pid, most)
            assert time.monotonic() - began < LIMIT, run.said()
            time.sleep(SAMPLE)
    finally:
        run.process.kill()
    assert run.process.returncode == 0, run.said()
    report = run.reported()
    return Taken(time.monotonic() - began, report["cpu"], most["cpu"], report["memory"], int(most["memory"]))


def _look(control: int, most: dict[str, float]) -> None:
    """The workers of a run now: each figure's highest sum stays."""
    found = {"memory": 0.0, "cpu": 0.0}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and b"hotdesk.workers" in content(name, "cmdline").split(b"\0"):
            fields = content(name, "stat").rpartition(b")")[2].split()
            if fields and int(fields[1]) == control:
                with contextlib.suppress(OSError):
                    found["memory"] += memory(name, "VmRSS")
                found["cpu"] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    for name, value in found.items():
        most[name] = max(most[name], value)


HEAD = """\
              | control process: CPU s       CPU ms            |         workers: CPU s       CPU ms            |     wall s
hosts workers | 1 task    all   a host  a task  KiB a host | 1 task    all   a host  a task  KiB a host | 1 task    all"""
"""A host: its login and its first task. A task: each further one, on one host."""


def line(count: int, workers: int, tasks: int, one: Taken, many: Taken, base: tuple[Taken, Taken]) -> str:
    """``base``: what control process and workers take with next to no hosts, for one task and for all."""
    ours = _part(count, tasks, [(each.control_cpu, each.control_memory) for each in (base[0], one, base[1], many)])
    theirs = _part(count, tasks, [(each.workers_cpu, each.workers_memory) for each in (base[0], one, base[1], many)])
    return f"{count:>5} {workers:>7} | {ours} | {theirs} | {one.wall:>6.1f} {many.wall:>6.1f}"


def _part(count: int, tasks: int, taken: Sequence[tuple[float, int]]) -> str:
    """Of (CPU seconds, bytes): of next to no hosts and of all, with one task; the same with all tasks."""
    (none, _), (one, _), (_, little), (many, most) = taken
    a_task = max(0.0, many - one) / count / (tasks - 1) * 1000 if tasks > 1 else 0.0
    return f"{one:>6.2f} {many:>6.2f} {(one - none) / count * 1000:>8.2f} {a_task:>7.3f} {(most - little) / count / KIB:>11.0f}"


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> list[tuple[int, int, Taken, Taken]]:
    """Measure and print; the figures: hosts, workers, with one task and with all."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.scale")
    parser.add_argument("--hosts", type=_numbers, default=[100, 500], help="comma-separated, up to 10000 and more")
    parser.add_argument("--workers", type=_numbers, default=[0, 1, 2])
    parser.add_argument("--tasks", type=int, default=20)
    given = parser.parse_args(arguments)
    print(
        f"{time.strftime('%Y-%m-%d')}  Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n{HEAD}"
    )
    figures: list[Any] = []
    for workers in given.workers:
        base: tuple[Taken, Taken] | None = None
        for count in [1, *given.hosts]:
            with tempfile.TemporaryDirectory(prefix="hotdesk-scale-") as name, simulated(Path(name), count) as pcs:
                one, many = measure(pcs, count, 1, workers), measure(pcs, count, given.tasks, workers)
            if base is None:
                base = one, many
                continue
            print(line(count, workers, given.tasks, one, many, base), flush=True)
            figures.append((count, workers, one, many))
    return figures


if __name__ == "__main__":
    main()
