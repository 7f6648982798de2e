"""What becomes of a job's plan before it is done: kept for a person's review, or held against what was approved."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from hotdesk.frozen import frozen
from hotdesk.results import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hotdesk.jobs.base import Change, Plan

Decision = Literal["approve", "keep", "skip", "never"]


@frozen
class Step:
    """A task of the playbook that runs a job, the same for all hosts."""

    job: str
    """Fully qualified."""
    task: str
    """Its name, as written."""
    at: str
    """file:line."""
    item: str = ""
    """Of its loop, as JSON."""
    hidden: bool = field(default=False, compare=False)
    """``no_log``: its changes are shown to nobody, so nobody can approve them."""


@frozen
class Verdict:
    """What is to be done of a plan, and why the rest is left."""

    changes: tuple[Change, ...]
    left: Mapping[str, str]
    """Id of a change that is not done -> why."""
    never: tuple[Change, ...] = ()
    """Those of them that a mark on their machine will keep out from now on."""
    keeping: tuple[str, ...] = ()
    """Ids of those done for which the target's version is saved beside."""


class Review(Protocol):
    """Asked once for each step on each host, between ``pre_sync`` and ``sync``."""

    def consider(self, step: Step, host: str, source: str, plan: Plan) -> Verdict: ...


@dataclass(slots=True)
class Planned:
    """One step on one host, as it was planned."""

    step: Step
    host: str
    source: str
    plan: Plan


@dataclass(slots=True)
class Recorder:
    """Keeps every plan, for ``hotdesk plan``; leaves nothing out."""

    planned: list[Planned] = field(default_factory=list)

    def consider(self, step: Step, host: str, source: str, plan: Plan) -> Verdict:
        if step.hidden and plan.changes:
            plan = replace(plan, changes=(), warnings=("no_log hides what it would change: a plan never does it",))
        self.planned.append(Planned(step, host, source, plan))
        return Verdict(plan.changes, {})


@frozen
class Allowing:
    """Everything, but of what removes or overwrites what a person may miss only what was allowed: for whoever has reviewed nothing."""

    removals: bool = False
    conflicts: Literal["leave", "keep", "discard"] = "leave"

    def consider(self, step: Step, host: str, source: str, plan: Plan) -> Verdict:
        left = {}
        for change in plan.changes:
            if change.conflict and self.conflicts == "leave":
                left[change.id] = CONFLICT
            elif change.destructive and not self.removals:
                left[change.id] = REMOVES
        kept = with_needs(plan.changes, [change for change in plan.changes if change.id not in left], left)
        beside = [change.id for change in kept if change.conflict] if self.conflicts == "keep" else []
        return Verdict(kept, left, keeping=tuple(beside))


@frozen
class Reviewed:
    """A change of a plan file, with what was decided for each of its hosts."""

    id: str
    decisions: Mapping[str, Decision]
    destructive: bool = False
    conflict: bool = False
    detail: str = ""
    before: Mapping[str, str] = EMPTY
    """Host -> what it had; hosts that had nothing, or nobody knew, may be left out."""
    after: str = ""

    def same(self, change: Change, host: str) -> bool:
        """It is still what was looked at. What a job calls by digests or versions is known by these, the rest by its detail."""
        if (self.destructive, self.conflict) != (change.destructive, bool(change.conflict)):
            return False
        before = self.before.get(host, "")
        if before or self.after or change.before or change.after:
            return (before, self.after) == (change.before, change.after)
        return self.detail == change.detail


CONFLICT = "it was changed there since the last sync, and nobody has allowed that to be lost (--review, --plan FILE or --keep-conflicts)"
REMOVES = "it removes something, and nobody has allowed that (--review, --plan FILE or --allow-removals)"
NEW = "it is not in the plan"
DRIFTED = "it is no longer what was planned"
SKIPPED = "the plan says skip"
NEVER = "the plan says never"
UNSEEN = frozenset({NEW, DRIFTED, CONFLICT})
"""Left though nobody has said that the target is not to have it: then it has not got all that its source has."""


class Approval:
    """A reviewed plan. Exactly what was approved in it is done, as long as it is still the same."""

    def __init__(self, steps: Mapping[Step, Sequence[Reviewed]]) -> None:
        self._steps: dict[Step, dict[tuple[str, str], list[Reviewed]]] = {}
        self._waiting: dict[tuple[Step, str], set[str]] = {}
        """What was approved and has not been met yet."""
        for step, changes in steps.items():
            entries = self._steps.setdefault(step, {})
            for change in changes:
                for host, decision in change.decisions.items():
                    entries.setdefault((host, change.id), []).append(change)
                    if decision in ("approve", "keep"):
                        self._waiting.setdefault((step, host), set()).add(change.id)

    def consider(self, step: Step, host: str, source: str, plan: Plan) -> Verdict:
        entries = self._steps.get(step, {})
        kept, left, never = [], {}, []
        waiting = self._waiting.pop((step, host), set())
        keeping = []
        for change in plan.changes:
            waiting.discard(change.id)
            found = entries.get((host, change.id), [])
            entry = next((one for one in found if one.same(change, host)), None)
            decision = entry.decisions[host] if entry is not None else None
            if decision in ("approve", "keep"):
                kept.append(change)
                keeping += [change.id] if decision == "keep" else []
            elif decision == "never":
                never.append(change)
                left[change.id] = NEVER
            else:
                left[change.id] = SKIPPED if decision == "skip" else DRIFTED if found else NEW
        return Verdict(with_needs(plan.changes, kept, left), left, tuple(never), tuple(keeping))

    def unmet(self) -> list[tuple[Step, str, int]]:
        """(step, host, how many): approved, on a step that this run did not come to."""
        return [(step, host, len(changes)) for (step, host), changes in self._waiting.items()]


def with_needs(planned: Iterable[Change], kept: Sequence[Change], left: dict[str, str]) -> tuple[Change, ...]:
    """``kept`` without those that need a planned change which is not kept; ``left`` learns why."""
    known = {change.id for change in planned}
    going = {change.id: change for change in kept}
    while True:
        lacking = {
            change.id: need for change in going.values() for need in change.needs if need in known and need not in going
        }
        if not lacking:
            return tuple(going.values())
        for name, need in lacking.items():
            del going[name]
            left[name] = f"it needs '{need}', which is left"
