"""The journals of transactions on this PC: one folder each, with what is to be, what was, and how far it is. Python 3.8 or newer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import time
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

ROOT = "/var/lib/hotdesk/transactions"
KEPT = 100
"""Finished transactions that are kept for ``undo``; older ones go."""
PATIENCE = 30.0
"""Seconds to wait for another transaction on this PC."""


class Failed(Exception):
    """Said to the runner as it stands."""

    def __init__(self, msg: str, **data: Any) -> None:
        super().__init__(msg)
        self.msg, self.data = msg, data


def state_of(path: str) -> list[Any] | None:
    """What is at ``path``: [kind, mode, uid, gid, sha256 of the content or the link's text]; None: nothing."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found.st_mode):
        return ["link", 0, 0, 0, os.readlink(path)]
    if not stat.S_ISREG(found.st_mode):
        return ["other", stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, ""]
    return ["file", stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, _digest(path)]


def _digest(path: str) -> str:
    known = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            known.update(chunk)
    return known.hexdigest()


@contextmanager
def alone(root: str) -> Iterator[None]:
    """One transaction at a time on this PC, waited for ``PATIENCE`` seconds."""
    os.makedirs(root, 0o700, exist_ok=True)
    fd = os.open(os.path.join(root, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failed("another transaction has been under way here for {:g} seconds".format(PATIENCE))
                time.sleep(0.05)
        yield
    finally:
        os.close(fd)


def new(root: str, unit: str) -> str:
    name = "{:020d}-{}-{}".format(time.time_ns(), unit.strip("/").replace("/", "-"), os.urandom(3).hex())
    folder = os.path.join(root, name)
    os.mkdir(folder, 0o700)
    return folder


def folders(root: str) -> list[str]:
    """Oldest first."""
    try:
        return sorted(entry.path for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def read(folder: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(folder, "journal.json"), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (FileNotFoundError, ValueError):
        return None


def turn(folder: str, journal: dict[str, Any], state: str) -> None:
    """The journal's next state, on the disk when this returns."""
    journal["state"] = state
    path = os.path.join(folder, "journal.json")
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(journal, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)
    sync(folder)


def sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def shown(folder: str, journal: dict[str, Any]) -> dict[str, Any]:
    """For the runner: ``was`` is path -> what was there."""
    was = {kept["path"]: kept["old"] for kept in journal["items"]}
    return {"name": os.path.basename(folder), "unit": journal["unit"], "run": journal["run"], "was": was}


def prune(root: str) -> None:
    over = [folder for folder in folders(root) if (read(folder) or {}).get("state") in ("done", "undone")]
    for folder in over[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
