"""Where a PC's own hotdesk keeps what is this PC's alone: history, manifests, marks. Python 3.8 or newer."""

from __future__ import annotations

import os

OWN_FOLDER = "HOTDESK_LOCKS"  # set in the environment of an embedded PC: several of those are one machine


def own_path(name: str) -> str:
    """Of a file or directory there: root's is the PC's, everybody else has one at home."""
    own = os.environ.get(OWN_FOLDER)
    if own:
        return os.path.join(own, name)
    if os.geteuid() == 0:
        return os.path.join("/var/lib/hotdesk", name)
    return os.path.join(os.path.expanduser("~"), ".local/state/hotdesk", name)
