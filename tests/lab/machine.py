"""This machine as the lab uses it: what the lab's things are called, where they are, and how commands are run."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_OF_WORKERS = 20


def _number() -> int:
    """This lab's, from ``LAB_NUMBER``; workers of pytest-xdist (``gw0``, ``gw1`` ...) count on from there, each its own PCs."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    return int(os.environ.get("LAB_NUMBER") or (FIRST_OF_WORKERS if worker else 0)) + int(worker or 0)


NUMBER = _number()
STATE = Path(f"/run/hotdesk-lab/{NUMBER}")
CACHE = Path("/var/cache/hotdesk-lab")
"""What is costly to make and the same for every lab: the Debian base. ``down`` leaves it."""
MARK = f"hdt{NUMBER}"
"""What the names of its network namespaces, links and mounts begin with."""
MARK_VARIABLE = "HOTDESK_LAB_PC"
"""In the environment of every process the lab itself starts, with ``MARK-pc1`` (or ``MARK-sw``) as value: what ``down`` finds after a crash."""
TOOLS = {
    "ip": "iproute2",
    "tc": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "sudo": "sudo",
    "rsync": "rsync",
    "setfacl": "acl",
    "setfattr": "attr",
}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class LabError(Exception):
    """The lab cannot do that here; the message says why."""


def missing(tools: dict[str, str] = TOOLS) -> str:
    """Why there can be no lab on this machine and what would change that; empty when there can be one.

    ``tools`` maps commands to the Debian packages that hold them.
    """
    if os.geteuid() != 0:
        return "the lab needs root: run 'sudo make lab-test'"
    packages = sorted({package for tool, package in tools.items() if not shutil.which(tool, path=PATH)})
    return f"the lab needs packages: apt install {' '.join(packages)}" if packages else ""


def run(*argv: str, stdin: str = "", check: bool = True, env: dict[str, str] | None = None) -> str:
    """Run a command here and return its output. Raises LabError with its stderr when it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, env=env)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)[:200]}: {(done.stderr.strip() or done.stdout.strip())[-2000:]}")
    return done.stdout


def until(true: Callable[[], object], limit: float, message: Callable[[], str]) -> None:
    """Wait until ``true()``. Raises LabError with ``message()`` after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while not true():
        if time.monotonic() > deadline:
            raise LabError(message())
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """It is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes() -> Iterator[Path]:
    """``/proc/PID`` of every process but the zombies."""
    return (entry for entry in Path("/proc").glob("[0-9]*") if alive(int(entry.name)))


def births() -> set[tuple[int, str]]:
    """(pid, start time) of every living process: a busy machine gives the pid alone to another process within seconds."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = entry.joinpath("stat").read_text().rpartition(")")[2].split()
            if words[0] != "Z":
                found.add((int(entry.name), words[19]))
    return found


def environ(pid: int) -> bytes:
    """The environment a process was started with; empty when it is gone or a kernel thread."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def started(name: str = "") -> list[int]:
    """Pids of what a lab of this number started and still runs (or of one PC): first processes of PCs, boots under way, relays."""
    mark = f"\0{MARK_VARIABLE}={MARK}-{name}".encode() + b"\0" * bool(name)
    return [pid for pid in (int(entry.name) for entry in processes()) if mark in b"\0" + environ(pid)]
