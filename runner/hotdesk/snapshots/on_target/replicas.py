"""A subvolume that is sent from one PC to others: what each end has of it, what is staged, and how the new one takes its place.

In the store: ``sent/NAME/RUN`` on the source, and on a target ``received/NAME/RUN`` (read-only; a receive that was interrupted is not),
``staged/NAME/RUN`` for a moment, ``replaced/NAME/RUN`` what was there before. NAME is the subvolume's path on that PC as one name.
"""

from __future__ import annotations

import os
from typing import Any, Generator, Mapping

from hotdesk.snapshots.on_target.btrfs import (
    STORE,
    Failed,
    btrfs_version,
    by_number,
    delete,
    is_subvolume,
    libc,
    locked,
    mounts,
    nested,
    show,
    store_of,
    tool,
    whole,
)
from hotdesk.snapshots.on_target.differences import walk
from hotdesk.snapshots.on_target.store import snapshot_name

RENAME_EXCHANGE = 2


def describe(path: str) -> dict[str, Any]:
    """What is at ``path``; changes nothing. ``kind`` is subvolume, directory, empty, file or missing, ``btrfs`` whether its file system
    is, ``device``, ``path`` from the top level, ``mounted`` at it, ``by_id`` (fstab mounts it by subvolid), ``inner`` subvolumes,
    ``root`` (are we), ``version`` of btrfs-progs or None, ``parent`` (the directory above is there)."""
    mount = _mount_of(path)
    below = os.path.relpath(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)), mount["at"])
    inside = os.path.normpath(os.path.join(mount["root"], below)).strip("/")
    found: dict[str, Any] = {
        "kind": _what_is(path),
        "btrfs": mount["kind"] == "btrfs",
        "device": mount["device"],
        "path": "" if inside == "." else inside,
        "mounted": mount["at"] == path,
        "by_id": by_number(path, default=False),
        "version": btrfs_version(),
        "parent": os.path.isdir(os.path.dirname(path)),
        "inner": [],
        "root": os.geteuid() == 0,
    }
    if found["btrfs"] and found["kind"] == "subvolume" and found["root"]:
        with whole(found["device"]) as top:
            start = os.path.join(top, found["path"]).rstrip("/")
            found["inner"] = sorted(os.path.relpath(one, start) for one in nested(start) if STORE not in one.split("/"))
    return found


def _mount_of(path: str) -> dict[str, str]:
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    above = [one for one in mounts() if (real.rstrip("/") + "/").startswith(one["at"].rstrip("/") + "/")]
    return max(above, key=lambda one: len(one["at"]))


def _what_is(path: str) -> str:
    if os.path.islink(path) or (os.path.lexists(path) and not os.path.isdir(path)):
        return "file"
    if not os.path.isdir(path):
        return "missing"
    if is_subvolume(path):
        return "subvolume"
    try:
        return "directory" if os.listdir(path) else "empty"
    except PermissionError:
        return "directory"


def kept(device: str, path: str) -> dict[str, Any]:
    """The read-only snapshots of ``path`` that were sent from here or received here, newest first; changes nothing.

    ``snapshots``: ``place`` in the store, ``run``, ``uuid``, ``of`` (the same on every PC that has a copy: the uuid of the first), ``parent``.
    ``interrupted``: places of receives that were not finished. ``uuid`` and ``parent`` of what is at ``path`` now ("" if no subvolume).
    """
    with whole(device) as top:
        live = os.path.join(top, path)
        there = show(live) if is_subvolume(live) else {}
        found: dict[str, Any] = {
            "snapshots": [],
            "interrupted": [],
            "uuid": there.get("uuid", ""),
            "parent": there.get("parent", ""),
        }
        store = store_of(top)
        if store is None:
            return found
        ages = {}
        for folder in ("sent", "received"):
            for run, where in _subvolumes_in(os.path.join(store, folder, snapshot_name(path))):
                about, place = show(where), os.path.relpath(where, store)
                if about["ro"] and (about["received"] or folder == "sent"):
                    ages[place] = int(about["id"])
                    of = about["received"] or about["uuid"]
                    found["snapshots"].append(
                        {"place": place, "run": run, "uuid": about["uuid"], "of": of, "parent": about["parent"]}
                    )
                elif folder == "received":
                    found["interrupted"].append(place)
        found["snapshots"].sort(key=lambda one: -ages[one["place"]])
        return found


def _subvolumes_in(directory: str) -> list[tuple[str, str]]:
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [(name, os.path.join(directory, name)) for name in names if is_subvolume(os.path.join(directory, name))]


def changes(device: str, old: str, path: str, most: int) -> Generator[Any, None, dict[str, Any]]:
    """What differs between ``old`` (a place in the store) and the subvolume at ``path``, as ``differences.compare`` tells it."""
    count, batch = 0, []
    with whole(device) as top:
        for entry in walk(os.path.join(top, STORE, old), os.path.join(top, path), "/"):
            count += 1
            if count <= most:
                batch.append(entry)
            if len(batch) >= 200:
                yield batch
                batch = []
    if batch:
        yield batch
    return {"found": count, "compared": [path]}


