"""A subvolume on one PC as the jobs see it, and the two commands that bring it to another one; the work is done there (``on_target``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.jobs.shipping import bundle
from hotdesk.shapes import expect
from hotdesk.snapshots.on_target import replicas
from hotdesk.snapshots.on_target.btrfs import STORE
from hotdesk.snapshots.on_target.store import snapshot_name
from hotdesk.snapshots.pcs import COMPARED, ENTRY, Differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.jobs.machine import Machine

_PLACE = {
    **dict.fromkeys(("kind", "device", "path"), str),
    **dict.fromkeys(("btrfs", "mounted", "by_id", "parent", "root"), bool),
    "version": ([int, int], None),
    "inner": [str],
}
_SNAPSHOT = dict.fromkeys(("place", "run", "uuid", "of", "parent"), str)
_KEPT = {"snapshots": [_SNAPSHOT], "interrupted": [str], "uuid": str, "parent": str}
_WHOLE = (
    "place=/mnt; [ -d /mnt ] || place=/tmp; device=$1; folder=$2; shift 2; "
    'mount -t btrfs -o subvolid=5,noatime,nosuid,nodev "$device" "$place" && cd "$place/$folder" && exec "$@"'
)
"""What runs after this sees the whole file system where nobody else does, and begins in a folder of it."""


@frozen
class Kept:
    """What a PC has of a subvolume besides the subvolume itself."""

    snapshots: tuple[Mapping[str, str], ...]
    """Newest first: ``place`` in the store, ``run``, ``uuid``, ``of`` (the same on every PC that has a copy), ``parent`` (uuid)."""
    interrupted: tuple[str, ...]
    uuid: str
    """Of the subvolume itself; "": there is none."""
    parent: str

    def copy_of(self, ident: str) -> Mapping[str, str] | None:
        """The snapshot that is this one's copy, or this one."""
        return next((one for one in self.snapshots if one["of"] == ident), None)

    def is_from(self, one: Mapping[str, str]) -> bool:
        """The subvolume was made from this snapshot, or this snapshot from the subvolume."""
        return bool(self.uuid) and (self.parent == one["uuid"] or one["parent"] == self.uuid)


@frozen
class Subvolume:
    """A place on a PC where a subvolume is, or is to be. ``about`` is what on_target.replicas.describe found."""

    machine: Machine
    at: str
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of its folders in the store."""
        return snapshot_name(self.about["path"])

    async def kept(self) -> Kept:
        """Reads only."""
        found = await self._call("kept", change=False, answers=_KEPT)
        return Kept(tuple(found["snapshots"]), tuple(found["interrupted"]), found["uuid"], found["parent"])

    async def changes(self, since: Mapping[str, str], most: int) -> Differences:
        """What is different in it from that snapshot; reads only."""
        entries: list[tuple[str, str, str]] = []

        def take(batch: Any) -> None:
            self.machine.heard()
            found = expect(batch, [ENTRY], self.machine.host, "changes")
            entries.extend((str(mark), str(path), str(detail)) for mark, path, detail in found)

        device, path = self.about["device"], self.about["path"]
        async with self.machine.stalling(f"comparing {self.at} on {self.machine.host}"):
            end = await self.machine.call(
                bundle(replicas),
                "changes",
                device,
                since["place"],
                path,
                most,
                change=False,
                on_item=take,
                answers=COMPARED,
            )
        return Differences(tuple(entries), end["found"], tuple(end["compared"]))

    async def keep_for_sending(self, run: str) -> str:
        """Change: the run's snapshot of it is there; its uuid."""
        return str(await self._call("keep_for_sending", run, change=True, answers=str))

    async def make_ready(self) -> list[str]:
        """Change: what was interrupted is gone or finished; what is gone."""
        return list(await self._call("make_ready", change=True, answers=[str]))

    async def take_place(self, copy: Mapping[str, str], run: str) -> str:
        """Change: it is now as the snapshot ``copy`` says, in one step; where what it was is kept ("": there was nothing)."""
        device, path = self.about["device"], self.about["path"]
        return str(
            await self.machine.call(
                bundle(replicas), "take_place", device, copy["place"], path, run, change=True, answers=str
            )
        )

    async def tidy(self, **keep: int) -> list[str]:
        """Change: only the newest stay, so many of ``sent``, ``received``, ``replaced``; the removed."""
        return list(await self._call("tidy", keep, change=True, answers=[str]))

    async def _call(self, function: str, *more: Any, change: bool, answers: Any) -> Any:
        device, path = self.about["device"], self.about["path"]
        async with self.machine.stalling(f"{function.replace('_', ' ')} of {self.at} on {self.machine.host}"):
            return await self.machine.call(
                bundle(replicas), function, device, path, *more, change=change, answers=answers
            )

    def sender(self, run: str, base: Mapping[str, str] | None) -> list[str]:
        """The command that writes the run's snapshot of it, or only what differs from ``base``, to its output."""
        words = ["btrfs", "send", "-q", *(["-p", base["place"]] if base else []), f"sent/{self.name}/{run}"]
        return self._whole("", words)

    def receiver(self) -> list[str]:
        """The command that makes a snapshot out of its input."""
        return self._whole(f"/received/{self.name}", ["btrfs", "receive", "-q", "."])

    def _whole(self, folder: str, words: list[str]) -> list[str]:
        space = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _WHOLE, "sh"]
        return [*space, self.about["device"], STORE + folder, *words]


async def describe(machine: Machine, path: str) -> Subvolume:
    """What is at ``path`` on a PC; reads only."""
    async with machine.limit(120.0, f"looking at {path} on {machine.host}"):
        return Subvolume(
            machine, path, await machine.call(bundle(replicas), "describe", path, change=False, answers=_PLACE)
        )
