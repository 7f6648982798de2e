"""A real kube-apiserver and its kubectl, which no package of Debian's has: built from its source package where the lab needs them, and kept.

``python -m tests.lab.kubernetes`` does it ahead of the tests: minutes on an idle machine, and only in what time others leave.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from tests.lab.layers import base
from tests.lab.machine import CACHE, run

VERSION = "1.20.2"
"""What bookworm has."""
SCRIPT = Path(__file__).with_name("kubernetes.sh")


def binaries() -> Path:
    """The directory that they are in. Raises LabError when they cannot be built, mostly for want of a network."""
    place = CACHE / f"kubernetes-{VERSION}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "kubernetes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _build(place)
    return place


def _build(place: Path) -> None:
    room = CACHE / "kubernetes.unfinished"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    apart = ("nice", "-n", "19", "unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", str(SCRIPT))
    try:
        run(*apart, env={**os.environ, "BASE": str(base("debian")), "ROOM": str(room), "VERSION": VERSION})
        (room / "upper/usr/local/bin").rename(place)
    finally:
        shutil.rmtree(room, ignore_errors=True)


if __name__ == "__main__":
    print(binaries())
