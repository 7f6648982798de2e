"""The files of domains: beside what the target has, by the blocks that differ, and then in its place."""

from __future__ import annotations

import os
import posixpath
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs.conflicts import SAID
from hotdesk.jobs.holding import holding
from hotdesk.jobs.libvirt_plan import FILES
from hotdesk.jobs.on_target import libvirt_acts, libvirt_state, libvirt_undo, manifest
from hotdesk.jobs.shipping import bundle
from hotdesk.transfer import Mirror
from hotdesk.transfer.filters import exactly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hotdesk.jobs.libvirt_plan import Disks
    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.transfer import JobTransfer


async def files_of(machine: Machine, paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is at these paths; those that are no files left out."""
    return dict(await machine.call(bundle(libvirt_state), "looks", list(paths), change=False, answers=FILES))


async def digests(machine: Machine, paths: Sequence[str]) -> dict[str, str]:
    """sha256 of what is in these files."""
    found: dict[str, str] = {}

    def take(item: Any) -> None:
        machine.heard()
        if isinstance(item, list) and len(item) == 2:
            found[str(item[0])] = str(item[1])

    await machine.call(bundle(libvirt_state), "digests", list(paths), change=False, on_item=take)
    return found


async def replace_files(
    source: Machine,
    target: Machine,
    transfer: JobTransfer,
    disks: Disks,
    was: Mapping[str, Any],
    state: Mapping[str, Any],
) -> None:
    """Change: the files of ``disks`` as on the source, together. ``was``: what the plan found at their paths; ``state``: the target's.

    Raises TaskError, and then all is as it was.
    """
    now = await files_of(source, disks.files)
    if lost := [path for path in disks.files if path not in now]:
        raise TaskError(f"{source.host} has no {lost[0]} any more")
    for folder in sorted({posixpath.dirname(path) for path in disks.files}):
        target.temporary(posixpath.join(folder, libvirt_acts.STAGE))
    sizes = {path: one["size"] for path, one in now.items()}
    stages = await target.call(bundle(libvirt_acts), "stage", disks.files, sizes, change=True, answers=[str])
    try:
        for path, stage in zip(disks.files, stages, strict=True):
            alike = was.get(path, {}).get("mtime") == now[path]["mtime"]
            await transfer(_one_file(path, stage, checksum=alike), change=True)
        kept = ("size", "mtime", "mode", "owner", "group")
        files = [
            {
                "path": path,
                "was": [was.get(path, {}).get(key) for key in kept[:2]],
                **{key: now[path][key] for key in kept},
            }
            for path in disks.files
        ]
        uuids = [one["uuid"] for name, one in sorted(state["domains"].items()) if name in {*disks.names, *disks.there}]
        forget = [state["domains"][name]["uuid"] for name in disks.there]
        await target.call(bundle(libvirt_acts), "put", files, disks.names, uuids, forget, change=True)
    finally:
        await target.call(bundle(libvirt_acts), "tidy", disks.files, change=True)


def _one_file(path: str, stage: str, *, checksum: bool) -> Mirror:
    """rsync sends the blocks that the staged one does not have, and leaves holes; what libvirt notes in attributes is each PC's own."""
    rules = (b"+ " + exactly(os.fsencode(posixpath.basename(path))), b"- *")
    return Mirror(
        path=posixpath.dirname(path), dest=stage, rules=rules, acls=False, xattrs=False, mkpath=False, checksum=checksum
    )


@asynccontextmanager
async def held(machine: Machine, uuids: Sequence[str]) -> AsyncIterator[None]:
    """For the body, these domains are saved, if they run. The PC starts them from that also when we cannot.

    Raises TaskError when one cannot be saved, or does not go on.
    """
    if not uuids:
        yield
        return
    async with holding(machine, libvirt_acts, "hold", list(uuids)):
        yield
    await machine.call(bundle(libvirt_undo), "recover", change=True, answers=[str])


# --- what somebody did with them on the target


async def became(target: Machine, paths: Sequence[str]) -> dict[str, str]:
    """Path -> how it was changed on the target since the last sync, for those that were."""
    out = {}
    for folder, names in _by_folder(paths).items():
        found = await target.call(
            bundle(manifest), "changed", folder, payload=_listed(names), change=False, answers=[str]
        )
        for name, word in zip(names, found, strict=True):
            if word in SAID:
                out[posixpath.join(folder, name)] = SAID[word]
    return out


async def remember(target: Machine, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Change: note those that are as on the source (``files``), for ``became`` of the next sync."""
    found = await files_of(target, sorted(files))
    there = [path for path, one in found.items() if all(one[key] == files[path][key] for key in ("size", "mtime"))]
    for folder, names in _by_folder(sorted(there)).items():
        args = (folder, target.link.run_id)
        await target.call(bundle(manifest), "keep", *args, payload=_listed(names), change=True, answers=int)


async def keep_beside(target: Machine, paths: Sequence[str]) -> None:
    """Change: copies of the target's versions, beside them."""
    for folder, names in _by_folder(paths).items():
        args = (folder, target.link.run_id)
        saved = await target.call(bundle(manifest), "beside", *args, payload=_listed(names), change=True, answers=[str])
        for path in saved:
            target.warn(f"kept on {target.host}: {path}")


def _by_folder(paths: Sequence[str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for path in paths:
        out.setdefault(posixpath.dirname(path), []).append(posixpath.basename(path))
    return out


def _listed(names: Sequence[str]) -> bytes:
    return b"\0".join(os.fsencode(name) for name in names)