def keep_for_sending(device: str, path: str, run: str) -> str:
    """Change, on the source: the snapshot of this run that goes to all targets; made by the first that asks. Gives its uuid."""
    with whole(device) as top:
        store = store_of(top, make=True)
        assert store is not None
        with locked(store):
            directory = os.path.join(store, "sent", snapshot_name(path))
            os.makedirs(directory, mode=0o700, exist_ok=True)
            place = os.path.join(directory, run)
            if not os.path.lexists(place):
                tool(["btrfs", "subvolume", "snapshot", "-r", os.path.join(top, path), place])
            tool(["btrfs", "filesystem", "sync", top])
            return show(place)["uuid"]


def make_ready(device: str, path: str) -> list[str]:
    """Change, on the target: the store is there, and what was interrupted is gone (that is returned) or finished."""
    with whole(device) as top:
        store = store_of(top, make=True)
        assert store is not None
        name = snapshot_name(path)
        with locked(store):
            for folder in ("received", "staged", "replaced"):
                os.makedirs(os.path.join(store, folder, name), mode=0o700, exist_ok=True)
            gone = []
            for run, where in _subvolumes_in(os.path.join(store, "received", name)):
                about = show(where)
                if not (about["ro"] and about["received"]):
                    delete([where])
                    gone.append("received " + run)
            return gone + finish_staged(store, name, os.path.join(top, path))


def finish_staged(store: str, name: str, live: str) -> list[str]:
    """What is staged for ``live``: what was there before (then it is put aside), or what was to take its place (removed, and returned).

    The kernel numbers subvolumes as they are made, so of the two the one that was made later is the new one.
    """
    gone = []
    newest = int(show(live)["id"]) if is_subvolume(live) else 0
    for run, staged in _subvolumes_in(os.path.join(store, "staged", name)):
        if int(show(staged)["id"]) < newest:
            _carry_over(staged, live)
            os.rename(staged, os.path.join(store, "replaced", name, run))
        else:
            delete([staged])
            gone.append("staged " + run)
    return gone


def _carry_over(old: str, new: str) -> None:
    """Subvolumes within the old one belong to no snapshot: they go to the same place in the new one, where that has an empty directory."""
    for inner in reversed(nested(old)):  # the outermost first, with what is in them
        place = os.path.join(new, os.path.relpath(inner, old))
        if is_subvolume(inner) and os.path.isdir(os.path.dirname(place)):
            try:
                if os.path.lexists(place):
                    os.rmdir(place)
            except OSError:
                continue  # something else is there now: it stays with the old one
            os.rename(inner, place)


def take_place(device: str, copy_of: str, path: str, run: str) -> str:
    """Change, on the target: a writable snapshot of ``copy_of`` (a place in the store) takes the place of ``path``, in one step.

    What was there is put aside as ``replaced/NAME/RUN``; gives that, or "" when there was nothing.
    """
    with whole(device) as top:
        store = store_of(top)
        if store is None:
            raise Failed("nothing was received")
        name, live = snapshot_name(path), os.path.join(top, path)
        with locked(store):
            copy, staged = os.path.join(store, copy_of), os.path.join(store, "staged", name, run)
            if not show(copy)["ro"]:
                raise Failed("%s is not whole" % copy_of)
            finish_staged(store, name, live)
            aside = os.path.join(store, "replaced", name, run)
            if is_subvolume(aside):  # an earlier task of this run
                delete([aside])
            tool(["btrfs", "subvolume", "snapshot", copy, staged])
            if os.path.isdir(live) and not is_subvolume(live):
                os.rmdir(live)  # empty: else it would have been refused
            if not os.path.lexists(live):
                os.rename(staged, live)
                return ""
            exchange(staged, live)
            finish_staged(store, name, live)
            return os.path.join("replaced", name, run)


def exchange(one: str, other: str) -> None:
    """Both change places at once (renameat2(2)): there is no moment with neither."""
    library, ctypes = libc()
    if library.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), other)


def tidy(device: str, path: str, keep: Mapping[str, int]) -> list[str]:
    """Change: of the snapshots of ``path`` in each folder (``sent``, ``received``, ``replaced``) only the newest stay, ``keep[folder]`` of them.

    Gives the removed.
    """
    gone: list[str] = []
    with whole(device) as top:
        store = store_of(top)
        if store is None:
            return []
        with locked(store):
            for folder, number in keep.items():
                found = [
                    (int(show(where)["id"]), where)
                    for _, where in _subvolumes_in(os.path.join(store, folder, snapshot_name(path)))
                ]
                old = [where for _, where in sorted(found, reverse=True)[number:]]
                delete(old)
                gone += [os.path.relpath(where, store) for where in old]
    return gone
