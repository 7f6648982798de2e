"""Files that were changed on a target since the last sync: found by the manifest that each sync leaves, before a mirror takes them away."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from hotdesk.jobs.on_target import manifest
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both
from hotdesk.jobs.tree_changes import paired
from hotdesk.transfer import ends, shown
from hotdesk.transfer.answers import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hotdesk.jobs.machine import Machine
    from hotdesk.transfer import Item, Mirror

SAID = {"changed": "changed there since the last sync", "new": "came up there since the last sync"}
NOTHING: Mapping[bytes, str] = {}


async def conflicts(source: Machine, target: Machine, mirror: Mirror, items: Sequence[Item]) -> Mapping[bytes, str]:
    """Path -> what became of it on the target, for those of ``items`` by which work that was done there would be lost; reads only.

    What is by now the same on both sides (but for its time) is no conflict.
    """
    names = [item.path for item in items if _overwrites(item)]
    if not names:
        return NOTHING
    became = await target.call(
        bundle(manifest), "changed", mirror.dest, payload=b"\0".join(names), change=False, answers=[str]
    )
    found = {name: SAID[word] for name, word in paired(names, became, target.host) if word in SAID}
    updated = [item.path for item in items if item.path in found and not item.deletes]
    if updated:
        there, here = await both(_described(target, mirror.dest, updated), _described(source, mirror.path, updated))
        for name, one, other in zip(updated, there, here, strict=True):
            if "sha256" in one and one["sha256"] == other.get("sha256"):
                del found[name]
    return found


def _overwrites(item: Item) -> bool:
    if item.deletes:
        return not item.name.endswith(b"/")
    return not item.creates and item.flags[:1] in "<>c" and item.flags[1:2] != "d"


async def _described(machine: Machine, top: str, names: Sequence[bytes]) -> list[dict[str, str]]:
    found = await machine.call(ends, "described", top, payload=b"\0".join(names), change=False, answers=DESCRIBED)
    return [each for _, each in paired(names, found, machine.host)]


async def save_beside(target: Machine, dest: str, items: Sequence[Item], keeping: Collection[str]) -> list[str]:
    """Copies of the target's versions of what ``keeping`` (ids of changes) names, beside them; gives their paths."""
    names = [item.path for item in items if f"{item.verb} {shown(item.path)}" in keeping]
    if not names:
        return []
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", target.host)
    suffix = f"{host}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    copies: list[str] = await target.call(
        bundle(manifest), "beside", dest, suffix, payload=b"\0".join(names), change=True, answers=[str]
    )
    return copies


async def note_source(source: Machine, mirror: Mirror, *, renew: bool = True) -> None:
    """Note what the source has before it is sent: what is changed there from now on is work that no other PC has."""
    await source.call(
        bundle(manifest), "take", mirror.path, source.link.run_id, renew=renew, one_file_system=mirror.one_file_system,
        change=True, answers=bool,
    )  # fmt: skip


async def note_done(source: Machine, target: Machine, mirror: Mirror, items: Sequence[Item], *, reviewed: bool) -> None:
    """Leave the manifest of this sync on both. Who never reviews gets none, but one that is there is kept up to date."""
    if reviewed:
        if not items:
            await note_source(source, mirror, renew=False)
        await source.call(bundle(manifest), "settle", mirror.path, change=True)
    await target.call(
        bundle(manifest), "keep", mirror.dest, target.link.run_id, payload=b"\0".join(item.path for item in items),
        begin=reviewed, one_file_system=mirror.one_file_system, change=True, answers=int,
    )  # fmt: skip
