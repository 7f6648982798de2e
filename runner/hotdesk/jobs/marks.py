"""Items that a person has marked as a machine's own. A mark lives on the machine that has the item, and holds in both roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.jobs.history import Identity
from hotdesk.jobs.on_target import marks
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.jobs.base import Change, Plan, SyncJob
    from hotdesk.jobs.machine import Machine

MARKS = [{"job": str, "scope": str, "subject": str, "hosts": [str]}]
"""A mark: ``hosts`` are those (``Identity.key``) that are not to have what this machine has; none: it is this machine's own."""


class Marks:
    """Those of the machines of one run, each machine asked once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], list[dict[str, Any]]] = {}

    async def about(self, job: SyncJob) -> Mapping[str, str]:
        """Subject -> the machine whose mark keeps it out of a plan of this job. Marks of what is gone are forgotten."""
        out = {}
        for machine in dict.fromkeys((job.source, job.target)):
            found = await self._of(machine)
            mine = [mark for mark in found if mark["job"] == job.name and mark["scope"] == job.scope(machine)]
            there = set(await job.present(machine, [mark["subject"] for mark in mine])) if mine else set()
            gone = [mark for mark in mine if mark["subject"] not in there]
            if gone and not machine.check:
                await self._change(machine, [], gone)
            for mark in mine:
                if mark not in gone and (not mark["hosts"] or Identity.of(job.target).key in mark["hosts"]):
                    out[mark["subject"]] = machine.host
        return out

    async def remember(self, job: SyncJob, changes: Sequence[Change]) -> None:
        """ "Never on this machine": a mark on the target for what it has; on the source, for this target, for what only that has."""
        subjects = [change.subject for change in changes]
        there = set(await job.present(job.target, subjects))
        for machine, names, hosts in (
            (job.target, [name for name in subjects if name in there], []),
            (job.source, [name for name in subjects if name not in there], [Identity.of(job.target).key]),
        ):
            if names:
                scope = job.scope(machine)
                new = [{"job": job.name, "scope": scope, "subject": name, "hosts": hosts} for name in names]
                await self._change(machine, new, [])

    async def _of(self, machine: Machine) -> list[dict[str, Any]]:
        key = (machine.host, machine.info.uid)
        if key not in self._known:
            self._known[key] = await machine.call(bundle(marks), "read", change=False, answers=MARKS)
        return self._known[key]

    async def _change(self, machine: Machine, add: list[dict[str, Any]], forget: list[dict[str, Any]]) -> None:
        key = (machine.host, machine.info.uid)
        self._known[key] = await machine.call(bundle(marks), "change", add, forget, change=True, answers=MARKS)


def kept_out(plan: Plan, marked: Mapping[str, str]) -> dict[str, str]:
    """Id of each change that a mark keeps out -> why."""
    return {
        change.id: f"it is marked on {marked[change.subject]} as its own"
        for change in plan.changes
        if change.subject in marked
    }
