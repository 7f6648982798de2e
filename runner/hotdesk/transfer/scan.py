"""Runs on a PC, in its agent: looks through a tree before it is mirrored. Standard library only, Python 3.8 or newer."""

# ruff: noqa: PTH118, PTH123, UP035

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generator


def look(
    root: str, wanted: bytes, one_file_system: bool = False, owner: int | None = None, report_every: int = 20000
) -> Generator[int, None, dict[str, Any]]:
    """Find the files named ``wanted`` (bytes) below ``root``, and, with ``owner`` (a uid), entries that belong to somebody else.

    A generator: yields the number of entries seen now and then, so that nobody thinks it hangs. Returns a dict: ``filters``
    (directory relative to root -> content), ``foreign`` (how many entries are not ``owner``'s) and ``example`` (one of them),
    ``devices`` (how many device nodes), ``entries``. A directory that cannot be read is left to rsync, which fails on it unless a
    rule leaves it out. OSError when ``root`` itself cannot be read.
    """
    top = os.fsencode(root)
    device = os.lstat(top).st_dev
    found: dict[str, Any] = {"filters": [], "foreign": 0, "example": None, "devices": 0, "entries": 0}
    os.scandir(top).close()
    waiting = [b""]
    since = 0
    while waiting:
        directory = waiting.pop()
        try:
            entries = list(os.scandir(os.path.join(top, directory)))
        except OSError:
            continue
        since += len(entries)
        found["entries"] += len(entries)
        for entry in entries:
            if entry.name == wanted and entry.is_file(follow_symlinks=False):
                with open(entry.path, "rb") as file:
                    found["filters"].append([directory, file.read(1 << 20)])
            if owner is not None:
                _owned(entry, directory, found, owner)
            if entry.is_dir(follow_symlinks=False) and not (one_file_system and _elsewhere(entry, device)):
                waiting.append(os.path.join(directory, entry.name))
        if since >= report_every:
            since = 0
            yield found["entries"]
    return found


def _owned(entry: os.DirEntry[bytes], directory: bytes, found: dict[str, Any], owner: int) -> None:
    try:
        state = entry.stat(follow_symlinks=False)
    except OSError:
        return
    if state.st_uid != owner:
        found["foreign"] += 1
        found["example"] = found["example"] or os.path.join(directory, entry.name)
    if state.st_mode & 0o170000 in (0o020000, 0o060000):
        found["devices"] += 1


def _elsewhere(entry: os.DirEntry[bytes], device: int) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_dev != device
    except OSError:
        return False
