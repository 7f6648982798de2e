"""The public contract of a sync job: ``from hotdesk.jobs import SyncJob, Plan, Change, Expectation, Problem``. See docs/writing-a-job.md."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from hotdesk.frozen import frozen
from hotdesk.results import EMPTY, Diff, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.transfer import JobTransfer


@frozen(kw_only=True)
class Change:
    """One thing that a job would do: ``verb`` create, update, delete, ... and ``subject`` (a path, a package).

    It is what a person approves or leaves, one by one, so ``sync`` does exactly the changes of the plan it is given.
    """

    verb: str
    subject: str
    detail: str = ""
    destructive: bool = False
    """Something that the target has is gone afterwards (a removal). Never done from a reviewed plan without being approved."""
    conflict: str = ""
    """The target's version was changed there since the last sync, and would be lost: says how. Done only when approved, or kept beside."""
    before: str = ""
    """What the target has now, as a version or digest; empty: nothing, or not known. Never a secret."""
    after: str = ""
    """What it will have. A plan that was reviewed is not done where ``before`` or ``after`` are no longer what they were then."""
    undo: str = ""
    """How it can be undone afterwards, in words for the plan. Empty: it cannot be, and the plan says so."""
    needs: tuple[str, ...] = ()
    """Ids of changes of the same plan without which this one cannot be done: it is left when one of them is."""

    @property
    def id(self) -> str:
        """The same on every host: with the job's task it tells changes apart. No two of one plan may share it."""
        return f"{self.verb} {self.subject}"


@frozen(kw_only=True)
class Plan:
    """What ``sync`` will do, item by item. Empty: the target is in the wanted state already."""

    changes: tuple[Change, ...] = ()
    data: Mapping[str, Any] = EMPTY
    """The job's own."""
    diff: tuple[Diff, ...] = ()
    warnings: tuple[str, ...] = ()
    open: bool = False
    """``sync`` itself finds out what there is to do: it runs although ``changes`` is empty (only where ``SyncJob.preview_wanted`` is False)."""
    unprotected: tuple[str, ...] = ()
    """Places of the target that the run's snapshots cannot cover: destructive changes of later jobs there need consent."""
    covered: tuple[str, ...] = ()
    """Places that they do cover. When there are no others, later changes can be undone by them."""
    beyond_snapshots: tuple[str, ...] = ()
    """Ids of changes that they do not undo even so."""


@frozen(kw_only=True)
class JobResult:
    """What the job did: ``data`` are the documented RETURN keys."""

    changed: bool = False
    data: Mapping[str, Any] = EMPTY
    warnings: tuple[str, ...] = ()
    failed: Mapping[str, str] = EMPTY
    """Id of each change that could not be done (and of those that needed it) -> why. The others were done; the task fails and names these."""


@frozen(kw_only=True)
class Expectation:
    """Something that holds on the target from now on, until a sync or a person changes it; ``hotdesk verify --jobs`` looks at it later.

    ``kind`` says how it is looked at and what ``value`` holds (plain JSON values, never a secret): see docs/writing-a-job.md.
    """

    kind: str
    subject: str
    value: Mapping[str, Any]


