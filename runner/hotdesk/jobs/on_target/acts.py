"""Acts on this PC that are undone when they do not come to their end. Python 3.8 or newer.

Each has a file, written before anything is touched, and locked as long as its process lives. A stop (TERM) undoes the act at once; what a
kill left, nobody has locked: the next act finds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time

from hotdesk.jobs.on_target.journal import sync

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

HEARTBEAT = 0.5
"""Seconds between two signs of life of a hold."""


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

    def leave(self) -> None:
        """It stays as a kill would leave it: the next act finds it."""
        os.close(self._fd)

    def over(self) -> None:
        os.unlink(self.path)
        os.close(self._fd)


def acts(root: str) -> dict[str, dict[str, Any]]:
    """Path -> what it says; nothing for one that was killed before it had touched anything."""
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


def killed(root: str) -> dict[str, dict[str, Any]]:
    """Those that nobody has locked."""
    out = {}
    for path, kept in acts(root).items():
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


def held(root: str, but: str) -> set[str]:
    """The ``ids`` of all acts but that of the file ``but``."""
    return {ident for path, one in acts(root).items() if path != but for ident in one.get("ids", ())}


def put_right(root: str, undo: Callable[[str, dict[str, Any]], None], kind: str = "") -> None:
    """For who has the place ``alone``: ``undo(path, kept)`` for each act (of that kind) that was killed after it had touched anything."""
    for path, kept in killed(root).items():
        if kept and kind not in ("", kept["kind"]):
            continue
        if kept:
            undo(path, kept)
        os.unlink(path)


def until_stopped(word: str) -> Iterator[str]:
    """What a hold gives while it holds: ``word``, and then signs of life, until TERM comes."""
    yield word
    while True:
        time.sleep(HEARTBEAT)
        yield "."
