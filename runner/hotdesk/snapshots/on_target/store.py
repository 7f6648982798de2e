"""The snapshots of runs on a PC: made, listed, compared with what a run needs, and removed.

A set is what one run snapshotted at one moment in one file system: a directory ``RUN.before`` or ``RUN.after`` in the store, with one
read-only snapshot for each subvolume and, written last, ``set.json``. A set without that file is unfinished; the next work removes it.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import datetime, timezone
from typing import Any, Generator, Mapping, Sequence

from hotdesk.snapshots.on_target.btrfs import (
    STORE,
    Failed,
    btrfs_version,
    delete,
    free,
    is_subvolume,
    locked,
    mounts,
    nested,
    store_of,
    subvolumes,
    tool,
    unprotected,
    waiting,
    whole,
)

SET = re.compile(r"(?P<run>[A-Za-z0-9][A-Za-z0-9_-]*)\.(?P<phase>before|after)")
DESCRIPTION = "set.json"
UNIMPORTANT = ("var/lib/machines", "var/lib/portables", "var/lib/hotdesk")
"""Subvolumes within a root that programs make for themselves: that they are in no snapshot is not worth a warning."""
LAYERS = ("var/lib/docker/", "var/lib/containers/")
"""Where engines may keep each layer of an image in a subvolume: their folder is named once. Of images and containers that a run removed
the definitions come back by a snapshot, and the layers do not."""


def survey(wanted: Sequence[str] | None = None) -> dict[str, Any]:
    """What there is; changes nothing.

    ``version`` of btrfs-progs or None, ``root`` (are we), ``mounted`` subvolumes, ``unprotected`` places, ``waiting`` (places of subvolumes
    that were replaced), ``boot`` (its places that are not on btrfs), ``sets`` of all file systems, ``file_systems`` (device, free, size,
    mount), ``left_out`` (subvolumes within those wanted).
    """
    version, mounted = btrfs_version(), subvolumes()
    found: dict[str, Any] = {
        "version": version,
        "root": os.geteuid() == 0,
        "mounted": mounted,
        "unprotected": unprotected(wanted),
        "waiting": waiting(),
        "boot": [each["at"] for each in mounts() if each["at"].startswith("/boot") and each["kind"] != "btrfs"],
        "sets": [],
        "file_systems": [],
        "left_out": [],
    }
    if not found["root"] or version is None:
        return found
    for device, members in _by_device(mounted).items():
        with whole(device) as top:
            store = store_of(top)
            available, size = free(top)
            found["file_systems"].append(
                {"device": device, "free": available, "size": size, "mount": members[0]["mount"]}
            )
            found["sets"] += [] if store is None else sets(store, device)
            found["left_out"] += _left_out(top, [m for m in members if wanted is None or m["mount"] in wanted], members)
    return found


def _by_device(mounted: Sequence[Mapping[str, str]]) -> dict[str, list[Mapping[str, str]]]:
    numbers: dict[str, list[Mapping[str, str]]] = {}
    for each in mounted:
        numbers.setdefault(each["number"], []).append(each)
    return {members[0]["device"]: members for members in numbers.values()}


def _left_out(top: str, chosen: Sequence[Mapping[str, str]], mounted: Sequence[Mapping[str, str]]) -> list[str]:
    """Subvolumes within those chosen that nobody mounts by themselves: a snapshot has an empty directory there."""
    known = {each["path"] for each in mounted}
    out = set()
    for each in chosen:
        start = os.path.join(top, each["path"]).rstrip("/")
        for inner in nested(start):
            path = os.path.relpath(inner, top)
            below = os.path.relpath(inner, start)
            if path not in known and path.split("/")[0] != STORE and not below.startswith(UNIMPORTANT):
                out.add(os.path.join(each["mount"], os.path.dirname(below) if below.startswith(LAYERS) else below))
    return sorted(out)


def sets(store: str, device: str = "") -> list[dict[str, Any]]:
    """The sets in a store, oldest first; ``complete`` is False for what was interrupted."""
    out = []
    for name in os.listdir(store):
        parts = SET.fullmatch(name)
        if parts is None:
            continue
        described = _described(os.path.join(store, name)) or {}
        out.append({
            "run": parts["run"], "phase": parts["phase"], "device": device, "complete": bool(described), "made": described.get("made", ""),
            "at": float(described.get("at", 0.0)), "host": str(described.get("host", "")),
            "subvolumes": [dict(each) for each in described.get("subvolumes", ())],
        })  # fmt: skip
    return sorted(out, key=lambda one: (one["at"], one["run"], one["phase"]))


def _described(directory: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(directory, DESCRIPTION), encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return dict(found) if isinstance(found, dict) else None


def create(run: str, phase: str, wanted: Sequence[str], host: str) -> Generator[Any, None, Any]:
    """Snapshot the subvolumes mounted at ``wanted``; what this run has already made stays. One that fails undoes those of this call.

    Yields each as it is made; gives {"made": [mount...], "removed": [unfinished sets of others]}.
    """
    if not SET.fullmatch(run + "." + phase):
        raise Failed("%r cannot name snapshots" % run)
    mounted = [each for each in subvolumes() if each["mount"] in wanted]
    lacking = sorted(set(wanted) - {each["mount"] for each in mounted})
    if lacking:
        raise Failed("no btrfs subvolume is mounted at " + ", ".join(lacking))
    undo: list[tuple[str, list[str]]] = []
    result: dict[str, list[str]] = {"made": [], "removed": []}
    try:
        for device, members in _by_device(mounted).items():
            with whole(device) as top:
                store = store_of(top, make=True)
                assert store is not None
                with locked(store):
                    result["removed"] += sweep(store, keep=run)
                    made: list[str] = []
                    undo.append((device, made))
                    yield from _create_set(top, os.path.join(store, run + "." + phase), members, host, made)
                    result["made"] += made
    except BaseException:
        _undo(undo, run + "." + phase)
        raise
    return result


def _create_set(
    top: str, directory: str, members: Sequence[Mapping[str, str]], host: str, made: list[str]
) -> Generator[Any, None, Any]:
    described = _described(directory) or {}
    there = list(described.get("subvolumes", ()))
    os.makedirs(directory, mode=0o700, exist_ok=True)
    listed = {each["name"] for each in there}
    _remove_unlisted(directory, listed)  # of a process of ours that was killed
    for each in members:
        name = snapshot_name(each["path"])
        if name in listed:
            continue
        made.append(each["mount"])
        tool(["btrfs", "subvolume", "snapshot", "-r", os.path.join(top, each["path"]), os.path.join(directory, name)])
        there.append({"name": name, "path": each["path"], "mount": each["mount"]})
        yield each["mount"]
    if not made:
        return
    now = datetime.now(timezone.utc)
    described = {
        "at": described.get("at", now.timestamp()),
        "made": described.get("made", now.isoformat(timespec="seconds")),
        "host": host,
        "subvolumes": there,
    }
    write_json(os.path.join(directory, DESCRIPTION), described)


def snapshot_name(path: str) -> str:
    """A subvolume's path as one name; "%" is the top level."""
    return path.replace("%", "%25").replace("/", "%2F") or "%"


