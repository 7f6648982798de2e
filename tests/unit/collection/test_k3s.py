"""The k3s job from one PC to another whose k3s is told: what a kill in the middle of a swap is to the next run. Real ones are in tests/lab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.connections.link import Completed
from hotdesk.errors import TaskError
from hotdesk.jobs.k3s_staging import Staging
from hotdesk.jobs.load import load
from hotdesk.jobs.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.jobs import JobResult, Plan
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

    Sync = Callable[..., Awaitable[tuple[Plan, JobResult]]]

CLASS = load(Path(__file__).parents[3] / "collection/plugins/jobs/k3s.py")
WHOLE = {
    "version": "v1.30.4+k3s1", "sqlite": "3.40.1", "unit": "active", "known": True, "command": "", "host": "node", "kind": "etcd", "files": {},
    "signed": [], "config": {}, "nodes": ["node"], "pods": False, "served": True, "half": False,
}  # fmt: skip
BROKEN_OFF = {**WHOLE, "unit": "inactive", "kind": "", "nodes": [], "served": False, "half": True}


class PC(Machine):
    """This PC's agent, root's as far as the job can see, with a k3s that is as told; ``half``: a kill has left half of two states."""

    half: bool
    objects: dict[str, str]
    asked: list[str]
    starting: int = 0
    """So many looks find that it does not answer yet."""

    async def call(self, module: Any, function: str, *args: Any, **more: Any) -> Any:
        if "k3s_" not in module.__name__:
            return await super().call(module, function, *args, **more)
        if function == "unfinished_swaps":
            return ["put back the state of k3s"] * self.half
        if function == "survey":
            self.starting -= 1
            return BROKEN_OFF if args[-1] else {**WHOLE, "served": self.starting < 0}
        if function == "cluster_objects" and self.half:
            raise TaskError("database disk image is malformed")
        if more["change"]:
            self.asked.append(f"{function} {self.host}")
        if function == "recover":
            self.half = False
        elif function == "swap":
            self.objects = {"configmaps shop/page": "new"}
        return self.objects if function == "cluster_objects" else []

    async def run(self, argv: Any, **more: Any) -> Completed:
        """All programs are there."""
        if argv[0] == "sh" and "command -v" in argv[2]:
            return Completed(rc=0, stdout=b"", stderr=b"")
        return await super().run(argv, **more)


@pytest.fixture
def pcs(make_machine: MakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, PC]:
    """atlas and vega, whose objects differ."""

    async def fill(_: Staging) -> str:
        return ""

    monkeypatch.setattr("hotdesk.jobs.transaction.ROOT", str(tmp_path / "journals"))
    monkeypatch.setattr(Staging, "fill", fill)
    monkeypatch.setattr(Staging, "items", lambda _: [])
    found, asked = {}, list[str]()
    for host, content in (("atlas", "new"), ("vega", "old")):
        plain = make_machine(host, for_host="vega")
        pc = PC(plain.link, host=host, task="t1", for_host="vega")
        pc.info = replace(plain.info, uid=0)
        pc.half, pc.objects, pc.asked = False, {"configmaps shop/page": content}, asked
        found[host] = pc
    return found


@pytest.mark.parametrize("host", ["atlas", "vega"])
async def test_what_a_kill_left_is_undone_before_anything_is_compared(
    jobs: JobRun, pcs: dict[str, PC], host: str
) -> None:
    """Half of two states is no cluster that can be read; what differs is seen once the old one is back and answers."""
    pcs[host].half, pcs[host].starting = True, 1
    plan, result = await jobs.perform(jobs.job(CLASS, {}, pcs["atlas"], pcs["vega"]), check=False)
    assert result.data["items"] == [f"undo left on {host}", "replace k3s state"]
    assert plan.changes[0].detail == "put back the state of k3s"
    assert pcs["vega"].asked == [f"go_on {host}", f"recover {host}", "swap vega"]
    assert pcs["vega"].objects == pcs["atlas"].objects


async def test_a_plan_after_a_kill_says_what_it_would_undo(jobs: JobRun, pcs: dict[str, PC]) -> None:
    """And does nothing of it."""
    pcs["vega"].half = True
    plan, _ = await jobs.perform(jobs.job(CLASS, {}, pcs["atlas"], pcs["vega"]), check=True)
    assert [change.id for change in plan.changes] == ["undo left on vega", "replace k3s state"]
    assert plan.changes[1].needs == ("undo left on vega",)
    assert pcs["vega"].asked == []


async def test_old_states_that_are_alike_are_left(jobs: JobRun, pcs: dict[str, PC]) -> None:
    """Once it is back, the target's may be what the source has."""
    pcs["vega"].half, pcs["vega"].objects = True, pcs["atlas"].objects
    await jobs.perform(jobs.job(CLASS, {}, pcs["atlas"], pcs["vega"]), check=False)
    assert pcs["vega"].asked == ["go_on vega", "recover vega"]
