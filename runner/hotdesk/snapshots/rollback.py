"""Bringing a PC back to before a run, as the job and the command see it; the work is done there (``on_target/rollback.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.jobs.shipping import bundle
from hotdesk.snapshots.on_target import rollback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.jobs.machine import Machine
    from hotdesk.snapshots.pcs import Pc

_RESTORED = {"restored": [str], "left": [str]}


def restorable(pc: Pc, run: str, wanted: Sequence[str] | None) -> dict[str, list[dict[str, str]]]:
    """What there is of before ``run``, at the places ``wanted`` (None: all): device -> its subvolumes (``path``, ``mount``, ``name``)."""
    found: dict[str, list[dict[str, str]]] = {}
    for one in pc.sets:
        if (one["run"], one["phase"]) == (run, "before"):
            chosen = [dict(each) for each in one["subvolumes"] if wanted is None or each["mount"] in wanted]
            if chosen:
                found.setdefault(one["device"], []).extend(chosen)
    return found


async def restore(machine: Machine, device: str, run: str, paths: Sequence[str], this_run: str) -> list[str]:
    """Change: each subvolume as it was before ``run``. Gives the subvolumes within the old ones that could not go over to the new ones."""
    async with machine.stalling(f"rolling {machine.host} back"):
        done = await machine.call(
            bundle(rollback), "restore", device, run, list(paths), this_run, change=True,
            on_item=lambda _path: machine.heard(), answers=_RESTORED,
        )  # fmt: skip
    return list(done["left"])


async def not_restored(machine: Machine, device: str, run: str, paths: Sequence[str]) -> list[str]:
    """Those of ``paths`` that are not made from the snapshots of before ``run``; reads only."""
    there: Mapping[str, str] = await machine.call(
        bundle(rollback), "made_from", device, list(paths), change=False, answers={str: str}
    )
    kept: Mapping[str, str] = await machine.call(
        bundle(rollback), "before", device, run, change=False, answers={str: str}
    )
    return [path for path in paths if not kept.get(path) or there.get(path) != kept[path]]


async def fixed(machine: Machine, device: str, members: Mapping[str, str]) -> list[str]:
    """Of ``members`` (path -> place) the places that the next boot would mount by number, and so not as restored; reads only."""
    return list(await machine.call(bundle(rollback), "fixed", device, dict(members), change=False, answers=[str]))
