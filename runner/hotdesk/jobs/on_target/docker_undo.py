"""What is done to containers only for a while, or in several steps, and is undone when it does not come to its end. Python 3.8 or newer.

Each such act has a file below ``ROOT``, written before anything is touched, and locked as long as its process lives. A stop (TERM) undoes
the act at once; what a kill left, nobody has locked: the next act or ``recover`` undoes it. Two kinds: a *hold* (containers that are paused
or stopped while their volumes are copied) and a *put* (a container that is made, maybe in another's place).
"""

from __future__ import annotations

import fcntl
import json
import os

from hotdesk.jobs.on_target.docker_api import ask, named
from hotdesk.jobs.on_target.journal import alone, sync

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PLACE = "/var/lib/hotdesk/docker"
BACK = {"pause": "unpause", "stop": "start"}
ASIDE = "-hotdesk-old"
"""What the name of a container ends in while another takes its place."""


class Act:
    """One act under way: ``kept`` is what its file says."""

    def __init__(self, root: str, kind: str, **kept: Any) -> None:
        self.path = os.path.join(root, "{}-{}.json".format(kind, os.urandom(6).hex()))
        self.kept: dict[str, Any] = {"kind": kind, **kept}
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self.note()

    def note(self, **more: Any) -> None:
        """Say more in its file; on the disk when this returns."""
        self.kept.update(more)
        os.pwrite(self._fd, json.dumps(self.kept).encode(), 0)  # what a longer one left behind it is not read
        os.fsync(self._fd)
        sync(os.path.dirname(self.path))

    def over(self) -> None:
        os.unlink(self.path)
        os.close(self._fd)


def unfinished(root: str = PLACE) -> list[str]:
    """What a kill left, in words. Reads only."""
    out = []
    for kept in filter(None, _left(root).values()):
        if kept["kind"] == "hold":
            out.append("{} {}".format(BACK[kept["verb"]], ", ".join(kept["names"])))
        else:
            out.append("put in place " + kept["name"])
    return sorted(out)


def recover(root: str = PLACE) -> list[str]:
    """Undo that. Failed names what could not be."""
    said = unfinished(root)
    with alone(root):
        recover_here(root)
    return said


def recover_here(root: str) -> None:
    """For who has the place ``alone``."""
    for path, kept in _left(root).items():
        if kept:
            (let_go if kept["kind"] == "hold" else take_back)(root, path, kept)
        os.unlink(path)


def let_go(root: str, path: str, kept: dict[str, Any]) -> None:
    """The containers of a hold run again, but for those that another hold needs still."""
    others = held(root, path)
    for ident in reversed(kept["ids"]):
        if ident not in others:
            # 304: it runs already; 404: it is gone; 409: it is not paused
            ask("POST", "/containers/{}/{}".format(ident, BACK[kept["verb"]]), fine=(404, 409))


def take_back(_root: str, _path: str, kept: dict[str, Any]) -> None:
    """A container that was not wholly put in place is gone, and the one it was to replace is back; one that was has its place for good."""
    if kept["state"] == "done":
        if kept["old"]:
            ask("DELETE", "/containers/" + kept["old"], fine=(404, 409), force=1)
        return
    new = ask("GET", "/containers/{}/json".format(named(kept["new"] or kept["temporary"])), fine=(404,))
    if new is not None and new["Id"] != kept["old"]:
        ask("DELETE", "/containers/" + new["Id"], fine=(404, 409), force=1)
    old = kept["old"] and ask("GET", "/containers/{}/json".format(kept["old"]), fine=(404,))
    if old:
        if old["Name"].lstrip("/") != kept["name"]:
            ask("POST", "/containers/{}/rename".format(kept["old"]), name=kept["name"])
        if kept["ran"]:
            ask("POST", "/containers/{}/start".format(kept["old"]))


def held(root: str, but: str) -> set[str]:
    """The containers of all holds but that of the file ``but``."""
    return {ident for path, one in _all(root).items() if path != but for ident in one.get("ids", ())}


def _all(root: str) -> dict[str, dict[str, Any]]:
    """Path -> what it says; nothing for one whose act was killed before it had touched anything."""
    found = {}
    try:
        paths = sorted(entry.path for entry in os.scandir(root) if entry.name.endswith(".json"))
    except FileNotFoundError:
        return {}
    for path in paths:
        try:
            with open(path, encoding="utf-8") as stream:
                found[path] = dict(json.JSONDecoder().raw_decode(stream.read())[0])
        except FileNotFoundError:
            continue
        except ValueError:
            found[path] = {}
    return found


def _left(root: str) -> dict[str, dict[str, Any]]:
    """Those that nobody has locked: their process was killed."""
    out = {}
    for path, kept in _all(root).items():
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            out[path] = kept
        except BlockingIOError:
            pass
        finally:
            os.close(fd)
    return out