def write_json(path: str, value: Any) -> None:
    """Whole or not at all, also after a power cut."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _undo(made: Sequence[tuple[str, list[str]]], name: str) -> None:
    """What this call has made, in every file system."""
    for device, mounts_made in made:
        with whole(device) as top:
            store = store_of(top)
            if store is None or not mounts_made:
                continue
            directory = os.path.join(store, name)
            with locked(store):
                described = _described(directory)
                if described is None:
                    _remove_set(directory)
                    continue
                kept = [each for each in described["subvolumes"] if each["mount"] not in mounts_made]
                if kept:
                    write_json(os.path.join(directory, DESCRIPTION), dict(described, subvolumes=kept))
                    _remove_unlisted(directory, {each["name"] for each in kept})
                else:
                    _remove_set(directory)


def sweep(store: str, keep: str = "") -> list[str]:
    """Remove unfinished sets, but for those of the run ``keep``. Only with the store locked: then nobody is making them."""
    gone = []
    for one in sets(store):
        name = one["run"] + "." + one["phase"]
        if not one["complete"] and one["run"] != keep:
            _remove_set(os.path.join(store, name))
            gone.append(name)
    return gone


def _remove_unlisted(directory: str, listed: set[str]) -> None:
    paths = [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if name not in listed]
    delete([path for path in paths if is_subvolume(path)])


def _remove_set(directory: str) -> None:
    """First its description: if we are stopped in the middle it is unfinished, never half of a complete one."""
    for name in (DESCRIPTION, DESCRIPTION + ".new"):
        try:
            os.unlink(os.path.join(directory, name))
        except FileNotFoundError:
            pass
    if os.path.isdir(directory):
        _remove_unlisted(directory, set())
        os.rmdir(directory)


def retired(found: Sequence[Mapping[str, Any]], *, keep: int, days: float, current: str, now: float) -> list[str]:
    """The runs whose snapshots are beyond ``keep`` in number (the current one counts) or older than ``days``, oldest first; 0: no limit.

    The newest run and the current one always stay.
    """
    newest: dict[str, float] = {}
    for one in found:
        newest[one["run"]] = max(newest.get(one["run"], 0.0), one["at"])
    order = sorted(newest, key=lambda run: (run == current, newest[run], run))
    gone = {run for run in order[:-keep]} if keep else set()
    gone |= {run for run in order if days and now - newest[run] > days * 86400}
    return [run for run in order[:-1] if run in gone]


def prune(runs: Sequence[str], keep_free: Mapping[str, int], current: str) -> Generator[Any, None, Any]:
    """Remove the sets of ``runs``, then in each file system the oldest ones until it has ``keep_free[device]`` bytes free.

    Never the current run's, nor the newest. Yields each removed; gives {"removed": [run...], "short": [mount...]} (still less free than that).
    """
    result: dict[str, list[str]] = {"removed": [], "short": []}
    for device, members in _by_device(subvolumes()).items():
        with whole(device) as top:
            store = store_of(top)
            if store is None:
                continue
            with locked(store):
                sweep(store, keep=current)
                for run in runs:
                    yield from _remove_run(store, run, current, result)
                yield from _make_room(top, store, keep_free.get(device, 0), current, result)
                if free(top)[0] < keep_free.get(device, 0):
                    result["short"].append(members[0]["mount"])
    return result


def _make_room(
    top: str, store: str, wanted: int, current: str, result: dict[str, list[str]]
) -> Generator[Any, None, Any]:
    while wanted:
        settle(top)
        if free(top)[0] >= wanted:
            return
        oldest = retired(sets(store), keep=1, days=0, current=current, now=time.time())
        if not oldest:
            return
        yield from _remove_run(store, oldest[0], current, result)


def _remove_run(store: str, run: str, current: str, result: dict[str, list[str]]) -> Generator[Any, None, Any]:
    """Its sets, and what it had put aside (``replaced/NAME/RUN``), unless that is still mounted."""
    if run == current:
        return
    gone = []
    for phase in ("before", "after"):
        directory = os.path.join(store, run + "." + phase)
        if os.path.isdir(directory):
            _remove_set(directory)
            gone.append(run + "." + phase)
    used = {each["root"].strip("/") for each in mounts()}
    aside = os.path.join(store, "replaced")
    for name in os.listdir(aside) if os.path.isdir(aside) else ():
        place = os.path.join(aside, name, run)
        if is_subvolume(place) and os.path.join(STORE, "replaced", name, run) not in used:
            delete([place])
            gone.append("replaced/" + name + "/" + run)
    yield from gone
    if gone and run not in result["removed"]:
        result["removed"].append(run)


def settle(top: str) -> None:
    """Wait (a bounded time) until what was deleted is really free."""
    try:
        tool(["btrfs", "filesystem", "sync", top], 60.0)
        tool(["btrfs", "subvolume", "sync", top], 60.0)
    except Failed:
        return  # then the numbers are what they are
