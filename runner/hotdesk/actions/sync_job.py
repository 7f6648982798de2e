"""The action that runs a collection's job: one class for all; the job's file and its documentation make the difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.actions.base import Action
from hotdesk.actions.option_types import as_boolean
from hotdesk.aio import in_thread
from hotdesk.errors import TaskError
from hotdesk.events import plain
from hotdesk.frozen import frozen
from hotdesk.jobs.load import load
from hotdesk.jobs.review import Step
from hotdesk.jobs.run import CONSENT, JobRun
from hotdesk.results import Result

if TYPE_CHECKING:
    from hotdesk.actions.base import Call
    from hotdesk.jobs.base import SyncJob
    from hotdesk.jobs.machine import Machine
    from hotdesk.results import Problem

CONTROL = "localhost"


@frozen
class Inspection:
    """What preflight wants to know of a job before the play changes anything."""

    problems: tuple[Problem, ...]
    source: str
    """Inventory name of the PC it reads from ("localhost": the control node)."""
    reads: tuple[str, ...]
    writes: tuple[str, ...]


class SyncJobAction(Action):
    """Runs the class ``Job`` of a collection's file. One instance per job; its name and its options come from the collection."""

    def __init__(self, name: str, job_file: Path, documentation: str) -> None:
        """``name`` is the fully qualified one; ``documentation`` is the DOCUMENTATION of the module of that name."""
        self.name = name  # type: ignore[misc]
        self.DOCUMENTATION = documentation  # type: ignore[misc]
        self.job_file = job_file

    async def run(self, call: Call) -> Result:
        """All phases. Raises what JobRun.perform raises; the failed result carries what the job had found out."""
        async with _jobs(call) as jobs:
            job = await self._job(call, jobs)
            plan, result = await jobs.perform(job, check=call.check, preview=call.diff, step=self._step(call))
        warnings = [*plan.warnings, *result.warnings, *job.source.warnings, *call.machine.warnings]
        return Result(
            changed=result.changed,
            data=dict(result.data),
            diff=plan.diff if call.diff else (),
            warnings=tuple(dict.fromkeys(warnings)),
        )

    async def inspect(self, call: Call) -> Inspection:
        """``validate`` and the paths it reads and writes, for preflight. Changes nothing."""
        async with _jobs(call) as jobs:
            job = await self._job(call, jobs)
            problems = tuple(await jobs.validate(job))
            if jobs.topology.consent is not None and not (problems or job.alone):
                await jobs.topology.look(job.source, job.target)
            return Inspection(problems, job.source.host, tuple(job.reads()), tuple(job.writes()))

    def _step(self, call: Call) -> Step:
        """Which task of the playbook this is, and which item of its loop."""
        name = call.variables.get("ansible_loop_var") if call.task.loop is not None else None
        item = json.dumps(plain(call.variables.get(name)), ensure_ascii=False) if name else ""
        place = call.task.place
        task = "".join(
            str(call.task.name or call.task.written)
        )  # plain text: a template of it says more than one host's name
        return Step(self.name, task, f"{Path(place.file).absolute()}:{place.line}", item, hidden=call.machine.no_log)

    async def _job(self, call: Call, jobs: JobRun) -> SyncJob:
        cls = await in_thread(load, self.job_file)
        job = jobs.job(cls, call.args, await source_of(call), call.machine, limit=_transfers(call))
        job.without_snapshot = _without_snapshot(call)
        return job


def _without_snapshot(call: Call) -> bool:
    """``hotdesk_without_snapshot``: the person's consent to what no snapshot could bring back."""
    given = call.variables.get(CONSENT)
    try:
        return given is not None and as_boolean(given)
    except ValueError:
        raise TaskError(f"{CONSENT} is {given!r}; it must be true or false") from None


def _transfers(call: Call) -> int | None:
    """``hotdesk_transfers``: how many transfers of this run may be under way when one of this host begins."""
    given = call.variables.get("hotdesk_transfers")
    if given is None:
        return None
    try:
        number = int(given)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise TaskError(f"hotdesk_transfers is {given!r}; it must be a whole number from 1")
    return number


async def source_of(call: Call) -> Machine:
    """The PC that a job copies from: its ``source`` argument, else ``hotdesk_source``, else the control node; with the task's become."""
    name = call.args.get("source") or call.variables.get("hotdesk_source") or CONTROL
    if name == call.machine.host:
        return call.machine
    if name == CONTROL and not call.become:
        return call.control
    if call.machine_for is None:
        raise TaskError(f"the source {name} cannot be reached from here: no way to another host was given")
    return await call.machine_for(str(name))


def _jobs(call: Call) -> _Borrowed:
    return _Borrowed(call.transfers)


class _Borrowed:
    """The run's JobRun, which the run ends; or one of our own for this task alone."""

    def __init__(self, given: JobRun | None) -> None:
        self._given = given
        self._own = JobRun("task") if given is None else None

    async def __aenter__(self) -> JobRun:
        return self._given or await self._made().__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        if self._own is not None:
            await self._own.__aexit__(None, None, None)

    def _made(self) -> JobRun:
        assert self._own is not None
        return self._own
