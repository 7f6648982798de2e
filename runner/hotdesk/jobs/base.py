"""The public contract of a sync job: ``from hotdesk.jobs import SyncJob, Plan, Change, Problem``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hotdesk.results import EMPTY, Diff, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.transfer import JobTransfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a job would do: ``verb`` create, update, delete, ... and ``subject`` (a path, a package)."""

    verb: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``sync`` will do, item by item. Empty: the target is in the wanted state already."""

    changes: tuple[Change, ...] = ()
    data: Mapping[str, Any] = EMPTY
    """The job's own."""
    diff: tuple[Diff, ...] = ()
    warnings: tuple[str, ...] = ()
    open: bool = False
    """``sync`` itself finds out what there is to do: it runs although ``changes`` is empty (only where ``SyncJob.preview_wanted`` is False)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What the job did: ``data`` are the documented RETURN keys."""

    changed: bool = False
    data: Mapping[str, Any] = EMPTY
    warnings: tuple[str, ...] = ()


class SyncJob(ABC):
    """Make one aspect of ``self.target`` like ``self.source``. One instance per task and host; the phases are called in this order.

    validate -> pre_sync -> (check mode ends here) -> sync -> post_sync; cleanup after each ending. Phases are ``async def``; a plain
    ``def`` runs in a bounded pool of threads.
    """

    def __init__(self, *, args: Mapping[str, Any], source: Machine, target: Machine, transfer: JobTransfer) -> None:
        self.args = args
        self.source = source
        self.target = target
        self.transfer = transfer
        """``await self.transfer(mirror, change=...)``: rsync from source to target over the runner's connections."""

    preview_wanted: bool = True
    """Somebody looks at the plan (check mode, a diff). False: a job may leave its plan ``open`` when finding it out is half of the work."""

    @abstractmethod
    async def validate(self) -> list[Problem]:
        """Read only: everything that must hold, all problems at once, each with its remedy."""

    @abstractmethod
    async def pre_sync(self) -> Plan:
        """Read only: what would change. This is what check mode shows."""

    @abstractmethod
    async def sync(self, plan: Plan) -> JobResult:
        """The change. Reports progress; may be cancelled at any await."""

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """Read back: is the target now what the plan promised? What is not is returned."""
        return []

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


__all__ = ["Change", "JobResult", "Plan", "Problem", "SyncJob"]
