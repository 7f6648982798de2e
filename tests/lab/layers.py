"""What a PC's root file system is made of: a base, which is this machine's own root or a small Debian, and a layer with the lab's users on top.

This machine's root costs nothing and brings every tool the tests need, so it is what a PC gets unless told otherwise. It is no base for a
PC with systemd, which would start this machine's own services, nor for a btrfs root, which is a copy: those get a Debian made by
debootstrap, once (about a minute), kept in CACHE.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab.machine import CACHE, STATE, LabError, missing, run

SUITE = "bookworm"
PACKAGES = "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,rsync,iproute2,procps,python3,ca-certificates,acl,attr,btrfs-progs,zstd,less"
USERS = Path(__file__).with_name("users.sh")


def base(name: str) -> Path:
    """The directory of a base, ``host`` or ``debian``; the latter is made when it is missing."""
    if name == "host":
        return Path("/")
    debian = CACHE / SUITE
    if not debian.exists():
        _bootstrap(debian)
    return debian


def layer(name: str) -> Path:
    """The layer with users, keys, sudoers and sshd's settings for a base; made once per lab."""
    directory = STATE / "layer" / name
    if not (directory / "made").exists():
        if not key().exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hotdesk-lab", "-f", str(key()))
        public = key().with_suffix(".pub").read_text().strip()
        environment = {**os.environ, "BASE": str(base(name)), "LAYER": str(directory), "KEY": public}
        run("unshare", "--mount", "bash", str(USERS), env=environment)
        (directory / "made").touch()
    return directory / "upper"


def key() -> Path:
    """The private key that opens every PC."""
    return STATE / "id"


def _bootstrap(target: Path) -> None:
    if reason := missing({"debootstrap": "debootstrap"}):
        raise LabError(reason)
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    mirrors = run("apt-get", "indextargets", "--format", "$(REPO_URI)", check=False).split()
    mirror = next(
        (uri for uri in mirrors if uri.startswith("http") and "security" not in uri), "http://deb.debian.org/debian"
    )
    run("nice", "debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(unfinished), mirror)
    for leftover in [*unfinished.glob("var/cache/apt/archives/*.deb"), *unfinished.glob("etc/ssh/ssh_host_*")]:
        leftover.unlink()
    unfinished.rename(target)
