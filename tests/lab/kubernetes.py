"""A real kube-apiserver and its kubectl, which no package of Debian's has: built from its source package, and kept.

``python -m tests.lab.kubernetes`` does it, before the tests: minutes on an idle machine, and only in what time others leave.
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


PLACE = CACHE / f"kubernetes-{VERSION}"
"""Where they are."""


def missing() -> str:
    """Why they cannot be used here; empty when they can."""
    return (
        "" if PLACE.exists() else "there is no kube-apiserver: build it with 'python -m tests.lab.kubernetes' as root"
    )


def build() -> None:
    """Unless they are there. Raises LabError when it cannot be done, mostly for want of a network."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "kubernetes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not PLACE.exists():
            _build()


def _build() -> None:
    room = CACHE / "kubernetes.unfinished"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    apart = ("nice", "-n", "19", "unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", str(SCRIPT))
    try:
        run(*apart, env={**os.environ, "BASE": str(base("debian")), "ROOM": str(room), "VERSION": VERSION})
        (room / "upper/usr/local/bin").rename(PLACE)
    finally:
        shutil.rmtree(room, ignore_errors=True)


if __name__ == "__main__":
    build()
