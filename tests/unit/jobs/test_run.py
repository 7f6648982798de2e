from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import JobError, LockHeld, TaskError
from hotdesk.events import JobDone
from hotdesk.jobs import Change, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.run import JobRun
from hotdesk.results import JobChange

if TYPE_CHECKING:
    from hotdesk.jobs import Machine
    from tests.unit.machines import MakeMachine

PLAN = Plan(changes=(Change(verb="create", subject="x"),))


class Story(SyncJob):
    """Writes down what is called."""

    problems: tuple[Problem, ...] = ()
    left: tuple[Problem, ...] = ()
    plan = PLAN

    def told(self, what: str) -> None:
        self.__dict__.setdefault("story", []).append(what)

    async def validate(self) -> list[Problem]:
        self.told("validate")
        return list(self.problems)

    async def pre_sync(self) -> Plan:
        self.told("pre_sync")
        return self.plan

    async def sync(self, plan: Plan) -> JobResult:
        self.told("sync")
        return JobResult(changed=True)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        self.told("post_sync")
        return list(self.left)

    async def cleanup(self) -> None:
        self.told("cleanup")


def make(cls: type[SyncJob], jobs: JobRun, make_machine: MakeMachine, **options: Any) -> Any:
    return jobs.job(cls, {}, make_machine("atlas", **options), make_machine("vega", **options))


async def test_the_order_of_phases(make_machine: MakeMachine) -> None:
    """validate, pre_sync, sync, post_sync, cleanup."""
    async with JobRun("run-a") as jobs:
        job = make(Story, jobs, make_machine)
        _, result = await jobs.perform(job, check=False)
    assert job.story == ["validate", "pre_sync", "sync", "post_sync", "cleanup"]
    assert result.changed


async def test_check_mode_ends_after_the_plan(make_machine: MakeMachine) -> None:
    """It tells what would change and takes no lock."""
    async with JobRun("run-a") as jobs, JobRun("run-b") as other:
        job = make(Story, jobs, make_machine, check=True)
        _, result = await jobs.perform(job, check=True)
        await other.locks.take(make_machine("vega"))
    assert job.story == ["validate", "pre_sync", "cleanup"]
    assert result.changed
    assert result.data["items"] == ["create x"]


async def test_a_job_in_check_mode_knows_what_those_before_it_would_have_done(make_machine: MakeMachine) -> None:
    """Of its own target alone; where it was done, the target itself shows it."""
    async with JobRun("run-a") as jobs:
        for check in (False, True):
            first, second = (make(Story, jobs, make_machine, check=check) for _ in range(2))
            first.name = "first"
            await jobs.perform(first, check=check)
            await jobs.perform(second, check=check)
            assert second.foreseen.get("first", []) == (list(PLAN.changes) if check else [])


async def test_an_empty_plan_changes_nothing(make_machine: MakeMachine) -> None:
    """sync is not even called."""

    class Same(Story):
        plan = Plan()

    async with JobRun("run-a") as jobs:
        job = make(Same, jobs, make_machine)
        _, result = await jobs.perform(job, check=False)
    assert job.story == ["validate", "pre_sync", "cleanup"]
    assert not result.changed


async def test_problems_stop_before_anything(make_machine: MakeMachine) -> None:
    """All of them, each with its remedy."""

    class Bad(Story):
        problems = (Problem("no disk", "Buy one."), Problem("no rsync", "Install it."))

    async with JobRun("run-a") as jobs:
        job = make(Bad, jobs, make_machine)
        with pytest.raises(TaskError, match="nothing was changed") as caught:
            await jobs.perform(job, check=False)
    assert "Buy one." in caught.value.message
    assert job.story == ["validate", "cleanup"]


async def test_what_is_not_as_planned_fails(make_machine: MakeMachine) -> None:
    """post_sync's findings are the failure."""

    class Left(Story):
        left = (Problem("x is missing"),)

    async with JobRun("run-a") as jobs:
        with pytest.raises(TaskError, match="not what was planned: x is missing"):
            await jobs.perform(make(Left, jobs, make_machine), check=False)


async def test_changes_that_could_not_be_done_fail_by_name(make_machine: MakeMachine) -> None:
    """What the job did besides stays in the result."""

    class Half(Story):
        async def sync(self, plan: Plan) -> JobResult:
            return JobResult(changed=True, data={"done": 1}, failed={"create x": "no room"})

    async with JobRun("run-a") as jobs:
        with pytest.raises(TaskError, match="could not be done: create x: no room") as caught:
            await jobs.perform(make(Half, jobs, make_machine), check=False)
    assert caught.value.data["failed_changes"] == {"create x": "no room"}
    assert caught.value.data["done"] == 1


@pytest.mark.parametrize("no_log", [False, True])
async def test_the_run_log_learns_what_was_done(make_machine: MakeMachine, no_log: bool) -> None:
    """Change by change with how each is undone, without what failed; with no_log no more than how many there were."""

    class Three(Story):
        plan = Plan(changes=tuple(Change(verb="install", subject=name, undo=f"remove {name}") for name in "abc"))

        async def sync(self, plan: Plan) -> JobResult:
            return JobResult(changed=True, failed={"install b": "broken"})

    async with JobRun("run-a") as jobs:
        with pytest.raises(TaskError):
            await jobs.perform(make(Three, jobs, make_machine, no_log=no_log), check=False)
    (done,) = [event for event in make_machine.events if isinstance(event, JobDone)]
    assert done.total == 2
    told = () if no_log else (JobChange("install", "a", undo="remove a"), JobChange("install", "c", undo="remove c"))
    assert done.changes == told


class Removes(Story):
    """A destructive job."""

    plan = Plan(changes=(Change(verb="delete", subject="x", destructive=True),))


