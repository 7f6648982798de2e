"""hotdesk.sync.subvolume: make a btrfs subvolume of the target like the source's, by btrfs send. Its arguments: plugins/modules/subvolume.py."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from hotdesk.aio import TaskGroup, first
from hotdesk.errors import TaskError
from hotdesk.jobs import Change, JobResult, Plan, Problem, SyncJob
from hotdesk.results import Diff
from hotdesk.snapshots.on_target.btrfs import STORE
from hotdesk.snapshots.pcs import OLDEST_BTRFS
from hotdesk.snapshots.replicas import Kept, Subvolume, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.snapshots.pcs import Differences

ITEMS_SHOWN = 1000
BASES = 5
"""Sent snapshots that the source keeps: a target that was off for so many runs gets everything anew."""


class Job(SyncJob):
    """The source's snapshot of this run goes to the target, as the difference to the newest one that both have; then it takes the place
    of what the target had, in one step, and that is put aside."""

    _from: Subvolume
    _to: Subvolume

    def writes(self) -> list[str]:
        return [posixpath.dirname(self._dest)]

    def reads(self) -> list[str]:
        return [self._path]

    @property
    def _path(self) -> str:
        return posixpath.normpath(str(self.args["path"]))

    @property
    def _dest(self) -> str:
        return posixpath.normpath(str(self.args.get("dest") or self.args["path"]))

    @property
    def _run(self) -> str:
        return str(self.target.link.run_id)

    @property
    def _same(self) -> bool:
        return self.source.host == self.target.host

    # --- validate

    async def validate(self) -> list[Problem]:
        problems = self._arguments()
        if problems or (self._same and self._path == self._dest):
            return problems
        try:
            async with TaskGroup() as group:
                looks = [
                    group.create_task(describe(machine, path))
                    for machine, path in ((self.source, self._path), (self.target, self._dest))
                ]
        except BaseExceptionGroup as found:
            raise first(found) from None
        self._from, self._to = (look.result() for look in looks)
        for end in (self._from, self._to):
            problems += _able(end)
        return problems or [*self._source_problems(), *self._target_problems()]

    def _arguments(self) -> list[Problem]:
        out = []
        for option in ("path", "dest"):
            value = self.args.get(option)
            if value and (
                not value.startswith("/") or posixpath.normpath(value) == "/" or "\n" in value or "\0" in value
            ):
                remedy = "Name a subvolume below it: /home. A running system's root is not replaced."
                out.append(Problem(f"{option}: {value!r} is not an absolute path, or is the root", remedy))
        limit = str(self.args.get("bwlimit") or "")
        if limit and not RATE.fullmatch(limit):
            out.append(Problem(f"bwlimit: {limit!r} is not a rate", "Write KiB per second (2000) or with a unit (2m)."))
        if not out and self._same and self._path != self._dest:
            out.append(Problem("source and target are the same PC", "Choose another source."))
        return out

    def _source_problems(self) -> list[Problem]:
        host, about = self.source.host, self._from.about
        if about["kind"] != "subvolume":
            what = "there is nothing" if about["kind"] == "missing" else "that is no subvolume"
            return [Problem(f"{self._path} on {host} (the source): {what}", "Name where a subvolume begins.")]
        return []

    def _target_problems(self) -> list[Problem]:
        host, about = self.target.host, self._to.about
        out = []
        if about["kind"] in ("file", "directory"):
            what = "a file" if about["kind"] == "file" else "a plain directory with something in it"
            out.append(Problem(f"{self._dest} on {host} is {what}", "Move it away: the subvolume is made by this job."))
        if not about["parent"]:
            out.append(Problem(f"{posixpath.dirname(self._dest)} does not exist on {host}", "Create it there."))
        if about["inner"]:
            inner = ", ".join(about["inner"][:5])
            out.append(
                Problem(
                    f"{self._dest} on {host} has subvolumes within: {inner}",
                    "They would be put aside with it; move them.",
                )
            )
        if about["mounted"] and about["by_id"]:
            out.append(
                Problem(
                    f"{self._dest} on {host} is mounted by subvolid",
                    "Write subvol= in its fstab: the new one has another id.",
                )
            )
        if about["mounted"] and self.args["when_mounted"] == "refuse":
            remedy = "Say when_mounted: next_boot, and reboot that PC afterwards; or choose another dest."
            out.append(
                Problem(
                    f"{self._dest} on {host} is mounted: what replaces it is seen there after a reboot only", remedy
                )
            )
        return out

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self._same:
            return Plan(data={"note": f"{self.target.host} is the source"})
        here, there = await self._from.kept(), await self._to.kept()
        base = next((one for one in here.snapshots if there.copy_of(one["of"])), None)
        copy = there.copy_of(base["of"]) if base else None
        ahead = await self._from.changes(base, ITEMS_SHOWN) if base else None
        own = await self._to.changes(copy, ITEMS_SHOWN) if copy and there.is_from(copy) else None
        warnings = []
        if self._from.about["inner"]:
            inner = ", ".join(self._from.about["inner"][:5])
            warnings.append(f"subvolumes within {self._path} on {self.source.host} are not sent: {inner}")
        changes = self._changes(there, ahead, own)
        if self._to.about["mounted"] and changes:
            warnings.append(
                f"{self.target.host} shows the new {self._dest} only after a reboot; what is written there until then is put aside"
            )
        lines = self._lines(ahead, own)
        return Plan(
            changes=changes,
            data={"base": base, "copy": copy, "send": ahead is None or ahead.found > 0, "items": lines},
            diff=(Diff(prepared="\n".join([*lines, ""])),) if lines else (),
            warnings=tuple(warnings),
        )

    def _changes(self, there: Kept, ahead: Differences | None, own: Differences | None) -> tuple[Change, ...]:
        out = []
        if there.interrupted:
            out.append(Change(verb="remove", subject=f"what an interrupted receive of {self._dest} left"))
        if not there.uuid:
            out.append(
                Change(
                    verb="create",
                    subject=self._dest,
                    detail="all of it" if ahead is None else "",
                    undo="btrfs subvolume delete",
                )
            )
        elif ahead is None or own is None or ahead.found or own.found:
            new = "all of it" if ahead is None else f"{ahead.found} differences on {self.source.host}"
            lost = (
                "all it has"
                if own is None
                else f"{own.found} made on {self.target.host}, which are put aside"
                if own.found
                else ""
            )
            kept = f".hotdesk-snapshots/replaced/{self._to.name} in the top level of its file system keeps it"
            out.append(
                Change(
                    verb="replace",
                    subject=self._dest,
                    detail=", ".join(filter(None, (new, lost))),
                    destructive=bool(lost),
                    undo=kept,
                )
            )
        return tuple(out)

    def _lines(self, ahead: Differences | None, own: Differences | None) -> list[str]:
        out = [f"{mark} {path}" for mark, path, _ in ahead.entries] if ahead else []
        return out + ([f"put aside: {mark} {path}" for mark, path, _ in own.entries] if own else [])

    def preview(self, plan: Plan) -> JobResult:
        if "note" in plan.data:
            return JobResult(data={**_data(plan), "msg": plan.data["note"]})
        return JobResult(changed=bool(plan.changes), data=_data(plan))

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        warnings = []
        gone = await self._to.make_ready()
        if gone:
            warnings.append(f"{self.target.host}: removed what was interrupted: {', '.join(gone)}")
        if not any(change.verb in ("create", "replace") for change in plan.changes):
            return JobResult(changed=bool(gone), data=_data(plan), warnings=tuple(warnings))
        copy, sent = plan.data["copy"], 0
        if plan.data["send"]:
            copy, sent = await self._send(plan.data["base"])
        aside = await self._to.take_place(copy, self._run)
        self._made_from = copy["uuid"]
        await self._to.tidy(received=2, replaced=self.args["keep_replaced"])
        await self._from.tidy(sent=BASES)
        mounted = bool(self._to.about["mounted"])
        if mounted:
            warnings.append(f"{self.target.host}: reboot it to see the new {self._dest}")
        data = {**_data(plan), "bytes": sent, "replaced": aside, "reboot_required": mounted}
        return JobResult(changed=True, data=data, warnings=tuple(warnings))

    async def _send(self, base: Mapping[str, str] | None) -> tuple[Mapping[str, str], int]:
        """The run's snapshot to the target; its copy there, and the bytes it took."""
        ident = await self._from.keep_for_sending(self._run)
        there = (await self._to.kept()).copy_of(ident)
        if there is not None:  # an earlier task of this run has sent it
            return there, 0
        sent = await self.transfer.pipe(
            self._from.sender(self._run, base),
            self._to.receiver(),
            what=f"btrfs send {self._path}",
            rate=_rate(str(self.args.get("bwlimit") or "")),
        )
        there = (await self._to.kept()).copy_of(ident)
        if there is None:
            raise TaskError(f"{self.target.host} has received {sent} bytes, but no whole snapshot of {self._path}")
        return there, sent

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What is there was made from what was received."""
        if "replaced" not in result.data or (await self._to.kept()).parent == self._made_from:
            return []
        return [Problem(f"{self._dest} is not what was received")]


RATE = re.compile(r"(\d+(?:\.\d+)?)([kmgtKMGT]?)(?:i?[bB])?")


def _rate(text: str) -> int:
    """As rsync's --bwlimit: KiB a second, or with a unit; in bytes a second, 0 for no limit."""
    found = RATE.fullmatch(text)
    if found is None:
        return 0
    return int(float(found[1]) * 1024 ** ("kmgt".index((found[2] or "k").lower()) + 1))


def _able(end: Subvolume) -> list[Problem]:
    host, about = end.machine.host, end.about
    if not about["btrfs"]:
        return [
            Problem(f"{end.at} on {host} is not on btrfs", "Use hotdesk.sync.folder, which works on every file system.")
        ]
    if about["path"].startswith(STORE):
        return [Problem(f"{host} waits for its reboot: what is mounted at {end.at} was replaced", f"Reboot {host}.")]
    out = []
    if about["version"] is None:
        out.append(Problem(f"{host} has btrfs but not the program btrfs", "Install the package btrfs-progs there."))
    elif tuple(about["version"]) < OLDEST_BTRFS:
        number, oldest = ".".join(map(str, about["version"])), ".".join(map(str, OLDEST_BTRFS))
        out.append(
            Problem(f"{host} has btrfs-progs {number}; {oldest} or newer is needed", "Update btrfs-progs there.")
        )
    if not about["root"]:
        out.append(Problem(f"{host}: btrfs send and receive need root", "Use become: true."))
    return out


def _data(plan: Plan) -> dict[str, Any]:
    base = plan.data.get("base")
    items = list(plan.data.get("items", ()))
    return {"base": base["run"] if base else "", "items": items, "bytes": 0, "reboot_required": False}
