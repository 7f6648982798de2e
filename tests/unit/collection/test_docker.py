"""The docker job from one PC to another whose engines are told: what is done first, and what is said. The real engine is in tests/lab."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.connections.link import Completed
from hotdesk.jobs.load import load
from hotdesk.jobs.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.jobs import JobResult, Plan
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

    Sync = Callable[..., Awaitable[tuple[Plan, JobResult]]]

CLASS = load(Path(__file__).parents[3] / "collection/plugins/jobs/docker.py")
RECORDED = json.loads((Path(__file__).parents[1] / "jobs/docker_recorded.json").read_text())


class PC(Machine):
    """This PC's agent, root's as far as the job can see, with a Docker that is as told."""

    docker: dict[str, Any]
    after: dict[str, Any]
    """As it is when what a kill left is undone."""
    asked: list[str]

    async def call(self, module: Any, function: str, *args: Any, **more: Any) -> Any:
        if "docker_" not in module.__name__:
            return await super().call(module, function, *args, **more)
        if function == "describe":
            return deepcopy(self.docker)
        if function == "there":
            return args[0]
        self.asked.append(f"{function} {self.host}")
        if function == "recover":
            self.docker = self.after
            return []
        return None

    async def run(self, argv: Any, **more: Any) -> Completed:
        """All programs are there, and all volumes are alike."""
        if argv[0] == "sh" and "command -v" in argv[2]:
            return Completed(rc=0, stdout=b"", stderr=b"")
        if argv[0] == "sh" and "sha256sum" in argv[2]:
            return Completed(rc=0, stdout="".join(f"{place}\tsame -\n" for place in argv[4:]).encode(), stderr=b"")
        return await super().run(argv, **more)


@pytest.fixture
def pcs() -> dict[str, dict[str, Any]]:
    """PC -> what its Docker has."""
    return {name: deepcopy(RECORDED) for name in ("atlas", "vega")}


@pytest.fixture
def sync(
    jobs: JobRun,
    make_machine: MakeMachine,
    pcs: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Sync:
    """``plan, result = await sync(after, done)``: the job from atlas to vega, which is as ``after`` once what was left is undone."""
    monkeypatch.setattr("hotdesk.jobs.transaction.ROOT", str(tmp_path / "journals"))

    async def run(
        after: dict[str, Any], done: list[str], *, check: bool = False, **args: Any
    ) -> tuple[Plan, JobResult]:
        ends = []
        for host in ("atlas", "vega"):
            plain = make_machine(host, for_host="vega", check=check)
            pc = PC(plain.link, host=host, task="t1", for_host="vega", check=check)
            pc.info = replace(plain.info, uid=0)
            pc.docker, pc.after, pc.asked = pcs[host], after, done
            ends.append(pc)
        return await jobs.perform(jobs.job(CLASS, args, *ends), check=check)

    return run


async def test_what_a_kill_left_is_undone_first_and_looked_at_again(sync: Sync, pcs: dict[str, dict[str, Any]]) -> None:
    """A container that had half taken another's place looked right: when the old one is back, the job says that there is more to do."""
    after = deepcopy(RECORDED)
    after["containers"]["web"]["config"]["Env"] = ["TOKEN=earlier"]
    pcs["vega"]["unfinished"] = ["put in place web"]
    pcs["vega"]["containers"].pop("idle")
    done: list[str] = []
    _, result = await sync(after, done)
    assert result.data["items"] == ["undo left on vega", "create container idle"]
    assert done[0] == "recover vega"
    (told,) = [text for text in result.warnings if "the next run has more to do" in text]
    assert told.endswith("replace container web, replace container side")


@pytest.mark.parametrize(("storage", "kept"), [("overlay2", False), ("btrfs", True)])
async def test_what_is_in_layers_is_beyond_snapshots(
    sync: Sync, pcs: dict[str, dict[str, Any]], storage: str, kept: bool
) -> None:
    """Where the engine of the target keeps them as subvolumes of their own."""
    pcs["vega"]["storage"] = storage
    pcs["vega"]["containers"]["own"] = {**deepcopy(RECORDED["containers"]["idle"]), "id": "9"}
    plan, _ = await sync({}, [], check=True, delete=True)
    assert ("remove container own" in plan.beyond_snapshots) is kept
