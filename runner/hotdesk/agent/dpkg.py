"""Is dpkg in the middle of something on this PC? What ``dpkg --audit`` would say, without starting it."""

from __future__ import annotations

import os

from hotdesk.agent import proc

HOME = "/var/lib/dpkg"
SETTLED = (b"installed", b"config-files", b"not-installed")
"""The states that a package stays in (dpkg(1)); in all others it waits for something."""


def unfinished(home: str = HOME) -> bool:
    """Records that were not put in order, or a package in between. False where there is no dpkg, or one at work."""
    if any(stat.name == b"dpkg" for stat in proc.processes().values()):
        return False
    try:
        if any(name.isdigit() for name in os.listdir(home + "/updates")):
            return True
    except OSError:
        return False
    lines = proc.read(home + "/status").split(b"\n")
    return any(line.startswith(b"Status: ") and line.split(b" ")[-1] not in SETTLED for line in lines)
