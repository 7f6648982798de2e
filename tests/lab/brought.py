"""Programs of this machine for a PC that stands on the small Debian: the files of their packages, of what these need and of nothing it has.

Its package manager is told nothing of them, as of everything that is copied by hand: what apt sees on a PC is for the tests to say.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.lab.machine import missing, run
from tests.lab.needs import need

if TYPE_CHECKING:
    from tests.lab.pc import PC

NEEDED = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
SAYS = ("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n")
READING = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/")
TAR = 'tar -c -C / --no-recursion --null -T - | "$@" tar -x -C / --no-overwrite-dir'
DOCKER = """
mkdir -p /etc/docker
echo '{"storage-driver": "overlay2", "bridge": "none", "iptables": false, "ip-forward": false}' >/etc/docker/daemon.json
"""
"""Docker where nothing runs in it, so that it needs no network. On btrfs its own driver would make subvolumes, which are in no snapshot."""


def bring(pc: PC, *packages: str) -> None:
    """Put packages onto a PC. Skips the test where this machine does not have them itself."""
    need(missing({"dpkg": "dpkg", "apt-cache": "apt"}))
    ours = _installed(run(*SAYS))
    if absent := " ".join(sorted(set(packages) - ours)):
        need(f"not installed here: {absent} (apt install {absent})")
    told = run("apt-cache", "depends", "--recurse", "--installed", *NEEDED, *packages).splitlines()
    needed = {line.partition(":")[0] for line in told if not line.startswith((" ", "<"))}
    needed -= _installed(pc.run(*SAYS))
    paths = [path for path in run("dpkg", "-L", *sorted(needed & ours)).splitlines() if _wanted(path)]
    names = "\0".join(dict.fromkeys(path.lstrip("/") for path in paths)).encode()
    subprocess.run(["bash", "-o", "pipefail", "-c", TAR, "bash", *pc.enter()], input=names, check=True)


def _installed(said: str) -> set[str]:
    return {line.split()[0] for line in said.splitlines() if line.endswith(" installed")}


def _wanted(path: str) -> bool:
    """A file or directory that is there, and none of those at the very top, of which /lib and others are links."""
    return path.count("/") > 1 and not path.startswith(READING) and os.path.lexists(path)
