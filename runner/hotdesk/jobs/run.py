"""What the sync jobs of one run share, and the order of a job's phases."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from hotdesk.aio import finish, in_thread
from hotdesk.errors import HostError, JobError, TaskError, UsageError
from hotdesk.jobs.expected import Met, before
from hotdesk.jobs.locks import PcLocks
from hotdesk.jobs.marks import Marks, kept_out
from hotdesk.jobs.review import SKIPPED, UNSEEN, with_needs
from hotdesk.jobs.topology import Topology
from hotdesk.jobs.transfer import JobTransfer
from hotdesk.results import EMPTY, JobChange, Problem, labels
from hotdesk.transfer import Transfers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from hotdesk.jobs.base import Change, JobResult, Plan, SyncJob
    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.review import Review, Step

CONSENT = "hotdesk_without_snapshot"
"""The variable by which a person wants destructive changes also where no snapshot covers them."""

SNAPSHOTS = "hotdesk rollback, by the run's snapshots"
"""How it can be undone where these cover everything."""
INSEPARABLE = "it cannot be done without what is left"
SHOWN = 10
"""Changes named in a warning."""
MOST_TOLD = 500
"""Changes of one task on one host that the run log names."""


class JobRun:
    """One per run (``async with``): the locks on the PCs, the limit on transfers, the threads for phases that block."""

    def __init__(self, run: str, *, transfers: int = 4, cleanup_limit: float = 10.0) -> None:
        self.locks = PcLocks(run)
        self.transfers = Transfers(transfers)
        self.cleanup_limit = cleanup_limit
        """Seconds that a job's clean-up may take."""
        self.marks = Marks()
        self.topology = Topology(run)
        self.met: list[Met] | None = None
        """What is to be expected of each PC from now on; None: nobody wants to know."""
        self.review: Review | None = None
        """Who judges each plan before it is done; None: all of it is done."""
        self.foreseen: dict[str, dict[str, list[Change]]] = {}
        """Host -> job -> what it would have changed there (check mode)."""
        self.unprotected: dict[str, tuple[str, ...]] = {}
        """Host -> places that the run's snapshots do not cover."""
        self.covered: set[str] = set()
        """Hosts all of which they cover."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await finish(self.locks.release(), grace=5.0)

    def job(
        self, cls: type[SyncJob], args: Mapping[str, Any], source: Machine, target: Machine, *, limit: int | None = None
    ) -> SyncJob:
        """One instance for one task on one host. Its transfers begin when fewer than ``limit`` run (None: the run's limit)."""
        transfer = JobTransfer(self.transfers, source, target, limit)
        return cls(args=args, source=source, target=target, transfer=transfer)

    async def call(self, job: SyncJob, phase: str, *args: Any) -> Any:
        """One phase. A plain ``def`` runs in a thread; one that gives back something to await breaks the contract (JobError)."""
        function = getattr(job, phase)
        if inspect.iscoroutinefunction(function):
            return await function(*args)
        answer = await in_thread(function, *args)
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise JobError(
                f"{type(job).__module__}: {phase} is a plain def that returned a coroutine; write 'async def {phase}'"
            )
        return answer

    async def validate(self, job: SyncJob) -> list[Problem]:
        """What preflight asks; reads only. Cleans up after itself."""
        try:
            return list(await self.call(job, "validate"))
        finally:
            await finish(self._cleanup(job), grace=self.cleanup_limit)

    async def perform(
        self, job: SyncJob, *, check: bool, preview: bool = True, step: Step | None = None
    ) -> tuple[Plan, JobResult]:
        """All phases in their order. In check mode it ends after the plan, and no lock is taken. ``preview``: the plan will be shown.

        ``step``: the task it is, for the review. What the review leaves is told in the result's data, under ``left``.

        Raises TaskError for problems before (nothing was changed) and after (the target is not what was planned), LockHeld, and
        whatever a phase raises. ``cleanup`` runs after every ending, bounded and not to be cancelled.
        """
        error: BaseException | None = None
        job.reviewed = self.review is not None and step is not None
        job.preview_wanted = check or preview or job.reviewed
        try:
            return await self._phases(job, check, step)
        except BaseException as exc:
            error = exc
            raise
        finally:
            await self._clean_up_after(job, error)

    async def _phases(self, job: SyncJob, check: bool, step: Step | None) -> tuple[Plan, JobResult]:
        problems = list(await self.call(job, "validate"))
        if problems:
            raise TaskError(told("nothing was changed", problems), data={"problems": listed(problems)})
        if not job.alone:
            await self.topology.admit(job.source, job.target)
        if not check:
            for machine in sorted((job.source, job.target), key=lambda each: each.host):
                await self.locks.take(machine)
        marked = await self.marks.about(job)
        job.marked = marked.keys()
        job.foreseen = self.foreseen.get(job.target.host, EMPTY) if check else EMPTY
        job.preview_wanted = job.preview_wanted or bool(marked)
        whole = self._undone_by_snapshots(job, await self.call(job, "pre_sync"))
        plan, left = await self._judged(job, whole, marked, step, check)
        self._protected(job, plan, check)
        if check or not (plan.changes or plan.open):
            result = with_left(job.preview(plan), left)
            _tell(job, plan.changes)
            if check:
                self.foreseen.setdefault(job.target.host, {}).setdefault(job.name, []).extend(plan.changes)
            else:
                if not job.alone:
                    self.topology.visit(job.source, job.target)
                await self.call(job, "remember", plan, result)
                await self._expect(job, plan, result, step)
            return plan, result
        if not job.alone:
            await self.topology.begin(job.source, job.target)
        result = with_left(await self.call(job, "sync", plan), left)
        _tell(job, [change for change in plan.changes if change.id not in result.failed])
        if result.failed:
            for text in (*plan.warnings, *result.warnings):  # a failed task's result has none
                job.target.warn(text)
            raise _failed(result)
        problems = list(await self.call(job, "post_sync", plan, result))
        if problems:
            raise TaskError(
                told("the target is not what was planned", problems), data={**result.data, "problems": listed(problems)}
            )
        await self.call(job, "remember", plan, result)
        await self._expect(job, plan, result, step)
        return plan, result

    async def _expect(self, job: SyncJob, plan: Plan, result: JobResult, step: Step | None) -> None:
        """Note what holds on the target from now on."""
        if self.met is None or step is None:
            return
        try:
            job.expected = await in_thread(before, step, job.target.host)
            found = await self.call(job, "expectations", plan, result)
        except (HostError, UsageError, OSError) as exc:  # what the job has done is done all the same
            job.target.warn(
                f"what 'hotdesk verify --jobs' is to expect of {job.target.host} could not be found out: {exc}"
            )
            return
        user = job.target.info.user
        self.met.append(Met(step, job.target.host, user, () if step.hidden else tuple(found)))

    def _undone_by_snapshots(self, job: SyncJob, plan: Plan) -> Plan:
        """What has no way back of its own has one where snapshots cover the whole PC."""
        if plan.covered and not plan.unprotected:
            self.covered.add(job.target.host)
        if job.target.host not in self.covered:
            return plan
        ways = {c.id: "" if c.id in plan.beyond_snapshots else c.undo or SNAPSHOTS for c in plan.changes}
        return replace(plan, changes=tuple(replace(c, undo=ways[c.id]) for c in plan.changes))

    def _protected(self, job: SyncJob, plan: Plan, check: bool) -> None:
        """What would be gone for good is not done without consent; in check mode it is only said."""
        host = job.target.host
        if plan.unprotected:
            self.unprotected[host] = plan.unprotected
        lost = [c.id for c in plan.changes if c.destructive or (c.conflict and c.id not in job.keeping)]
        if not lost or host not in self.unprotected or job.without_snapshot:
            return
        some = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
        text = f"no snapshot covers {', '.join(self.unprotected[host])} on {host}, and there would be no way back from: {some}"
        if check:
            job.target.warn(text)
            return
        remedy = f"Say that you want it with the variable {CONSENT}: true (for {host}, or -e {CONSENT}=true)."
        raise TaskError(f"nothing was changed: {text}", remedy=remedy)

    async def _judged(
        self, job: SyncJob, whole: Plan, marked: Mapping[str, str], step: Step | None, check: bool
    ) -> tuple[Plan, dict[str, str]]:
        """What is to be done of the plan, and why the rest is left: marks have the first word, then the review."""
        if self.review is not None:
            _told_apart(job, whole)
        left = kept_out(whole, marked)
        plan = await self._narrowed(job, whole, [c for c in whole.changes if c.id not in left], left)
        if self.review is not None and step is not None:
            verdict = await in_thread(self.review.consider, step, job.target.host, job.source.host, plan)
            if verdict.never and not check:
                await self.marks.remember(job, verdict.never)
            left |= verdict.left
            job.keeping = frozenset(verdict.keeping)
            plan = await self._narrowed(job, plan, verdict.changes, left)
        elif conflicts := [change.id for change in plan.changes if change.conflict]:
            job.target.warn(f"changed on {job.target.host} since the last sync: {labels(conflicts, SHOWN)}")
        if not UNSEEN.isdisjoint(left.values()):
            self.topology.partly.add(job.target.host)
        kept = {change.id for change in plan.changes}
        return plan, {c.id: left.get(c.id, INSEPARABLE) for c in whole.changes if c.id not in kept}

    async def _narrowed(self, job: SyncJob, plan: Plan, changes: Sequence[Change], left: dict[str, str]) -> Plan:
        if len(changes) == len(plan.changes):
            return plan
        narrowed: Plan = await in_thread(job.narrow, plan, with_needs(plan.changes, changes, left))
        return narrowed

    async def _clean_up_after(self, job: SyncJob, error: BaseException | None) -> None:
        try:
            await finish(self._cleanup(job), grace=self.cleanup_limit)
        except TimeoutError:
            text = f"{type(job).__module__}: clean-up on {job.target.host} was cut off after {self.cleanup_limit:g} seconds"
            if error is None:
                raise TaskError(text) from None
            job.target.warn(text)
        except Exception as exc:
            if error is None:
                raise
            job.target.warn(f"clean-up on {job.target.host} failed: {exc}")

    async def _cleanup(self, job: SyncJob) -> None:
        await self.call(job, "cleanup")


def _tell(job: SyncJob, changes: Sequence[Change]) -> None:
    """Have the run log say what was done (in check mode: would be). Nothing of a plan that was open, whose result says it."""
    if changes:
        some = [JobChange(c.verb, c.subject, c.detail, c.destructive, c.undo) for c in changes[:MOST_TOLD]]
        job.target.done(job.name, some, len(changes))


def _told_apart(job: SyncJob, plan: Plan) -> None:
    """Raise JobError for a plan in which one name stands for two changes: who approves one would approve both."""
    twice = [name for name, count in Counter(change.id for change in plan.changes).items() if count > 1]
    if twice:
        raise JobError(f"the job {job.name} calls two changes of one plan by the same name: {labels(twice)}")


def with_left(result: JobResult, left: Mapping[str, str]) -> JobResult:
    """The result that also says what of the plan was left, and why: in its data, and in a warning unless a person said so."""
    if not left:
        return result
    reasons: dict[str, list[str]] = {}
    for change, why in left.items():
        reasons.setdefault(why, []).append(change)
    warnings = [
        f"not done, since {why}: {labels(changes, SHOWN)}" for why, changes in reasons.items() if why != SKIPPED
    ]
    told = [{"change": change, "why": why} for change, why in left.items()]
    return replace(result, data={**result.data, "left": told}, warnings=(*result.warnings, *warnings))


def _failed(result: JobResult) -> TaskError:
    """Some changes could not be done: each by name, with why."""
    problems = [Problem(f"{change}: {why}") for change, why in result.failed.items()]
    return TaskError(told("could not be done", problems), data={**result.data, "failed_changes": dict(result.failed)})


def told(head: str, problems: Sequence[Problem]) -> str:
    """All problems as one message, each with its remedy."""
    lines = [p.message + (f" ({p.remedy})" if p.remedy else "") for p in problems]
    return f"{head}: {lines[0]}" if len(lines) == 1 else "\n  - ".join([f"{head}:", *lines])


def listed(problems: Sequence[Problem]) -> list[dict[str, str]]:
    """For the registered result."""
    return [{"message": p.message, "remedy": p.remedy} for p in problems]
