from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from hotdesk.jobs import Change, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.history import Identity
from hotdesk.jobs.review import Approval, Reviewed, Step
from hotdesk.jobs.run import JobRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hotdesk.jobs import Machine
    from tests.unit.machines import MakeMachine

STEP = Step("my.own.things", "Things", "/book.yml:4")
ADD, REMOVE, USE = (
    Change(verb="add", subject="new"),
    Change(verb="remove", subject="old", destructive=True),
    Change(verb="use", subject="new-thing", needs=("add new",)),
)


class Things(SyncJob):
    """Adds and removes; atlas has ``new``, vega has ``old``."""

    name = "things"
    there: ClassVar = {"atlas": {"new"}, "vega": {"old"}}
    done: tuple[str, ...] = ()

    async def validate(self) -> list[Problem]:
        return []

    async def pre_sync(self) -> Plan:
        return Plan(changes=(ADD, REMOVE, USE))

    async def sync(self, plan: Plan) -> JobResult:
        self.done = tuple(change.subject for change in plan.changes)
        return JobResult(changed=True)

    def scope(self, machine: Machine) -> str:
        return machine.host  # both are this PC, with one file of marks

    async def present(self, machine: Machine, subjects: Sequence[str]) -> list[str]:
        return [subject for subject in subjects if subject in self.there[machine.host]]


class Marks:
    """The file of marks."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, marks: Any) -> None:
        self.file.write_text(marks if isinstance(marks, str) else json.dumps(marks))

    def read(self) -> Any:
        return json.loads(self.file.read_text())


@pytest.fixture(autouse=True)
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_lock: None) -> Marks:
    """Where this PC's marks are, for this test."""
    monkeypatch.setenv("HOTDESK_LOCKS", str(tmp_path))
    tmp_path.chmod(0o777)
    return Marks(tmp_path / "marks.json")


async def sync(make_machine: MakeMachine, **decisions: Any) -> tuple[Things, JobResult]:
    async with JobRun("run-a") as jobs:
        if decisions:
            changes = [
                Reviewed(id=c.id, decisions={"vega": decisions.get(c.verb, "approve")}, destructive=c.destructive)
                for c in (ADD, REMOVE, USE)
            ]
            jobs.review = Approval({STEP: changes})
        job = jobs.job(Things, {}, make_machine("atlas"), make_machine("vega"))
        _, result = await jobs.perform(job, check=False, step=STEP)
        assert isinstance(job, Things)
        return job, result


async def test_never_holds_from_then_on(make_machine: MakeMachine, marks: Marks) -> None:
    """The mark is where the item is: on the target for what it keeps, on the source, by name, for what does not go there."""
    await sync(make_machine, add="never", remove="never")
    found = {mark["subject"]: mark["hosts"] for mark in marks.read()}
    assert found == {"old": [], "new": [Identity.of(make_machine("vega")).key]}
    job, result = await sync(make_machine)
    assert job.done == ()
    assert result.data["left"][0] == {"change": "add new", "why": "it is marked on atlas as its own"}
    assert {each["change"]: each["why"] for each in result.data["left"]}["use new-thing"].startswith(
        "it needs 'add new'"
    )


async def test_a_mark_for_another_host_is_none_for_this_one(make_machine: MakeMachine, marks: Marks) -> None:
    """One source feeds many. Who that is says its machine-id, not what the inventory calls it."""
    marks.write([{"job": "things", "scope": "atlas", "subject": "new", "hosts": ["another-machine-id vega"]}])
    job, _ = await sync(make_machine)
    assert job.done == ("new", "old", "new-thing")


async def test_a_mark_goes_when_its_item_is_gone(
    make_machine: MakeMachine, marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes again later is not marked."""
    marks.write([{"job": "things", "scope": "vega", "subject": "old", "hosts": []}])
    job, _ = await sync(make_machine)
    assert "old" not in job.done
    monkeypatch.setitem(Things.there, "vega", set())
    await sync(make_machine)
    assert marks.read() == []


async def test_marks_that_cannot_be_read_are_no_permission(make_machine: MakeMachine, marks: Marks) -> None:
    """Nothing is done then."""
    marks.write("{")
    with pytest.raises(OSError, match="not a list of marks"):
        await sync(make_machine)
