"""Bring subvolumes back to what a run's snapshots say: a writable snapshot of each takes its place, and what was there is put aside."""

from __future__ import annotations

import os
from typing import Any, Generator, Mapping, Sequence

from hotdesk.snapshots.on_target.btrfs import (
    Failed,
    by_number,
    is_subvolume,
    locked,
    nested,
    show,
    store_of,
    tool,
    whole,
)
from hotdesk.snapshots.on_target.replicas import exchange, finish_staged
from hotdesk.snapshots.on_target.store import sets, snapshot_name


def restore(device: str, run: str, paths: Sequence[str], this_run: str) -> Generator[Any, None, dict[str, Any]]:
    """Change: each of ``paths`` (from the top level) as it was before ``run``. What was there is ``replaced/NAME/THIS_RUN``.

    One subvolume after the other, each in one step. Subvolumes within the old one go over to the new one. Yields each path;
    gives {"restored": [path...], "left": [subvolumes within that have no place in the new one]}.
    """
    result: dict[str, Any] = {"restored": [], "left": []}
    with whole(device) as top:
        store = store_of(top)
        if store is None:
            raise Failed("there are no snapshots")
        with locked(store):
            for path in paths:
                _restore_one(top, store, run, path, this_run, result)
                yield path
            tool(["btrfs", "filesystem", "sync", top])
    return result


def _restore_one(top: str, store: str, run: str, path: str, this_run: str, result: dict[str, Any]) -> None:
    name = snapshot_name(path)
    old, live = os.path.join(store, run + ".before", name), os.path.join(top, path)
    if not path or not is_subvolume(live):
        raise Failed("%s is no subvolume that can be replaced" % (path or "the top level"))
    for folder in ("staged", "replaced"):
        os.makedirs(os.path.join(store, folder, name), mode=0o700, exist_ok=True)
    finish_staged(store, name, live)
    aside = os.path.join(store, "replaced", name, this_run)
    if not is_subvolume(aside):
        staged = os.path.join(store, "staged", name, this_run)
        tool(["btrfs", "subvolume", "snapshot", old, staged])
        exchange(staged, live)
        finish_staged(store, name, live)
    result["restored"].append(path)
    result["left"] += [os.path.relpath(one, top) for one in nested(aside)]


def fixed(device: str, members: Mapping[str, str]) -> list[str]:
    """Of ``members`` (path -> where it is mounted) those mounted places that the next boot finds by number; changes nothing."""
    with whole(device) as top:
        words = tool(["btrfs", "subvolume", "get-default", top]).split()
        default = words[1] if words[:1] == ["ID"] else ""
        places = {path: os.path.join(top, path) for path in members}
        return [
            members[path]
            for path, live in places.items()
            if is_subvolume(live) and by_number(members[path], show(live)["id"] == default)
        ]


def made_from(device: str, paths: Sequence[str]) -> dict[str, str]:
    """Of which snapshot (uuid) each path is made now; changes nothing."""
    with whole(device) as top:
        places = {path: os.path.join(top, path) for path in paths}
        return {path: show(live)["parent"] for path, live in places.items() if is_subvolume(live)}


def before(device: str, run: str) -> Mapping[str, str]:
    """Path -> uuid of the snapshots before a run; changes nothing."""
    with whole(device) as top:
        store = store_of(top)
        found = [] if store is None else [one for one in sets(store) if one["run"] == run and one["phase"] == "before"]
        return {
            each["path"]: show(os.path.join(top, store or "", run + ".before", each["name"]))["uuid"]
            for one in found
            if one["complete"]
            for each in one["subvolumes"]
        }
