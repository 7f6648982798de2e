"""What snaps a PC has. Reads only. Python 3.8 or newer."""

from __future__ import annotations

import os

from hotdesk.jobs.on_target.journal import state_of
from hotdesk.jobs.on_target.snap_api import SOCKET, ask
from hotdesk.jobs.on_target.snap_pause import PLACE, unfinished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILES = "/var/lib/snapd/snaps"


def describe(root: str = PLACE, socket: str = SOCKET) -> dict[str, Any]:
    """All that a sync looks at: ``version`` (of snapd), ``architecture``, ``snaps`` (name -> how it is), ``unfinished`` (what a kill left)."""
    system = ask("GET", "/v2/system-info", None, socket)
    return {
        "version": system["version"],
        "architecture": system.get("architecture") or os.uname().machine,
        "snaps": {one["name"]: _snap(one) for one in ask("GET", "/v2/snaps", None, socket)},
        "unfinished": unfinished(root),
    }


def _snap(one: dict[str, Any]) -> dict[str, Any]:
    """``mode`` is what it was installed with, which its own ``confinement`` asks for but does not decide."""
    confinement = one.get("confinement") or "strict"
    flags = [flag for flag in ("jailmode", "devmode") if one.get(flag)]
    return {
        "type": one.get("type") or "app",
        "base": one.get("base") or "",
        "revision": str(one["revision"]),
        "version": one.get("version") or "",
        "channel": one.get("tracking-channel") or "",
        "mode": flags[0] if flags else ("classic" if confinement == "classic" else "strict"),
        "hold": one.get("hold") or "",
        "active": one.get("status") == "active",
        "broken": one.get("broken") or "",
        "trying": bool(one.get("trymode")),
    }


def digests(names: list[str], folder: str = FILES) -> dict[str, list[Any]]:
    """``NAME_REVISION`` -> [path, sha256, bytes] of the file that snapd keeps of it, for those that there is one of."""
    found = {}
    for name in names:
        path = os.path.join(folder, name + ".snap")
        state = state_of(path)
        if state is not None and state[0] == "file":
            found[name] = [path, state[4], os.path.getsize(path)]
    return found
