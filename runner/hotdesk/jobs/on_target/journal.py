"""The journals of transactions on this PC: one folder each, with what is to be, what was, and how far it is. Python 3.8 or newer.

Besides those of files there are notes: journals without files, which say by which commands something is undone, or which packages there
were. They are written before the change, so that a kill leaves one too.
"""

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
KEPT = 20
"""Runs whose finished transactions are kept for an undo."""
DAYS = 90
"""And no longer than that."""
BYTES = 256 << 20
"""And, but for the newest run's, no more than that."""
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
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as stream:
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


def note(unit: str, run: str, told: dict[str, Any], root: str = ROOT) -> str:
    """Keep what says how ``unit`` is undone: ``commands``, ``definitions`` or ``packages``. The journal's name, for ``complete``."""
    with alone(root):
        folder = new(root, unit)
        turn(folder, {"unit": unit, "run": run, "at": time.time(), "made": [], "items": [], **told}, "done")
        prune(root)
        return os.path.basename(folder)


def complete(name: str, told: dict[str, Any], root: str) -> None:
    """Add to a note what is only known after the change."""
    with alone(root):
        folder = os.path.join(root, os.path.basename(name))
        journal = read(folder)
        if journal is not None:
            turn(folder, {**journal, **told}, "done")


def prune(root: str) -> None:
    """Forget whole runs, the oldest first: what is too much, too old or too big. The newest run stays."""
    runs = {}  # type: dict[str, list[str]]
    for folder in reversed(folders(root)):
        journal = read(folder)
        if journal is not None and journal["state"] in ("done", "undone"):
            runs.setdefault(journal["run"], []).append(folder)
    size = 0
    for number, members in enumerate(runs.values()):
        size += sum(_size(folder) for folder in members)
        age = time.time() - os.stat(members[0]).st_mtime
        if number and (number >= KEPT or size > BYTES or age > DAYS * 86400):
            for folder in members:
                shutil.rmtree(folder, ignore_errors=True)


def _size(folder: str) -> int:
    """Bytes of the files in it."""
    return sum(os.lstat(os.path.join(top, name)).st_size for top, _, names in os.walk(folder) for name in names)
