"""What is in Docker's volumes: compared, and copied while nobody writes to it."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs.holding import holding
from hotdesk.jobs.on_target import docker_acts, docker_undo
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.transfer import JobTransfer

LOOKING = 1800.0
"""Seconds to list or read what is in volumes."""
PRINT = """for each; do printf '%s\\t' "$each"
(cd -- "$each" 2>/dev/null && {
  find . ! -type d ! -type s -printf '%P|%y|%m|%U|%G|%l|%s|%T@\\0'; find . -type d -printf '%P|d|%m|%U|%G\\0'
} | LC_ALL=C sort -z | sha256sum) || echo missing; done"""
"""A digest of each directory: names, owners, modes, sizes and times, which is what rsync goes by."""
EMPTY = hashlib.sha256(b"|d|755|0|0\0").hexdigest()
"""That of a volume that was made and not used."""
CONTENT = """cd -- "$1" && {
  find . ! -type s -printf '%P|%y|%m|%U|%G|%l\\0' | LC_ALL=C sort -z; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
} | sha256sum"""
"""A digest of all that is in a directory."""
WHOLE = ["--acls", "--xattrs", "--xattrs-include=*", "--numeric-owner"]
PACK = ["tar", "--create", "--format=posix", "--sparse", *WHOLE, "--directory"]
UNPACK = ["tar", "--extract", "--same-owner", "--preserve-permissions", *WHOLE, "--directory"]


async def fingerprints(machine: Machine, state: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Volume -> digest of what is in it, for those whose content is their own (``state``: what the PC's Docker has)."""
    known = {name: state["volumes"][name] for name in names if name in state["volumes"]}
    own = {name: one for name, one in known.items() if one["driver"] == "local" and not one["options"].get("device")}
    places = {one["mountpoint"]: name for name, one in own.items()}
    if not places:
        return {}
    found = await listed(machine, list(places))
    return {name: found[place] for place, name in places.items() if place in found}


async def listed(machine: Machine, places: Sequence[str]) -> dict[str, str]:
    """Directory -> digest of what is in it. Reads only."""
    said = await run(machine, ["sh", "-c", PRINT, "sh", *places], change=False, timeout=LOOKING, name="listing volumes")
    lines = (line.partition("\t") for line in said.stdout.decode(errors="surrogateescape").splitlines())
    return {place: text.split()[0] for place, _, text in lines if text}


async def copy(source: Machine, target: Machine, transfer: JobTransfer, name: str, here: str, there: str) -> None:
    """Change: beside what is at ``there``, compared with the source, and then exchanged for it at once. Raises TaskError."""
    target.temporary(f"{there}.hotdesk")
    place = str(await target.call(bundle(docker_acts), "stage", there, change=True, answers=str))
    await transfer.pipe([*PACK, here, "."], [*UNPACK, place], what=f"volume {name}")
    one, other = await both(listed(source, [here]), listed(target, [place]))
    if one.get(here) != other.get(place):
        raise TaskError(
            f"what is in it changed on {source.host} while it was copied", remedy="Set quiesce to pause or stop."
        )
    await target.call(bundle(docker_acts), "exchange", there, change=True)


@asynccontextmanager
async def held(machine: Machine, verb: str, ids: Sequence[str]) -> AsyncIterator[None]:
    """For the body, these containers are paused or stopped (``verb``; none: as they are). The PC lets them go on also when we cannot.

    Raises TaskError when one cannot be held, or does not go on.
    """
    if not ids or verb == "none":
        yield
        return
    async with holding(machine, docker_acts, "hold", verb, list(ids)):
        yield
    await machine.call(bundle(docker_undo), "recover", change=True, answers=[str])
