"""What differs between a run's snapshots and those it made later, or what is there now."""

from __future__ import annotations

import os
import stat
from typing import Any, Generator, Iterator

from hotdesk.snapshots.on_target.btrfs import ROOT_INODE, Failed, store_of, subvolumes, whole
from hotdesk.snapshots.on_target.store import sets, snapshot_name

BATCH = 200
"""Differences in one item of the answer."""


def compare(run: str, until: str, below: str, most: int) -> Generator[Any, None, Any]:
    """From a run's snapshots before it to those after it (``until`` "after") or to what is there (``until`` "now"), below a path.

    Yields lists of [mark, path, detail]: "+" is new, "-" is gone, "*" has other content, "." other mode, owner or target. Gives
    {"found": number of differences, "compared": [mount...]}; the first ``most`` are told.
    """
    told: list[list[str]] = []
    result: dict[str, Any] = {"found": 0, "compared": []}
    for device in sorted({each["device"] for each in subvolumes()}):
        with whole(device) as top:
            store = store_of(top)
            mine = [] if store is None else [one for one in sets(store) if one["run"] == run and one["complete"]]
            for one in mine:
                if one["phase"] != "before":
                    continue
                for each in one["subvolumes"]:
                    assert store is not None
                    old = os.path.join(store, run + ".before", each["name"])
                    name = snapshot_name(each["path"])
                    new = (
                        os.path.join(store, run + ".after", name)
                        if until == "after"
                        else os.path.join(top, each["path"])
                    )
                    if not os.path.isdir(new):
                        continue
                    start = _start(each["mount"], below)
                    if start is None:
                        continue
                    result["compared"].append(each["mount"])
                    for entry in walk(
                        os.path.join(old, start), os.path.join(new, start), os.path.join(each["mount"], start)
                    ):
                        result["found"] += 1
                        if result["found"] <= most:
                            told.append(entry)
                        if len(told) >= BATCH:
                            yield told
                            told = []
    if not result["compared"]:
        raise Failed("there is nothing of %s to compare%s" % (run, "" if below == "/" else " below " + below))
    if told:
        yield told
    return result


def _start(mount: str, below: str) -> str | None:
    """Where in a subvolume to begin; None: it does not touch ``below``."""
    mount_slash, below_slash = mount.rstrip("/") + "/", below.rstrip("/") + "/"
    if below_slash.startswith(mount_slash):
        return below_slash[len(mount_slash) :].rstrip("/")
    return "" if mount_slash.startswith(below_slash) else None


def _entries(path: str) -> dict[str, os.stat_result]:
    found: dict[str, os.stat_result] = {}
    try:
        with os.scandir(path) as listing:
            for entry in listing:
                found[entry.name] = entry.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return found


def walk(old: str, new: str, shown: str) -> Iterator[list[str]]:
    """Differences below two directories, without going into other subvolumes. Not recursive: trees are deep."""
    todo = [(old, new, shown)]
    while todo:
        before, after, place = todo.pop()
        left, right = _entries(before), _entries(after)
        inner: list[tuple[str, str, str]] = []
        for name in sorted(left.keys() | right.keys()):
            a, b, path = left.get(name), right.get(name), os.path.join(place, name)
            if _other_subvolume(a) and _other_subvolume(b):
                continue
            mark, detail = _judge(a, b)
            if mark:
                yield [mark, path, detail]
            if (a and _is_tree(a)) or (b and _is_tree(b)):
                inner.append((os.path.join(before, name), os.path.join(after, name), path))
        todo += reversed(inner)


def _is_tree(state: os.stat_result) -> bool:
    return stat.S_ISDIR(state.st_mode) and not _other_subvolume(state)


def _other_subvolume(state: os.stat_result | None) -> bool:
    """The root of a subvolume, or (inode 2) the empty directory that a snapshot has in its place."""
    return state is None or (stat.S_ISDIR(state.st_mode) and state.st_ino in (2, ROOT_INODE))


def _judge(a: os.stat_result | None, b: os.stat_result | None) -> tuple[str, str]:
    if a is None or b is None:
        return ("+" if a is None else "-"), ""
    if stat.S_IFMT(a.st_mode) != stat.S_IFMT(b.st_mode):
        return "*", "%s -> %s" % (_kind(a), _kind(b))
    if stat.S_ISREG(a.st_mode) and (a.st_size, a.st_mtime_ns) != (b.st_size, b.st_mtime_ns):
        return "*", "%d -> %d bytes" % (a.st_size, b.st_size)
    if stat.S_ISLNK(a.st_mode) and (a.st_ino, a.st_mtime_ns) != (b.st_ino, b.st_mtime_ns):
        return ".", "link"
    changes = []
    if a.st_mode != b.st_mode:
        changes.append("mode %o -> %o" % (stat.S_IMODE(a.st_mode), stat.S_IMODE(b.st_mode)))
    if (a.st_uid, a.st_gid) != (b.st_uid, b.st_gid):
        changes.append("owner %d:%d -> %d:%d" % (a.st_uid, a.st_gid, b.st_uid, b.st_gid))
    return ("." if changes else ""), ", ".join(changes)


def _kind(state: os.stat_result) -> str:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(state.st_mode), "special file")
