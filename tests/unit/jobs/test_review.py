from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import JobError
from hotdesk.jobs import Change, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.review import (
    CONFLICT,
    DRIFTED,
    NEVER,
    NEW,
    REMOVES,
    SKIPPED,
    Allowing,
    Approval,
    Recorder,
    Reviewed,
    Step,
)
from hotdesk.jobs.run import JobRun

if TYPE_CHECKING:
    from tests.unit.machines import MakeMachine

STEP = Step("my.own.apt", "Packages", "/book.yml:4")


def install(name: str, after: str = "1", needs: tuple[str, ...] = ()) -> Change:
    return Change(verb="install", subject=name, after=after, needs=needs)


def approved(change: Change, **decisions: str) -> Reviewed:
    return Reviewed(
        id=change.id, decisions=decisions or {"vega": "approve"}, destructive=change.destructive,  # type: ignore[arg-type]
        detail=change.detail, before=dict.fromkeys(decisions or ["vega"], change.before), after=change.after,
    )  # fmt: skip


def test_exactly_what_was_approved_is_done() -> None:
    """What is skipped, new, another version by now, or approved for another host stays."""
    planned = Plan(changes=(install("a"), install("b"), install("c"), install("d", "2"), install("e"), install("f")))
    reviewed = [
        approved(install("a")),
        approved(install("b"), vega="skip"),
        approved(install("d", "1")),
        approved(install("e"), lyra="approve"),
        approved(install("f"), vega="never"),
    ]
    verdict = Approval({STEP: reviewed}).consider(STEP, "vega", "atlas", planned)
    assert verdict.changes == (planned.changes[0],)
    assert verdict.left == {
        "install b": SKIPPED, "install c": NEW, "install d": DRIFTED, "install e": NEW, "install f": NEVER,
    }  # fmt: skip
    assert verdict.never == (planned.changes[5],)


async def test_one_name_for_two_changes_is_refused(make_machine: MakeMachine) -> None:
    """Who approves one would approve both."""

    class Twins(SyncJob):
        name = "twins"

        async def validate(self) -> list[Problem]:
            return []

        async def pre_sync(self) -> Plan:
            return Plan(changes=(install("a", "1"), install("a", "2")))

        async def sync(self, plan: Plan) -> JobResult:
            raise AssertionError("nothing may be done")

    async with JobRun("run-a") as jobs:
        jobs.review = Approval({STEP: [approved(install("a", "1"))]})
        job = jobs.job(Twins, {}, make_machine("atlas"), make_machine("vega"))
        with pytest.raises(JobError, match="the same name: install a"):
            await jobs.perform(job, check=False, step=STEP)


WRITTEN = Change(verb="update", subject="notes", conflict="changed there since the last sync")
GONE = Change(verb="delete", subject="draft", conflict="came up there since the last sync", destructive=True)
OLD = Change(verb="delete", subject="old", destructive=True)


@pytest.mark.parametrize(
    ("allowing", "done", "kept"),
    [
        (Allowing(), [], []),
        (Allowing(removals=True), ["old"], []),
        (Allowing(conflicts="keep"), ["notes"], ["notes"]),
        (Allowing(conflicts="discard"), ["notes"], []),
        (Allowing(removals=True, conflicts="keep"), ["notes", "draft", "old"], ["notes", "draft"]),
    ],
)
def test_work_of_the_target_goes_only_when_that_was_allowed(
    allowing: Allowing, done: list[str], kept: list[str]
) -> None:
    """To allow removals says nothing of what was changed since; a file that would go needs both."""
    verdict = allowing.consider(STEP, "vega", "atlas", Plan(changes=(install("a"), WRITTEN, GONE, OLD)))
    assert [change.subject for change in verdict.changes] == ["a", *done]
    assert [name.partition(" ")[2] for name in verdict.keeping] == kept
    assert set(verdict.left.values()) <= {CONFLICT, REMOVES}


def test_a_conflict_is_done_only_when_it_was_one_in_the_plan() -> None:
    """What came up after the review is left; "keep" says that the target's version stays beside."""
    now = Plan(changes=(WRITTEN, GONE))
    before = Change(verb="update", subject="notes")
    kept = Reviewed(id=GONE.id, decisions={"vega": "keep"}, destructive=True, conflict=True)
    verdict = Approval({STEP: [approved(before), kept]}).consider(STEP, "vega", "atlas", now)
    assert verdict.changes == (GONE,)
    assert verdict.keeping == (GONE.id,)
    assert verdict.left == {WRITTEN.id: DRIFTED}


def test_what_became_a_removal_since_is_not_done() -> None:
    """Though it was approved when it was none."""
    now = Change(verb="replace", subject="x", destructive=True)
    then = Reviewed(id=now.id, decisions={"vega": "approve"})
    assert not Approval({STEP: [then]}).consider(STEP, "vega", "atlas", Plan(changes=(now,))).changes


def test_what_needs_something_that_is_left_is_left_too() -> None:
    """However long the chain; what nothing planned provides is no reason."""
    changes = (
        install("tool", needs=("install lib",)),
        install("lib", needs=("write repo",)),
        Change(verb="write", subject="repo"),
        install("other", needs=("install present",)),
    )
    reviewed = [approved(change) for change in changes if change.subject != "repo"]
    verdict = Approval({STEP: reviewed}).consider(STEP, "vega", "atlas", Plan(changes=changes))
    assert verdict.changes == (changes[3],)
    assert verdict.left["install tool"] == "it needs 'install lib', which is left"


def test_what_was_approved_and_not_come_to_is_known() -> None:
    """A step that a host never reached, with how much was approved there."""
    approval = Approval({STEP: [approved(install("a"), vega="approve", lyra="approve"), approved(install("b"))]})
    approval.consider(STEP, "lyra", "atlas", Plan())
    assert approval.unmet() == [(STEP, "vega", 2)]


def test_a_step_that_hides_its_changes_is_recorded_without_them() -> None:
    """no_log: nobody can approve what nobody may see."""
    recorder = Recorder()
    hidden = Step("my.own.apt", "Packages", "/book.yml:4", hidden=True)
    recorder.consider(hidden, "vega", "atlas", Plan(changes=(install("secret"),)))
    assert not recorder.planned[0].plan.changes
    assert "no_log" in recorder.planned[0].plan.warnings[0]
