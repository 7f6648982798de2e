from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.account_files import Accounts, parse
from hotdesk.jobs.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.jobs import Machine, SyncJob
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

JOB = Path(__file__).parents[3] / "collection/plugins/jobs/accounts.py"
HASH = "$6$salt$secret"


def accounts(*people: str, groups: str = "", passwd: str = "", subuid: str = "") -> Accounts:
    """PCs as their files say: ``anna:1001`` is a person with a group of her own; further lines as they stand."""
    pairs = [person.split(":") for person in people]
    return parse(
        {
            "passwd": "".join(f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n" for name, uid in pairs) + passwd,
            "shadow": "".join(f"{name}:{HASH}:19000:0:99999:7:::\n" for name, _ in pairs),
            "group": "".join(f"{name}:x:{uid}:\n" for name, uid in pairs) + groups,
            "subuid": subuid,
            "subgid": "",
            "login.defs": "",
        }
    )


@pytest.fixture
def job(jobs: JobRun, make_machine: MakeMachine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SyncJob]:
    """``job(here, there, login="ada", ...)``: the job between PCs that have these files; it is asked, and never acts."""

    def make(here: Accounts, there: Accounts, login: str = "", **args: Any) -> SyncJob:
        cls = load(JOB)
        module = sys.modules[cls.__module__]
        machines = [make_machine(name) for name in ("atlas", "vega")]
        for machine in machines:
            machine.info = dataclasses.replace(machine.info, uid=0)

        async def read(machine: Machine) -> Accounts:
            return here if machine.host == "atlas" else there

        async def call(*_args: Any, **_options: Any) -> dict[str, Any]:
            return {"name": login, "home": "", "sudo": False}

        async def nothing(*_args: Any) -> list[str]:
            return []

        monkeypatch.setattr(module, "read", read)
        monkeypatch.setattr(module, "lacking", nothing)
        monkeypatch.setattr(machines[1], "call", call)
        return jobs.job(cls, args, *machines)

    return make


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (accounts("anna:1002"), ["user anna is 1001 on atlas and 1002 on vega", "group anna is 1001"]),
        (accounts("carl:1001"), ["user anna is 1001 on atlas; on vega carl is that", "group anna is 1001"]),
        (accounts(passwd="anna:x:30:30::/:/bin/sh\n"), ["user anna is 1001 on atlas and 30 on vega"]),
        (accounts("eve:1005", subuid="eve:100100:50\n"), ["subuid: anna and eve would share 100100 to 100149 on vega"]),
    ],
)
async def test_what_collides_is_a_problem(job: Callable[..., SyncJob], there: Accounts, said: list[str]) -> None:
    """The same name, the same number, a shared range: each with a remedy, and nothing else."""
    found = await job(accounts("anna:1001", subuid="anna:100000:65536\n"), there).validate()
    assert [any(problem.message.startswith(text) for text in said) for problem in found] == [True] * len(said)
    assert all(problem.remedy for problem in found)


async def test_the_plan_is_in_an_order_that_can_be_done(job: Callable[..., SyncJob]) -> None:
    """Groups, users, passwords, memberships; each names what it needs, and no hash is in the plan."""
    one = job(accounts("anna:1001", groups="sudo:x:27:anna\n"), accounts(groups="sudo:x:27:\n"), create_home=False)
    assert await one.validate() == []
    plan = await one.pre_sync()
    assert [change.id for change in plan.changes] == [
        "create group anna",
        "create user anna",
        "update password of anna",
        "add anna in sudo",
    ]
    assert plan.changes[1].needs == ("create group anna",)
    assert plan.changes[2].needs == plan.changes[3].needs == ("create user anna",)
    assert HASH not in repr(plan)


async def test_names_that_are_none_are_refused(job: Callable[..., SyncJob]) -> None:
    """A source can call its users what it likes; the tools get only names."""
    assert await job(accounts("-rf:1001"), accounts()).validate() == []  # a line of NIS, nobody
    (first, *_) = await job(accounts("a --rf:1001"), accounts()).validate()
    assert first.message == "user 'a --rf' on atlas is no name that the tools take"


async def test_only_the_chosen_are_looked_at(job: Callable[..., SyncJob]) -> None:
    """A misspelt one is a problem with the nearest name; the others' collisions are none of ours."""
    here, there = accounts("anna:1001", "carl:1002"), accounts("carl:1007", "old:1009")
    (found,) = await job(here, there, users=["ana"]).validate()
    assert "anna" in found.remedy
    one = job(here, there, users=["anna"], create_home=False, delete=True)
    assert await one.validate() == []
    assert {"carl", "old"}.isdisjoint(word for change in (await one.pre_sync()).changes for word in change.id.split())


async def test_who_logs_in_is_not_deleted(job: Callable[..., SyncJob]) -> None:
    """Nor put out of a group; it is said."""
    there = accounts("ada:1001", "old:1002", groups="sudo:x:27:ada\n")
    one = job(accounts(groups="sudo:x:27:\n"), there, login="ada", delete=True)
    assert await one.validate() == []
    plan = await one.pre_sync()
    assert [change.id for change in plan.changes] == ["delete user old"]
    assert all(change.destructive for change in plan.changes)
    assert any("account of ada stays" in text for text in plan.warnings)
