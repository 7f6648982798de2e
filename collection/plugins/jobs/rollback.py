"""hotdesk.sync.rollback: bring a PC back to before a run, by its snapshots or its journals. Its arguments: plugins/modules/rollback.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.jobs import Change, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.tools import still_wanted
from hotdesk.jobs.undo_plan import Undoing, undoing
from hotdesk.results import Diff
from hotdesk.snapshots import Pc, look
from hotdesk.snapshots.pcs import compare
from hotdesk.snapshots.rollback import fixed, not_restored, restorable, restore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ITEMS_SHOWN = 1000
MARKS = {"+": "-", "-": "+"}
"""What is new now will be gone, what is gone now will be there."""


class Job(SyncJob):
    """Subvolumes, if there are snapshots of them; the journals of jobs, if ``/`` is none of these.

    What is there now is snapshotted under this run's name first, and what journals bring back is journaled, so that a rollback can be
    rolled back.
    """

    alone = True

    _pc: Pc
    _chosen: Mapping[str, Sequence[Mapping[str, str]]]
    _undoing: Undoing | None = None

    @property
    def _run(self) -> str:
        return str(self.args["run"])

    @property
    def _mounts(self) -> list[str]:
        return [each["mount"] for members in self._chosen.values() for each in members]

    async def validate(self) -> list[Problem]:
        self._pc = await look(self.target)
        host, wanted = self.target.host, self.args.get("subvolumes")
        problems = self._pc.problems()
        if not (self.args.get("consent") or self.target.check):
            problems.append(
                Problem(f"{host}: a rollback needs consent", "Look at it in check mode first; then say consent: true.")
            )
        if problems:
            return problems
        self._chosen = restorable(self._pc, self._run, wanted)
        if wanted is None and "/" not in self._mounts:
            self._undoing = await undoing(self.target, self._run, overwrite=bool(self.args.get("overwrite")))
        if not self._chosen and not (self._undoing and self._undoing.found):
            return self._nothing()
        for device, members in self._chosen.items():
            for place in await fixed(self.target, device, {each["path"]: each["mount"] for each in members}):
                text = f"{host}: {place} is mounted by the number of its subvolume, so that what is put in its place would not be seen"
                problems.append(
                    Problem(text, "Write subvol= (for / in the kernel's rootflags=), or copy from the snapshot.")
                )
        return problems + self._misplaced(wanted or ())

    def _nothing(self) -> list[Problem]:
        runs = sorted({one["run"] for one in self._pc.sets if one["phase"] == "before"})[-3:]
        remedy = (
            f"There are those of {', '.join(runs)}." if runs else "hotdesk.sync.snapshot makes them: before a play."
        )
        return [
            Problem(
                f"{self.target.host} has neither snapshots from before the run {self._run!r} nor its journals", remedy
            )
        ]

    def _misplaced(self, wanted: Sequence[str]) -> list[Problem]:
        """Places that were asked for and have no snapshot, and those where no subvolume can be replaced."""
        host, out = self.target.host, []
        lacking = sorted(set(wanted) - set(self._mounts))
        if lacking:
            out.append(
                Problem(f"{host} has no snapshot of {', '.join(lacking)} from before {self._run}", "Leave it out.")
            )
        for device, members in self._chosen.items():
            now = {each["path"] for each in self._pc.found["mounted"] if each["device"] == device}
            for each in members:
                if not each["path"]:
                    text = f"{host}: {each['mount']} is the top level of its file system, which cannot be replaced"
                    out.append(Problem(text, "Copy from the snapshot; hotdesk snapshots show names it."))
                elif each["path"] not in now:
                    out.append(Problem(f"{host}: {each['path']} is not mounted any more", "Mount it, or leave it out."))
        return out

    async def pre_sync(self) -> Plan:
        items = await self._differences()
        swaps = tuple(
            Change(
                verb="restore",
                subject=mount,
                detail=f"as before {self._run}; seen after a reboot",
                destructive=True,
                undo=f"hotdesk rollback {self.target.link.run_id}",
            )
            for mount in self._mounts
        )
        changes = (*(self._undoing.changes if self._undoing else ()), *swaps)
        items += [change.id for change in changes if change not in swaps]
        return Plan(
            changes=changes,
            data={"items": items, "swaps": bool(swaps)},
            diff=(Diff(prepared="\n".join([*items, ""])),) if items else (),
            warnings=tuple(self._warnings()),
        )

    async def _differences(self) -> list[str]:
        """What is new or different in the chosen subvolumes."""
        if not self._chosen:
            return []
        found = await compare(self.target, self._run, until="now", below="/", most=ITEMS_SHOWN)
        chosen = set(self._mounts)
        return [f"{MARKS.get(mark, mark)} {path}" for mark, path, _ in found.entries if self._place_of(path) in chosen]

    def _place_of(self, path: str) -> str:
        """Where the subvolume that holds a path is mounted."""
        above = [mount for mount in self._pc.covered(self._run, "before") if path.startswith(mount.rstrip("/") + "/")]
        return max(above, key=len, default="")

    def _warnings(self) -> list[str]:
        host, out = self.target.host, []
        if self._chosen:
            out.append(
                f"{host}: needs a reboot, and goes on with what it has until then; what is written there meanwhile is put aside"
            )
        if "/" in self._mounts and self._pc.found["boot"]:
            places = ", ".join(self._pc.found["boot"])
            out.append(
                f"{host}: {places} is not on btrfs and stays as it is; if the run changed the kernel, see to it by hand"
            )
        if self._undoing:
            out += [f"{host}: {text}; it is left" for text in self._undoing.left]
            kept = "overwritten" if self.args.get("overwrite") else "left; overwrite brings it back all the same"
            out += [f"{host}: {text}; it is {kept}" for text in self._undoing.changed]
        return out

    def preview(self, plan: Plan) -> JobResult:
        data = {"items": plan.data["items"], "reboot_required": plan.data["swaps"]}
        return JobResult(changed=bool(plan.changes), data=data, warnings=plan.warnings)

    async def sync(self, plan: Plan) -> JobResult:
        this_run = str(self.target.link.run_id)
        wanted = {change.subject for change in plan.changes if change.verb == "restore"}.intersection(self._mounts)
        if wanted:
            await self._pc.create(this_run, "before", sorted(wanted))
        failed = await self._undoing.perform(plan.changes) if self._undoing else {}
        warnings = [text for text in plan.warnings if not wanted]
        self._done: dict[str, list[str]] = {}
        for device, members in self._chosen.items():
            paths = [each["path"] for each in members if each["mount"] in wanted]
            if not paths:
                continue
            left = await restore(self.target, device, self._run, paths, this_run)
            self._done[device] = paths
            if left:
                warnings.append(f"{self.target.host}: these subvolumes stay with what was put aside: {', '.join(left)}")
        data = {"items": plan.data["items"], "reboot_required": bool(wanted)}
        return JobResult(changed=len(failed) < len(plan.changes), data=data, warnings=tuple(warnings), failed=failed)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What will be there after the reboot is what the snapshots say; what the journals brought back is not to be brought back any more."""
        again = await undoing(self.target, self._run, overwrite=True) if self._undoing else None
        wanted = {change.id for change in again.changes} if again else set()
        return [
            Problem(f"{path} is not what it was before {self._run}")
            for device, paths in self._done.items()
            for path in await not_restored(self.target, device, self._run, paths)
        ] + still_wanted(self.target, [change.id for change in plan.changes], wanted)
