"""Two PCs whose root is a real btrfs, for the tests of what works with snapshots; and how they are looked at from outside."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.lab import Lab, Options
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import HOTDESK, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC

STORE = ".hotdesk-snapshots"
GROUP = pytest.mark.xdist_group("btrfs")
"""One pair of PCs for all of these tests."""


@pytest.fixture(scope="module")
def btrfs(whole_lab: Lab) -> Iterator[Lab]:
    """pc6 and pc7, with ``@`` and ``@home`` each."""
    need(missing({"debootstrap": "debootstrap", "mkfs.btrfs": "btrfs-progs"}))
    try:
        yield Lab.up(2, Options(disk="btrfs", size="1500m", base="debian"), first=6)
    finally:
        Lab.down("pc6", "pc7")


@pytest.fixture
def desk(btrfs: Lab, tmp_path: Path) -> Desk:
    """No snapshots anywhere; pc6 is the source."""
    for pc in btrfs:
        if pc.init is None:
            pc.on()
            pc.wait_for_ssh()
        pc.run("rm", "-f", "/run/slow", "/run/waiting")
        script = f"for s in /mnt/{STORE}/*/* /mnt/{STORE}/*/*/* /mnt/{STORE}; do btrfs -q subvolume delete $s; done 2>/dev/null; true"
        top(pc, script)
        write(pc, "/home/ada/changed", "old\n")
        write(pc, "/etc/gone-soon", "kept\n")
        pc.run("rm", "-f", "/home/ada/added")
    desk = Desk(btrfs, tmp_path)
    desk.inventory(extra="hotdesk_source: pc6")
    return desk


def top(pc: PC, script: str) -> str:
    """Run a shell script with the top level of the PC's file system at /mnt, and leave no mount."""
    mounted = f"mount -o subvolid=5 $(findmnt -nvo SOURCE /) /mnt; {script}"
    return pc.run("unshare", "-m", "sh", "-c", mounted)


def write(pc: PC, path: str, text: str, mode: str = "644") -> None:
    pc.run("sh", "-c", f"cat >{path}; chmod {mode} {path}", stdin=text.encode())


def kept(pc: PC) -> list[str]:
    """Its snapshots as btrfs lists them: read-only subvolumes in the store."""
    lines = top(pc, "btrfs subvolume list -r /mnt").splitlines()
    return sorted(line.split(f"{STORE}/")[1] for line in lines if f" path {STORE}/" in line)


def hotdesk(desk: Desk, *argv: str) -> str:
    """A command of hotdesk over the desk's inventory; what it printed."""
    command = [str(HOTDESK), *argv, "-i", str(desk.directory / "inventory.yml")]
    done = subprocess.run(
        command, env=desk.environment, cwd=desk.directory, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def played(desk: Desk, tasks: str, *options: str, hosts: str = "pc7", name: str = "book") -> Any:
    done = desk.play(desk.playbook(tasks, hosts=hosts, head="become: true", name=name), *options)
    assert done.code == 0, done.stdout + done.stderr
    return done
