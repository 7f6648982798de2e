"""What is done to domains and their files in several steps, and is ended when a kill comes between. Python 3.8 or newer.

Each has its note (``acts.Act``). Two kinds: a *hold* (domains that are saved while their files are copied) is undone, so they run again; a
*put* (new files that take the place of old ones together) is completed, since all that is new is there by then.
"""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from hotdesk.jobs.on_target.acts import held, killed, put_right
from hotdesk.jobs.on_target.journal import Failed, alone, sync
from hotdesk.jobs.on_target.virsh import asked, virsh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PLACE = "/var/lib/hotdesk/libvirt"
READY = ".hotdesk-ready"
"""What the name of a whole new file ends in until it takes its place."""
PATIENCE_TO_START = 120.0
"""Seconds for what libvirt is doing with a domain to end, until it can be started."""
OFF = "shut off"


def unfinished(root: str = PLACE) -> list[str]:
    """What a kill left, in words. Reads only."""
    out = []
    for kept in filter(None, killed(root).values()):
        out.append(("resume {}" if kept["kind"] == "hold" else "put in place the disks of {}").format(_names(kept)))
    return sorted(out)


def resting(root: str = PLACE) -> set[str]:
    """Uuids of the domains that run again once that is undone. Reads only."""
    return {uuid for kept in killed(root).values() if kept.get("kind") == "hold" for uuid in kept["ids"]}


def waiting(root: str = PLACE) -> dict[str, str]:
    """Path -> the whole new file that is there once that is completed. Reads only."""
    puts = [kept for kept in killed(root).values() if kept.get("state") == "moving"]
    return {path: path + READY for kept in puts for path in kept["paths"] if os.path.exists(path + READY)}


def forgotten(root: str = PLACE) -> set[str]:
    """Uuids of the domains whose memory that was saved is gone then. Reads only."""
    return {uuid for kept in killed(root).values() if kept.get("state") == "moving" for uuid in kept["forget"]}


def _names(kept: dict[str, Any]) -> str:
    return ", ".join(kept["names"])


def recover(root: str = PLACE) -> list[str]:
    """Undo or complete that. Failed names what could not be."""
    said = unfinished(root)
    with alone(root):
        recover_here(root)
    return said


def recover_here(root: str) -> None:
    """For who has the place ``alone``. Files first: no domain may start on those that are about to be replaced."""
    put_right(root, lambda _path, kept: complete_put(kept), "put")
    put_right(root, lambda path, kept: let_go(root, path, kept), "hold")


def let_go(root: str, path: str, kept: dict[str, Any]) -> None:
    """The domains of a hold run again, but for those that another hold needs still.

    All at once: who is stopped has seconds for it, and a start that libvirt has been asked for comes to its end without us.
    """
    others = held(root, path)
    uuids = [uuid for uuid in reversed(kept["ids"]) if uuid not in others]
    if uuids:
        with ThreadPoolExecutor(len(uuids)) as pool:
            list(pool.map(_start, uuids))


def _start(uuid: str) -> None:
    """From what was saved, if it still is. What runs is left; a save that is under way is broken off."""
    deadline = time.monotonic() + PATIENCE_TO_START
    while True:
        state = asked("domstate", uuid)
        if state in ("", OFF):
            break
        if "None" in asked("domjobinfo", uuid):
            return
        asked("domjobabort", uuid)
        if time.monotonic() > deadline:
            raise Failed("the domain {} does not come to rest".format(asked("domname", uuid)))
        time.sleep(0.5)
    if state:
        virsh("start", uuid)


def complete_put(kept: dict[str, Any]) -> None:
    """All new files in their places, or, when it had not come to that, none, and they are gone."""
    if kept["state"] == "gathering":
        for path in kept["paths"]:
            if os.path.exists(path + READY):
                os.unlink(path + READY)
        return
    for uuid in kept["forget"]:  # before the disks, or what it remembers would be written to new ones
        asked("managedsave-remove", uuid)
        if re.search(r"^Managed save: +yes", asked("dominfo", uuid), re.M):
            raise Failed("what {} has in memory cannot be removed: its disks stay".format(asked("domname", uuid)))
    for path in kept["paths"]:
        if os.path.exists(path + READY):
            os.replace(path + READY, path)
            if os.path.exists(path + READY):  # rename(2) leaves both where they are one file already
                os.unlink(path + READY)
            sync(os.path.dirname(path))
