"""Many PCs: whole ones of the lab, or as many names as wanted for one sshd on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.lab import Lab
from tests.lab.options import Options
from tests.load.probe import memory
from tests.sshd import sshd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Fleet:
    """PCs by name, and the directory where runs on them are written down."""

    directory: Path
    variables: dict[str, Any]
    hosts: dict[str, dict[str, Any]]

    def inventory(self, count: int) -> Path:
        """The first ``count`` of them."""
        path = self.directory / f"inventory-{count}.yml"
        chosen = dict(list(self.hosts.items())[:count])
        path.write_text(json.dumps({"all": {"vars": self.variables, "hosts": chosen}}))
        return path

    def playbook(self, name: str, tasks: Sequence[dict[str, Any]], **keywords: Any) -> Path:
        """One play over all hosts."""
        path = self.directory / f"{name}.yml"
        play = {"name": name, "hosts": "all", "gather_facts": False, **keywords, "tasks": list(tasks)}
        path.write_text(json.dumps([play]))
        return path

    def start(self, count: int, playbook: Path, *options: str) -> Run:
        """Start ``hotdesk play`` on the first ``count`` hosts, all of them at once."""
        report, output = self.directory / "report.json", self.directory / "output"
        report.unlink(missing_ok=True)
        words = ["play", "-i", str(self.inventory(count)), "--forks", str(count), "--output", "plain"]
        words += ["--timeout", "60", *options]  # all the PCs share the processors of this machine
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOTDESK_")},
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "HOME": str(self.directory),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "ANSIBLE_CONFIG": os.devnull,
        }
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.load.measured", str(report), *words, str(playbook)],
                env=environment, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip
        return Run(process, report, output)

    def play(self, count: int, playbook: Path, *options: str, limit: float = 300.0) -> dict[str, Any]:
        """Run to the end, which must be a success; what the process reports on itself."""
        run = self.start(count, playbook, *options)
        try:
            code = run.process.wait(limit)
        finally:
            run.process.kill()
        assert code == 0, run.said()
        return run.reported()


@dataclass(frozen=True, slots=True)
class Run:
    """One ``hotdesk play`` under way or over."""

    process: subprocess.Popen[bytes]
    report: Path
    output: Path

    def said(self) -> str:
        return self.output.read_text(errors="replace")[-3000:]

    def reported(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.report.read_text())
        return found


@asynccontextmanager
async def names(directory: Path, count: int, *options: str) -> AsyncIterator[Fleet]:
    """One sshd of our own user under ``count`` names; ``options``: lines of sshd_config."""
    async with sshd(directory / "sshd", *options) as server:
        variables = {
            **server.variables(),
            "ansible_python_interpreter": sys.executable,
        }
        yield Fleet(directory, variables, {f"h{number}": {} for number in range(1, count + 1)})


def lab(directory: Path, count: int) -> Fleet:
    """As many whole PCs; they stay until ``Lab.down``."""
    pcs = Lab.up(count, Options(size="64m"))
    variables = {
        "ansible_user": "ada",
        "ansible_ssh_private_key_file": str(pcs.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={pcs.known_hosts}",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    return Fleet(directory, variables, {pc.name: {"ansible_host": pc.address} for pc in pcs})


def carrying(text: str, where: str = "environ") -> list[int]:
    """Living processes of this machine, in whatever namespace, with ``text`` in their environment (or ``cmdline``)."""
    found, wanted = [], text.encode()
    for name in os.listdir("/proc"):  # noqa: PTH208 - thousands of them, several times a second
        if name.isdigit() and wanted in content(name, where):
            found.append(int(name))
    return found


def content(pid: int | str, name: str) -> bytes:
    """A file of /proc/PID; empty when the process is gone."""
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""


def run_of(pid: int) -> str:
    """``HOTDESK_RUN=ID`` out of the environment of a process that a run has started."""
    return next(word.decode() for word in content(pid, "environ").split(b"\0") if word.startswith(b"HOTDESK_RUN="))


def agents(run: str) -> list[int]:
    """Resident bytes of each agent of a run (``HOTDESK_RUN=ID``), smallest first."""
    sizes = []
    for pid in carrying(run):
        if b"sys.argv[2]" in content(pid, "cmdline"):
            with contextlib.suppress(OSError):
                sizes.append(memory(pid, "VmRSS"))
    return sorted(sizes)
