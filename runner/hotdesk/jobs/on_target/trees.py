"""What lies below a folder, by path. Standard library only, Python 3.8 or newer."""

from __future__ import annotations

import os

from hotdesk.jobs.on_target.journal import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def states(top: str) -> dict[str, Any]:
    """Path below ``top`` -> ``journal.state_of``, of everything that is no folder and whose name is UTF-8. Nothing when there is no ``top``."""
    found: dict[str, Any] = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            below = os.path.relpath(path, top)
            try:
                below.encode()
                found[below] = state_of(path)
            except UnicodeEncodeError:
                continue
    return found
