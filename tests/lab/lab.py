"""Whole PCs on one Linux machine, made of namespaces: own network, processes, host name, disk of limited size and OpenSSH sshd.

Needs root, and iproute2, util-linux, openssh-server, sudo and rsync on this machine. No container engine, no VM. Users on each PC:
``ada`` (sudo without password), ``bob`` (sudo with the password ``bob-pw``), root by key; all with the lab's key.
Everything lives below STATE and carries MARK; ``down`` finds and removes it, also after a crash.
Several labs can stand side by side, each with its own number in ``LAB_NUMBER`` (0 to 99; 0 unless told), which gives it its own network.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import cgroups, disks, layers, network
from tests.lab.machine import MARK, NUMBER, STATE, LabError, missing, run, started, until
from tests.lab.network import GATEWAY, NETWORK, SWITCH
from tests.lab.options import Options
from tests.lab.pc import PC

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "GATEWAY",
    "MARK",
    "NETWORK",
    "NUMBER",
    "PC",
    "STATE",
    "SWITCH",
    "Lab",
    "LabError",
    "Options",
    "leftovers",
    "missing",
]


class Lab:
    """The PCs that there are, by name."""

    def __init__(self, pcs: Sequence[PC]) -> None:
        self.pcs = {pc.name: pc for pc in pcs}

    def __getitem__(self, name: str) -> PC:
        return self.pcs[name]

    def __iter__(self) -> Iterator[PC]:
        return iter(self.pcs.values())

    @property
    def key(self) -> Path:
        return layers.key()

    @property
    def known_hosts(self) -> Path:
        return STATE / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        return STATE / "ssh_config"

    @classmethod
    def up(cls, count: int, options: Options | None = None, *, first: int = 1) -> Lab:
        """Start ``count`` PCs from pc``first`` on, made as ``options`` say; those that are up already stay. Raises LabError."""
        chosen = (options or Options()).checked()
        if reason := missing():
            raise LabError(reason)
        with _locked():
            STATE.mkdir(parents=True, exist_ok=True)
            if not STATE.is_mount():
                run("mount", "-t", "tmpfs", "-o", "mode=755,size=90%", "hotdesk-lab", str(STATE))
            layers.layer(chosen.base)
            network.make_switch()
            pcs = [PC(f"pc{number}") for number in range(first, first + count)]
            for pc in pcs:
                pc.make(chosen)
            for pc in pcs:
                pc.wait_for_ssh()
            cls.found().write_ssh_files()
            return cls(pcs)

    @classmethod
    def found(cls) -> Lab:
        """The lab as it stands."""
        return cls(sorted((PC(path.name) for path in (STATE / "pc").glob("pc*")), key=lambda pc: pc.number))

    @classmethod
    def down(cls, *names: str) -> None:
        """Remove the PCs named, or everything of the lab. Raises LabError naming what is left."""
        with _locked():
            lab = cls.found()
            if not names:
                _end_all()
            for name in names or lab.pcs:
                if name not in lab.pcs:
                    raise LabError(f"there is no {name}")
                lab[name].remove()
            if names:
                cls.found().write_ssh_files()
                return
            network.remove_switch()
            if STATE.is_mount():
                run("umount", "-l", str(STATE))
            with contextlib.suppress(FileNotFoundError):
                STATE.rmdir()
            # The kernel lets go of groups and loop devices a little after the last process.
            with contextlib.suppress(LabError):
                until(lambda: not cgroups.remaining() and not disks.loops(STATE), 10, lambda: "")
            if left := leftovers():
                raise LabError("left over: " + "; ".join(left))

    def write_ssh_files(self) -> None:
        """``ssh_config`` and ``known_hosts`` for every PC there is."""
        hosts, config = [], []
        for pc in self:
            if not (pc.directory / "hostkey.pub").exists():  # an up that was killed before its first boot
                continue
            key = " ".join((pc.directory / "hostkey.pub").read_text().split()[:2])
            hosts.append(f"{pc.name},{pc.address} {key}\n")
            config.append(f"Host {pc.name}\n  HostName {pc.address}\n  HostKeyAlias {pc.name}\n")
        config.append(
            f"Host *\n  User ada\n  IdentityFile {self.key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n"
            "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
        )
        self.known_hosts.write_text("".join(hosts))
        self.ssh_config.write_text("".join(config))


def leftovers() -> list[str]:
    """What there is of a lab of this number: processes, mounts, loop devices, network namespaces, links and control groups."""
    mounts = [
        line.split()[1]
        for line in Path("/proc/mounts").read_text().splitlines()
        if f"{STATE}/" in f"{line.split()[1]}/"
    ]
    links = [line.split()[0] for line in run("ip", "-br", "link").splitlines() if line.startswith(f"{MARK}-")]
    groups = [str(path) for path in cgroups.directories() if path.exists()]
    return [f"process {pid}" for pid in started()] + mounts + disks.loops(STATE) + network.spaces() + links + groups


def _end_all() -> None:
    """End all the lab has started, whatever is written about it. A PC whose first process is killed is gone as a whole."""
    for pid in started():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not started(), 10, lambda: f"processes that do not end: {started()}")


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    with Path(f"/run/hotdesk-lab.{NUMBER}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