class SyncJob(ABC):
    """Make one aspect of ``self.target`` like ``self.source``. One instance per task and host; the phases are called in this order.

    validate -> pre_sync -> (check mode ends here) -> sync -> post_sync -> remember -> expectations; cleanup after each ending. Phases are
    ``async def``; a plain ``def`` runs in a bounded pool of threads.
    """

    def __init__(self, *, args: Mapping[str, Any], source: Machine, target: Machine, transfer: JobTransfer) -> None:
        self.args = args
        self.source = source
        self.target = target
        self.transfer = transfer
        """``await self.transfer(mirror, change=...)``: rsync from source to target over the runner's connections."""

    name: ClassVar[str] = ""
    """Of its file; set when it is loaded."""
    after: ClassVar[tuple[str, ...]] = ()
    """Names of jobs (``apt``, or fully qualified) that must come before this one when a play has both. Checked before any host is touched."""
    alone: ClassVar[bool] = False
    """It brings nothing from the source to the target: to them it is no sync that is asked about or remembered."""
    handles: ClassVar[tuple[str, ...]] = ()
    """Paths, as rsync patterns, that this job alone may move: ``folder`` never touches them (transfer/excludes.py is the one list)."""
    preview_wanted: bool = True
    """Somebody looks at the plan (check mode, a diff, a review). False: a job may leave its plan ``open`` when finding it out is half of the work."""
    marked: Collection[str] = ()
    """Subjects that somebody has marked as a machine's own: each must be a change by itself, if it is one."""
    expected: Sequence[Expectation] = ()
    """What this task left to be expected of the target at the end of the last run, for a job that looks only at what it touches."""
    foreseen: Mapping[str, Sequence[Change]] = EMPTY
    """Job -> what it would have changed on the target before this one: in check mode, and for a plan, where it was not done."""
    reviewed: bool = False
    """The plan is kept for review, or held against one that was: ``before`` and ``after`` are worth the looking."""

    keeping: Collection[str] = ()
    """Ids of changes with a ``conflict`` whose target's version is saved beside before they are done. Set before ``sync``."""
    without_snapshot: bool = False
    """Destructive changes are wanted also where this run's snapshots do not cover the target (the variable ``hotdesk_without_snapshot``)."""

    @abstractmethod
    async def validate(self) -> list[Problem]:
        """Read only: everything that must hold, all problems at once, each with its remedy."""

    @abstractmethod
    async def pre_sync(self) -> Plan:
        """Read only: what would change. This is what check mode shows."""

    @abstractmethod
    async def sync(self, plan: Plan) -> JobResult:
        """The change: exactly ``plan.changes``, in their order. Reports progress; may be cancelled at any await."""

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """Read back: is the target now what the plan promised? What is not is returned."""
        return []

    async def remember(self, plan: Plan, result: JobResult) -> None:  # noqa: B027 - a hook a job may leave out
        """Leave on the PCs what a later run compares with; also when there was nothing to do, never in check mode."""

    async def expectations(self, plan: Plan, result: JobResult) -> Sequence[Expectation]:
        """What holds on the target now, changed or not; reads only. ``plan`` is what was done: what was left promises nothing."""
        return ()

    async def present(self, machine: Machine, subjects: Sequence[str]) -> Sequence[str]:
        """Which of these subjects ``machine`` (the source or the target) has; reads only. A mark on one that is gone is forgotten."""
        return subjects

    def scope(self, machine: Machine) -> str:
        """What subjects are relative to on ``machine``, for a job that several tasks run for several places: tells their marks apart."""
        return ""

    def narrow(self, plan: Plan, changes: tuple[Change, ...]) -> Plan:
        """``plan`` with only these of its changes. A job whose ``data`` says again what there is to do narrows that too."""
        return replace(plan, changes=changes)

    async def cleanup(self) -> None:  # noqa: B027 - a hook a job may leave out
        """Release what pre_sync/sync took. Bounded and shielded; also after failure and cancel."""

    def preview(self, plan: Plan) -> JobResult:
        """The result that check mode gives for ``plan``: what ``sync`` would return, as far as it can be known."""
        items = [" ".join(filter(None, (c.verb, c.subject, c.detail))) for c in plan.changes]
        return JobResult(changed=bool(plan.changes), data={"items": items}, warnings=plan.warnings)

    def writes(self) -> list[str]:
        """Paths on the target that ``sync`` writes to: the disk watch looks at their file systems."""
        return []

    def reads(self) -> list[str]:
        """Paths on the source that it reads."""
        return []


__all__ = ["Change", "Expectation", "JobResult", "Plan", "Problem", "SyncJob"]
