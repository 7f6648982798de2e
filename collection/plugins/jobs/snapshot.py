"""hotdesk.sync.snapshot: read-only btrfs snapshots of the target and the source, named by run. Its arguments: plugins/modules/snapshot.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hotdesk.aio import TaskGroup, first
from hotdesk.jobs import Change, JobResult, Plan, Problem, SyncJob
from hotdesk.snapshots import Pc, look
from hotdesk.snapshots.pcs import in_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.jobs import Machine


class Job(SyncJob):
    """A set of snapshots for each PC: all subvolumes or none. Each is made once in a run, whichever target's task comes first."""

    alone = True

    _target: Pc
    _source: Pc | None

    def writes(self) -> list[str]:
        return [] if self._phase == "prune" else list(self._wanted(self._target))

    @property
    def _run(self) -> str:
        return str(self.target.link.run_id)

    @property
    def _phase(self) -> str:
        return str(self.args["phase"])

    @property
    def _pcs(self) -> list[Pc]:
        return [self._target, *([self._source] if self._source else [])]

    def _wanted(self, pc: Pc) -> tuple[str, ...]:
        """The places to snapshot. What the source does not have at these places does not matter: it is read only there."""
        named = self.args.get("subvolumes")
        return pc.mounts if named is None else tuple(mount for mount in named if mount in pc.mounts)

    # --- validate

    async def validate(self) -> list[Problem]:
        problems = self._arguments()
        if problems:
            return problems
        await self._look()
        for pc in self._pcs:
            problems += pc.problems(waiting=self._phase == "before")
        if self.args.get("required") and self._target.unprotected:
            where = ", ".join(self._target.unprotected)
            problems.append(
                Problem(f"{self.target.host}: no snapshot of {where}", "Put it on btrfs, or leave out required.")
            )
        return problems

    def _arguments(self) -> list[Problem]:
        out = []
        for name in ("keep", "keep_days"):
            if self.args[name] < 0:
                out.append(Problem(f"{name}: {self.args[name]} is below 0", "0 means no limit."))
        try:
            in_bytes(str(self.args["keep_free"]), 1)
        except ValueError:
            out.append(
                Problem(f"keep_free: {self.args['keep_free']!r} is not an amount", "Write 10% (up to 90%) or 20G.")
            )
        for path in self.args.get("subvolumes") or ():
            if not path.startswith("/"):
                out.append(Problem(f"subvolumes: {path!r} is not an absolute path", "Name where it is mounted: /home."))
        return out

    async def _look(self) -> None:
        named = self.args.get("subvolumes")
        machines = [self.target]
        if self.source.host != self.target.host and self._phase != "prune":
            machines.append(self.source)
        try:
            async with TaskGroup() as group:
                looks = [group.create_task(look(machine, named)) for machine in machines]
        except BaseExceptionGroup as found:
            raise first(found) from None
        self._target = looks[0].result()
        self._source = looks[1].result() if len(looks) > 1 else None
        if self._source and not self._source.found["root"] and self._source.machine.host == "localhost":
            self._source = None  # the control node by default, without become: what is only read needs no snapshot

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        await self._look()
        changes: list[Change] = []
        acts: dict[str, tuple[Machine, str, str]] = {}
        for pc in self._pcs:
            for change, kind, value in [*self._to_make(pc), *self._to_remove(pc)]:
                changes.append(change)
                acts[change.id] = (pc.machine, kind, value)
        return Plan(
            changes=tuple(changes),
            data={"acts": acts},
            warnings=tuple(self._warnings()),
            unprotected=self._target.unprotected if self._phase == "before" else (),
            covered=self._wanted(self._target) if self._phase == "before" else (),
        )

    def _on(self, pc: Pc) -> str:
        return " on the source" if pc is self._source else ""

    def _to_make(self, pc: Pc) -> list[tuple[Change, str, str]]:
        if self._phase == "prune":
            return []
        covered = pc.covered(self._run, self._phase)
        return [
            (
                Change(
                    verb="snapshot",
                    subject=f"{mount} {self._phase} the run{self._on(pc)}",
                    undo="hotdesk snapshots prune",
                ),
                "make",
                mount,
            )
            for mount in self._wanted(pc)
            if mount not in covered
        ]

    def _to_remove(self, pc: Pc) -> list[tuple[Change, str, str]]:
        if self._phase == "before":
            return []
        gone = pc.retired(keep=self.args["keep"], days=self.args["keep_days"], current=self._run, now=time.time())
        out = [
            (
                Change(verb="remove", subject=f"the snapshots of {run}{self._on(pc)}", detail="too many or too old"),
                "remove",
                run,
            )
            for run in gone
        ]
        others = {one["run"] for one in pc.sets} - {*gone, self._run}
        wanted = pc.wanted_free(str(self.args["keep_free"]))
        out += [
            (
                Change(verb="remove", subject=f"old snapshots at {each['mount']}{self._on(pc)}", detail=f"until {self.args['keep_free']} is free"),
                "room",
                each["device"],
            )
            for each in pc.found["file_systems"]
            if others and each["free"] < wanted[each["device"]]
        ]  # fmt: skip
        return out

    def _warnings(self) -> list[str]:
        out = []
        for pc in self._pcs:
            host = pc.machine.host
            if pc.found["waiting"]:
                places = ", ".join(pc.found["waiting"])
                out.append(
                    f"{host}: no snapshot of {places}: what is mounted there was replaced, and is until the reboot"
                )
            if self._phase != "before":
                continue
            if pc.unprotected:
                out.append(f"{host}: no snapshot of {', '.join(pc.unprotected)}: what is lost there does not come back")
            if pc.found["left_out"]:
                inner = ", ".join(pc.found["left_out"][:5])
                out.append(f"{host}: subvolumes within others are in no snapshot unless they are mounted: {inner}")
        return out

    def preview(self, plan: Plan) -> JobResult:
        return self._result([change.id for change in plan.changes], [], plan)

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        acts = [plan.data["acts"][change.id] for change in plan.changes]
        try:
            async with TaskGroup() as group:
                works = [
                    group.create_task(self._work(pc, [act[1:] for act in acts if act[0] is pc.machine]))
                    for pc in self._pcs
                ]
        except BaseExceptionGroup as found:
            raise first(found) from None
        warnings = [text for work in works for text in work.result()]
        return self._result([change.id for change in plan.changes], warnings, plan)

    async def _work(self, pc: Pc, acts: Sequence[tuple[str, str]]) -> list[str]:
        """Make, then remove; what is to be said about it."""
        said = []
        make, gone, room = ([value for kind, value in acts if kind == wanted] for wanted in ("make", "remove", "room"))
        if make:
            done = await pc.create(self._run, self._phase, make)
            if done["removed"]:
                said.append(f"{pc.machine.host}: removed what was left unfinished: {', '.join(done['removed'])}")
        if gone or room:
            wanted = pc.wanted_free(str(self.args["keep_free"]))
            pruned = await pc.prune(gone, {device: wanted[device] for device in room}, self._run)
            if pruned["short"]:
                places = ", ".join(pruned["short"])
                said.append(
                    f"{pc.machine.host}: less than {self.args['keep_free']} is free at {places}, without old snapshots too"
                )
        return said

    def _result(self, items: list[str], warnings: list[str], plan: Plan) -> JobResult:
        data: dict[str, Any] = {"run": self._run, "items": items, "unprotected": list(self._target.unprotected)}
        return JobResult(changed=False, data=data, warnings=tuple(warnings))

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """Every snapshot that was to be made is there."""
        acts = [plan.data["acts"][change.id] for change in plan.changes]
        await self._look()
        return [
            Problem(f"{pc.machine.host}: there is no snapshot of {mount}")
            for pc in self._pcs
            for machine, kind, mount in acts
            if machine is pc.machine and kind == "make" and mount not in pc.covered(self._run, self._phase)
        ]
