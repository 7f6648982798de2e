from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs.load import load
from hotdesk.snapshots import Pc
from tests.unit.machines import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hotdesk.jobs import Machine
    from hotdesk.jobs.base import SyncJob
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

SNAPSHOT = Path(__file__).parents[3] / "collection/plugins/jobs/snapshot.py"
GIB = 1 << 30


class Store:
    """What PCs have, and what they were told to do: in place of their btrfs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mounts: dict[str, tuple[str, ...]] = {}
        self.unprotected: dict[str, list[str]] = {}
        self.sets: dict[str, list[dict[str, Any]]] = {}
        self.free: dict[str, int] = {}
        self.waiting: list[str] = []
        self.version: list[int] | None = [6, 2]
        self.done: list[tuple[Any, ...]] = []
        monkeypatch.setattr(sys.modules[load(SNAPSHOT).__module__], "look", self.look)

    async def look(self, machine: Machine, _wanted: Sequence[str] | None = None) -> Pc:
        host = machine.host
        places = self.mounts.get(host, ("/", "/home"))
        mounted = [{"path": f"@{m}", "mount": m, "device": "/dev/sda", "number": "0:7"} for m in places]
        disks = [{"device": "/dev/sda", "free": self.free.get(host, 50 * GIB), "size": 100 * GIB, "mount": "/"}]
        rest = {
            "sets": self.sets.get(host, []),
            "unprotected": self.unprotected.get(host, []),
            "left_out": [],
            "waiting": self.waiting,
        }
        return Pc(machine, {"version": self.version, "root": True, "mounted": mounted, "file_systems": disks, **rest})

    def add(self, host: str, run: str, phase: str, mounts: Sequence[str], *, days: float = 0.0) -> None:
        covered = [{"name": m, "path": m, "mount": m} for m in mounts]
        one = {"run": run, "phase": phase, "complete": True, "at": time.time() - days * 86400, "subvolumes": covered}
        self.sets.setdefault(host, []).append(one)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    found = Store(monkeypatch)

    async def create(pc: Pc, run: str, phase: str, mounts: Sequence[str]) -> dict[str, Any]:
        found.done.append(("create", pc.machine.host, phase, *mounts))
        found.add(pc.machine.host, run, phase, mounts)
        return {"made": list(mounts), "removed": ["old.before"]}

    async def prune(pc: Pc, runs: Sequence[str], wanted: dict[str, int], current: str = "") -> dict[str, Any]:
        found.done.append(("prune", pc.machine.host, *runs, *wanted.values()))
        return {"removed": list(runs), "short": ["/"] if wanted else []}

    monkeypatch.setattr(Pc, "create", create)
    monkeypatch.setattr(Pc, "prune", prune)
    return found


@pytest.fixture
def job(jobs: JobRun, make_machine: MakeMachine, store: Store) -> Callable[..., SyncJob]:
    """``job(phase="before", ...)``: from atlas to vega."""

    def make(*, check: bool = False, source: str = "atlas", **args: Any) -> SyncJob:
        given = {"required": False, "keep": 10, "keep_days": 30, "keep_free": "10%", "subvolumes": None, **args}
        there, here = make_machine(source, for_host="vega", check=check), make_machine("vega", check=check)
        return jobs.job(load(SNAPSHOT), given, there, here)

    return make


async def test_both_pcs_get_one_snapshot_of_each_subvolume(
    jobs: JobRun, job: Callable[..., SyncJob], store: Store
) -> None:
    """Once in a run: the second target's task finds the source's made. It counts as no change of the PC."""
    plan, result = await jobs.perform(job(phase="before"), check=False)
    assert sorted(store.done) == [
        ("create", "atlas", "before", "/", "/home"),
        ("create", "vega", "before", "/", "/home"),
    ]
    assert "snapshot /home before the run on the source" in result.data["items"]
    assert not result.changed
    assert any("unfinished: old.before" in text for text in result.warnings)
    plan, _ = await jobs.perform(job(phase="before"), check=False)
    assert not plan.changes


async def test_check_mode_lists_the_same_and_does_nothing(
    jobs: JobRun, job: Callable[..., SyncJob], store: Store
) -> None:
    """What it lists is what a run then does."""
    store.add("vega", "r-old", "before", ["/"], days=99)
    store.add("vega", RUN, "before", ["/"])
    listed = (await jobs.perform(job(check=True, phase="after"), check=True))[1].data["items"]
    assert store.done == []
    assert (await jobs.perform(job(phase="after"), check=False))[1].data["items"] == listed
    assert "remove the snapshots of r-old" in listed


async def test_the_target_that_is_the_source_is_snapshotted_once(
    jobs: JobRun, job: Callable[..., SyncJob], store: Store
) -> None:
    """A play may name all its PCs."""
    await jobs.perform(job(phase="before", source="vega"), check=False)
    assert store.done == [("create", "vega", "before", "/", "/home")]


async def test_only_the_subvolumes_named(jobs: JobRun, job: Callable[..., SyncJob], store: Store) -> None:
    """On the source those of them that it has."""
    store.mounts["atlas"] = ("/",)
    await jobs.perform(job(phase="before", subvolumes=["/home"]), check=False)
    assert store.done == [("create", "vega", "before", "/home")]


async def test_old_runs_go_after_a_good_end_only(jobs: JobRun, job: Callable[..., SyncJob], store: Store) -> None:
    """By number and age on each PC for itself, and for room; never before."""
    for number in range(3):
        store.add("vega", f"r{number}", "before", ["/"], days=10 - number)
    store.free["vega"] = 5 * GIB
    await jobs.perform(job(phase="before", keep=2), check=False)
    assert not [done for done in store.done if done[0] == "prune"]
    _, result = await jobs.perform(job(phase="after", keep=2), check=False)
    assert [done for done in store.done if done[0] == "prune"] == [("prune", "vega", "r0", "r1", 10 * GIB)]
    assert any("less than 10% is free at /" in text for text in result.warnings)


async def test_pruning_by_itself_is_the_targets_alone(jobs: JobRun, job: Callable[..., SyncJob], store: Store) -> None:
    """hotdesk snapshots prune --hosts vega leaves atlas as it is."""
    for number in range(3):
        store.add("vega", f"r{number}", "before", ["/"], days=10 - number)
        store.add("atlas", f"r{number}", "before", ["/"], days=10 - number)
    await jobs.perform(job(phase="prune", keep=1), check=False)
    assert store.done == [("prune", "vega", "r0", "r1")]


async def test_what_no_snapshot_covers_is_said_and_then_needs_consent(
    jobs: JobRun, job: Callable[..., SyncJob], store: Store
) -> None:
    """The run remembers it for the jobs that follow."""
    store.mounts["vega"], store.unprotected["vega"] = (), ["/ (ext4)"]
    plan, _ = await jobs.perform(job(phase="before"), check=False)
    assert any("vega: no snapshot of / (ext4)" in text for text in plan.warnings)
    assert jobs.unprotected == {"vega": ("/ (ext4)",)}
    with pytest.raises(TaskError, match=r"no snapshot of / \(ext4\)"):
        await jobs.perform(job(phase="before", required=True), check=False)


async def test_a_pc_that_waits_for_its_reboot_is_left_alone(
    jobs: JobRun, job: Callable[..., SyncJob], store: Store
) -> None:
    """No play begins on it; one that brought it there ends well, with a warning."""
    store.waiting = ["/home"]
    with pytest.raises(TaskError, match="vega waits for its reboot"):
        await jobs.perform(job(phase="before"), check=False)
    plan, _ = await jobs.perform(job(phase="after"), check=False)
    assert "vega: no snapshot of /home" in plan.warnings[0]


async def test_all_problems_at_once(job: Callable[..., SyncJob], store: Store) -> None:
    """Of the arguments; then of the PCs."""
    problems = await job(phase="after", keep=-1, keep_free="much", subvolumes=["home"]).validate()
    assert [text.message.partition(":")[0] for text in problems] == ["keep", "keep_free", "subvolumes"]
    store.version = None
    problems = await job(phase="after").validate()
    assert [text.message for text in problems] == [
        f"{host} has btrfs but not the program btrfs" for host in ("vega", "atlas")
    ]
    assert all("btrfs-progs" in text.remedy for text in problems)


async def test_a_snapshot_that_is_not_there_afterwards_fails(
    jobs: JobRun, job: Callable[..., SyncJob], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read back."""

    async def nothing(_pc: Pc, *_args: Any) -> dict[str, Any]:
        return {"made": [], "removed": []}

    monkeypatch.setattr(Pc, "create", nothing)
    with pytest.raises(TaskError, match="there is no snapshot of /home"):
        await jobs.perform(job(phase="before"), check=False)


def test_the_run_names_the_snapshots(job: Callable[..., SyncJob]) -> None:
    """So that they can be found from the run's log."""
    assert job(phase="before")._run == RUN  # type: ignore[attr-defined]
