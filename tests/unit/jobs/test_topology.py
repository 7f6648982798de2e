"""The gate before a job's first change, and what is on the PCs before, meanwhile and after. Each PC is an agent with a folder of its own."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.connections.base import Endpoint
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import TaskError
from hotdesk.jobs import Change, JobResult, Machine, Plan, Problem, SyncJob
from hotdesk.jobs.run import JobRun
from hotdesk.jobs.topology import Consent
from tests.unit.machines import RUN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Make = Callable[[str], Awaitable[Machine]]


class Greet(SyncJob):
    """Has one thing to do, or nothing; looks at what the target remembers while it does it."""

    name = "greet"
    changes: tuple[Change, ...] = (Change(verb="say", subject="hello"),)
    meanwhile: Any = None

    async def validate(self) -> list[Problem]:
        return []

    async def pre_sync(self) -> Plan:
        return Plan(changes=self.changes)

    async def sync(self, plan: Plan) -> JobResult:
        self.meanwhile = json.loads(await self.target.read(f"{self.args['folder']}/history.json"))
        return JobResult(changed=True)


@pytest.fixture
async def pc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """``await pc("vega")``: a PC that calls itself so, with locks and a memory of its own."""
    async with AsyncExitStack() as stack:

        async def make(name: str) -> Machine:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
            monkeypatch.setenv("HOTDESK_LOCKS", str(folder))
            monkeypatch.setenv("HOTDESK_PC", name)
            connection = LocalConnection(Endpoint(host=name, kind="local"))
            stack.push_async_callback(connection.aclose)
            link = await Link.start(connection, run=RUN, grace=1.0)
            stack.push_async_callback(link.aclose)
            return Machine(link, host=name, task="t1")

        yield make


class Desk:
    """Runs of one job from atlas to vega."""

    def __init__(self, atlas: Machine, vega: Machine, folder: Path) -> None:
        self.atlas, self.vega, self.folder = atlas, vega, folder

    async def sync(
        self, run: str, consent: Consent | None, *, well: bool = True, check: bool = False, changes: int = 1
    ) -> Greet:
        async with JobRun(run) as jobs:
            jobs.topology.consent, jobs.topology.whole = consent, consent is not None
            self.vega.check = check
            job = jobs.job(Greet, {"folder": str(self.folder / "vega")}, self.atlas, self.vega)
            assert isinstance(job, Greet)
            job.changes = job.changes[:changes]
            try:
                await jobs.perform(job, check=check)
            except BaseException:
                well = False
                raise
            finally:
                assert await jobs.topology.end(lambda _host: well) == []
            return job

    def outcome(self) -> str:
        [source] = self.remembered("vega")["sources"]
        return str(source["outcome"])

    def remembered(self, name: str) -> Any:
        return json.loads((self.folder / name / "history.json").read_text())


@pytest.fixture
async def desk(pc: Make, tmp_path: Path) -> Desk:
    return Desk(await pc("atlas"), await pc("vega"), tmp_path)


async def test_nothing_happens_to_a_host_that_nobody_allowed(desk: Desk) -> None:
    """The refusal names what was found and the option; no PC remembers anything of it."""
    with pytest.raises(TaskError, match="atlas and vega meet for the first time") as refused:
        await desk.sync("run-1", Consent())
    assert "--allow-first-sync=vega" in (refused.value.remedy or "")
    assert [path.name for path in desk.folder.rglob("history*")] == []
    with pytest.raises(TaskError, match="first time"):
        await desk.sync("run-1", Consent(first=["lyra"], order=["vega"]))


async def test_it_has_begun_before_the_first_change_and_is_well_after_the_end(desk: Desk) -> None:
    """What is kept meanwhile is what a power cut would leave."""
    job = await desk.sync("run-1", Consent(first=["vega"]))
    assert [each["outcome"] for each in job.meanwhile["sources"]] == ["begun"]
    assert desk.outcome() == "ok"
    assert [each["name"] for each in desk.remembered("vega")["turns"]] == ["atlas"]
    assert [each["whole"] == each["turn"] for each in desk.remembered("vega")["turns"]] == [True]
    await desk.sync("run-2", Consent())


async def test_a_run_that_ends_badly_is_remembered_as_such(desk: Desk) -> None:
    """The target's next source sees it."""
    await desk.sync("run-1", Consent(first=["vega"]), well=False)
    assert desk.outcome() == "failed"
    with pytest.raises(TaskError, match="did not end well"):
        await desk.sync("run-2", Consent())


async def test_a_run_that_had_nothing_to_change_counts_too(desk: Desk) -> None:
    """vega has all of it; only a run that asks says so."""
    await desk.sync("run-1", None, changes=0)
    assert not (desk.folder / "vega/history.json").exists()
    await desk.sync("run-2", Consent(first=["vega"]), changes=0)
    assert desk.outcome() == "ok"


async def test_check_mode_writes_nothing(desk: Desk) -> None:
    """It says what was found."""
    await desk.sync("run-1", Consent(), check=True)
    assert "meet for the first time" in desk.vega.warnings[0]
    assert [path.name for path in desk.folder.rglob("history*")] == []


async def test_a_play_asks_nothing_and_is_remembered(desk: Desk) -> None:
    """As a part: nobody knows whether its playbook moves all there is."""
    await desk.sync("run-1", None)
    assert [each["whole"] for each in desk.remembered("vega")["turns"]] == [0]


async def test_a_broken_memory_is_no_permission(desk: Desk) -> None:
    """The file is named, with what to do."""
    (desk.folder / "vega/history.json").write_text("{")
    with pytest.raises(TaskError, match="not a history"):
        await desk.sync("run-2", Consent(first=["vega"]))


async def test_who_was_slower_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the first change another run was there."""
    await desk.sync("run-1", Consent(first=["vega"]))
    async with JobRun("run-2") as jobs:
        jobs.topology.consent = Consent()
        await jobs.topology.look(desk.atlas, desk.vega)
        await desk.sync("run-3", Consent())
        job = jobs.job(Greet, {"folder": str(desk.folder / "vega")}, desk.atlas, desk.vega)
        with pytest.raises(TaskError, match="nothing was changed: the history of vega or atlas could not be written"):
            await jobs.perform(job, check=False)


async def test_one_pc_under_two_names_is_no_meeting(pc: Make, desk: Desk) -> None:
    """There is nothing that it could lose to itself."""
    again = Desk(desk.atlas, await pc("atlas"), desk.folder)
    again.vega.host = "alias"
    async with JobRun("run-1") as jobs:
        jobs.topology.consent = Consent()
        assert await jobs.topology.look(again.atlas, again.vega) == []


async def test_targets_that_cannot_be_told_apart_are_found_together(pc: Make, desk: Desk, monkeypatch: Any) -> None:
    """Each is named, and with whom."""
    copy = await pc("lyra")
    monkeypatch.setattr(copy, "info", type(copy.info).of({**vars_of(copy), "machine_id": desk.vega.info.machine_id}))
    async with JobRun("run-1") as jobs:
        jobs.topology.consent = Consent(first=["vega", "lyra"])
        for target in (desk.vega, copy):
            await jobs.topology.look(desk.atlas, target)
        found = jobs.topology.found()
        assert {host: jobs.topology.refused(host, each)[0].kind for host, each in found.items()} == {
            "vega": "identity",
            "lyra": "identity",
        }


def vars_of(machine: Machine) -> dict[str, Any]:
    return {name: getattr(machine.info, name) for name in type(machine.info).__dataclass_fields__}