class RemovesLayers(Story):
    """One of what it does no snapshot undoes, whatever else would."""

    plan = Plan(
        changes=(Change(verb="delete", subject="x", undo="by a journal"), Change(verb="delete", subject="y")),
        beyond_snapshots=("delete x",),
    )


class Unprotected(Story):
    """A snapshot job that could not cover everything."""

    plan = Plan(unprotected=("/ (ext4)",))


class Covered(Story):
    """A snapshot job that covers everything."""

    plan = Plan(covered=("/",))


async def test_what_has_no_way_back_has_one_by_snapshots(make_machine: MakeMachine) -> None:
    """Where they cover the whole PC; the plan says so, and else that there is none."""
    async with JobRun("run-a") as jobs:
        plan, _ = await jobs.perform(make(Removes, jobs, make_machine), check=False)
        assert plan.changes[0].undo == ""
        await jobs.perform(make(Covered, jobs, make_machine), check=False)
        plan, _ = await jobs.perform(make(Removes, jobs, make_machine), check=False)
        assert plan.changes[0].undo == "hotdesk rollback, by the run's snapshots"
        plan, _ = await jobs.perform(make(RemovesLayers, jobs, make_machine), check=False)
        assert [change.undo for change in plan.changes] == ["", "hotdesk rollback, by the run's snapshots"]


async def test_what_no_snapshot_covers_is_not_removed_without_consent(make_machine: MakeMachine) -> None:
    """Only destructive jobs ask, only on that PC, only after a snapshot job said so; check mode says it and goes on."""
    async with JobRun("run-a") as jobs:
        await jobs.perform(make(Removes, jobs, make_machine), check=False)
        await jobs.perform(make(Unprotected, jobs, make_machine), check=False)
        await jobs.perform(make(Story, jobs, make_machine), check=False)
        with pytest.raises(TaskError, match=r"no snapshot covers / .* no way back from: delete x") as caught:
            await jobs.perform(make(Removes, jobs, make_machine), check=False)
        assert "hotdesk_without_snapshot: true" in caught.value.remedy
        checked = make(Removes, jobs, make_machine, check=True)
        await jobs.perform(checked, check=True)
        assert "no snapshot covers" in checked.target.warnings[0]
        wanted = make(Removes, jobs, make_machine)
        wanted.without_snapshot = True
        await jobs.perform(wanted, check=False)
        assert "sync" in wanted.story
        await jobs.perform(jobs.job(Removes, {}, make_machine("atlas"), make_machine("lyra")), check=False)


async def test_cleanup_runs_when_sync_is_cancelled(make_machine: MakeMachine) -> None:
    """To its end, and the cancel goes on."""

    class Slow(Story):
        async def sync(self, plan: Plan) -> JobResult:
            self.told("sync")
            reached.set()
            await asyncio.sleep(600)
            return JobResult()

        async def cleanup(self) -> None:
            await asyncio.sleep(0.01)
            self.told("cleanup")

    reached = asyncio.Event()
    async with JobRun("run-a") as jobs:
        job = make(Slow, jobs, make_machine)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(jobs.perform(job, check=False))
            await reached.wait()
            task.cancel()
    assert task.cancelled()
    assert job.story[-1] == "cleanup"


async def test_a_cleanup_that_hangs_is_cut_off_by_name(make_machine: MakeMachine) -> None:
    """The message says whose it was."""

    class Stuck(Story):
        async def cleanup(self) -> None:
            await asyncio.sleep(600)

    async with JobRun("run-a", cleanup_limit=0.05) as jobs:
        with pytest.raises(TaskError, match=r"clean-up on vega was cut off"):
            await jobs.perform(make(Stuck, jobs, make_machine), check=False)


async def test_a_plain_def_runs_in_a_thread(make_machine: MakeMachine) -> None:
    """It does not hold up the loop."""

    class Plain(Story):
        def validate(self) -> list[Problem]:  # type: ignore[override]
            self.told(threading.current_thread().name)
            return []

    async with JobRun("run-a") as jobs:
        job = make(Plain, jobs, make_machine)
        await jobs.validate(job)
    assert job.story[0].startswith("hotdesk-pool")


async def test_a_plain_def_that_returns_a_coroutine_never_counts_as_done(make_machine: MakeMachine) -> None:
    """What the loader cannot see is refused when it is called."""

    class Sly(Story):
        def validate(self) -> Any:
            return getattr(self, "pre" + "_sync")()

    async with JobRun("run-a") as jobs:
        with pytest.raises(JobError, match="async def validate"):
            await jobs.validate(make(Sly, jobs, make_machine))


async def test_the_loser_of_a_lock_learns_who_holds_it(make_machine: MakeMachine) -> None:
    """Run and host of the holder; its record is not touched; a release frees the PC."""
    async with JobRun("run-b") as other:
        async with JobRun("run-a") as jobs:
            await jobs.perform(make(Story, jobs, make_machine), check=False)
            job = make(Story, other, make_machine)
            for _ in range(2):
                with pytest.raises(LockHeld, match="run-a"):
                    await other.perform(job, check=False)
            assert "sync" not in job.story
        await other.perform(make(Story, other, make_machine), check=False)


async def test_locks_are_taken_in_one_order(make_machine: MakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever is the source: of two runs in opposite directions exactly one loses."""
    order: list[str] = []

    async def take(machine: Machine) -> None:
        order.append(machine.host)

    async with JobRun("run-a") as jobs:
        monkeypatch.setattr(jobs.locks, "take", take)
        for source, target in (("atlas", "vega"), ("vega", "atlas")):
            job = jobs.job(Story, {}, make_machine(source), make_machine(target))
            await jobs.perform(job, check=False)
    assert order == ["atlas", "vega"] * 2
