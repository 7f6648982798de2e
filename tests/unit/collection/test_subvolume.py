from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.load import load
from hotdesk.snapshots.pcs import Differences
from hotdesk.snapshots.replicas import Kept, Subvolume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotdesk.jobs import Machine
    from hotdesk.jobs.base import SyncJob
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

FILE = Path(__file__).parents[3] / "collection/plugins/jobs/subvolume.py"
ABOUT = {
    "kind": "subvolume", "device": "/dev/sda", "path": "@data", "btrfs": True, "mounted": False, "by_id": False, "parent": True,
    "root": True, "version": [6, 2], "inner": [],
}  # fmt: skip
FIRST = {"place": "sent/@data/r1", "run": "r1", "uuid": "u1", "of": "u1", "parent": "live-atlas"}
COPY = {"place": "received/@data/r1", "run": "r1", "uuid": "c1", "of": "u1", "parent": ""}


class Pcs:
    """What both PCs have, in place of their btrfs."""

    def __init__(self) -> None:
        self.about: dict[str, dict[str, Any]] = {"atlas": dict(ABOUT), "vega": dict(ABOUT)}
        self.kept = {"atlas": Kept((FIRST,), (), "live-atlas", ""), "vega": Kept((COPY,), (), "live-vega", "c1")}
        self.differences = {"atlas": 0, "vega": 0}

    async def describe(self, machine: Machine, path: str) -> Subvolume:
        return Subvolume(machine, path, self.about[machine.host])


@pytest.fixture
def pcs(monkeypatch: pytest.MonkeyPatch) -> Pcs:
    found = Pcs()

    async def kept(subvolume: Subvolume) -> Kept:
        return found.kept[subvolume.machine.host]

    async def changes(subvolume: Subvolume, _since: Mapping[str, str], _most: int) -> Differences:
        number = found.differences[subvolume.machine.host]
        return Differences(tuple(("*", f"/{n}", "") for n in range(number)), number, ("/data",))

    monkeypatch.setattr(sys.modules[load(FILE).__module__], "describe", found.describe)
    monkeypatch.setattr(Subvolume, "kept", kept)
    monkeypatch.setattr(Subvolume, "changes", changes)
    return found


@pytest.fixture
def job(jobs: JobRun, make_machine: MakeMachine, pcs: Pcs) -> Callable[..., SyncJob]:
    """``job(path=...)``: in check mode, from atlas to vega."""

    def make(*, source: str = "atlas", **args: Any) -> SyncJob:
        given = {"path": "/data", "dest": None, "when_mounted": "refuse", "bwlimit": None, "keep_replaced": 2, **args}
        there, here = make_machine(source, for_host="vega", check=True), make_machine("vega", check=True)
        return jobs.job(load(FILE), given, there, here)

    return make


async def test_nothing_is_planned_when_nothing_differs(jobs: JobRun, job: Callable[..., SyncJob]) -> None:
    """Neither on the source since what both have, nor on the target."""
    plan, result = await jobs.perform(job(), check=True)
    assert not plan.changes
    assert not result.changed
    assert result.data["base"] == "r1"


@pytest.mark.parametrize(
    ("ahead", "own", "destructive", "detail"),
    [
        (3, 0, False, "3 differences on atlas"),
        (0, 2, True, "0 differences on atlas, 2 made on vega, which are put aside"),
    ],
)
async def test_what_the_target_has_made_is_not_lost_unseen(
    jobs: JobRun, job: Callable[..., SyncJob], pcs: Pcs, ahead: int, own: int, destructive: bool, detail: str
) -> None:
    """It is counted, named and destructive; what only the source has is neither. The plan says where the old one is kept."""
    pcs.differences = {"atlas": ahead, "vega": own}
    plan, result = await jobs.perform(job(), check=True)
    (change,) = plan.changes
    assert (change.verb, change.subject, change.destructive, change.detail) == ("replace", "/data", destructive, detail)
    assert "replaced/@data" in change.undo
    assert [item.startswith("put aside") for item in result.data["items"]] == [False] * ahead + [True] * own
    assert plan.data["send"] == bool(ahead)


async def test_without_a_common_snapshot_all_is_sent(jobs: JobRun, job: Callable[..., SyncJob], pcs: Pcs) -> None:
    """What is there and was not made from one is lost as a whole; where nothing is, nothing is lost."""
    pcs.kept["vega"] = Kept((), ("received/@data/r0",), "live-vega", "")
    plan, _ = await jobs.perform(job(), check=True)
    assert [(change.verb, change.destructive) for change in plan.changes] == [("remove", False), ("replace", True)]
    pcs.kept["vega"] = Kept((), (), "", "")
    plan, result = await jobs.perform(job(), check=True)
    assert [(change.verb, change.destructive) for change in plan.changes] == [("create", False)]
    assert result.data["base"] == ""


async def test_the_way_back_begins_at_what_was_received(jobs: JobRun, job: Callable[..., SyncJob], pcs: Pcs) -> None:
    """vega's copy and atlas's original are the same snapshot, whichever of the two is the source now."""
    pcs.kept = {"atlas": Kept((COPY,), (), "live-vega", "c1"), "vega": Kept((FIRST,), (), "live-atlas", "")}
    pcs.differences["atlas"] = 1
    plan, _ = await jobs.perform(job(), check=True)
    assert plan.data["base"]["place"] == "received/@data/r1"
    assert not plan.changes[0].destructive


async def test_the_source_itself_has_nothing_to_do(jobs: JobRun, job: Callable[..., SyncJob]) -> None:
    """A play may name all its PCs."""
    _, result = await jobs.perform(job(source="vega"), check=True)
    assert result.data["msg"] == "vega is the source"


@pytest.mark.parametrize(
    ("host", "about", "message"),
    [
        ("atlas", {"kind": "directory"}, "that is no subvolume"),
        ("atlas", {"kind": "missing"}, "there is nothing"),
        ("atlas", {"version": None}, "atlas has btrfs but not the program btrfs"),
        ("vega", {"version": [4, 1]}, "vega has btrfs-progs 4.1"),
        ("vega", {"root": False}, "need root"),
        ("vega", {"btrfs": False}, "not on btrfs"),
        ("vega", {"kind": "directory"}, "plain directory"),
        ("vega", {"kind": "missing", "parent": False}, "/ does not exist on vega"),
        ("vega", {"inner": ["docker"]}, "has subvolumes within: docker"),
        ("vega", {"mounted": True}, "seen there after a reboot only"),
        ("atlas", {"path": ".hotdesk-snapshots/replaced/@data/r1"}, "atlas waits for its reboot"),
        ("vega", {"path": ".hotdesk-snapshots/replaced/@data/r1"}, "waits for its reboot"),
    ],
)
async def test_what_does_not_hold_is_told_with_a_remedy(
    job: Callable[..., SyncJob], pcs: Pcs, host: str, about: dict[str, Any], message: str
) -> None:
    """One problem each."""
    pcs.about[host].update(about)
    (problem,) = await job().validate()
    assert message in problem.message
    assert problem.remedy


async def test_a_mounted_one_can_wait_for_the_next_boot(jobs: JobRun, job: Callable[..., SyncJob], pcs: Pcs) -> None:
    """Then it is said; not when fstab would mount the old one again."""
    pcs.about["vega"]["mounted"] = True
    pcs.differences["atlas"] = 1
    plan, _ = await jobs.perform(job(when_mounted="next_boot"), check=True)
    assert "only after a reboot" in plan.warnings[0]
    pcs.about["vega"]["by_id"] = True
    (problem,) = await job(when_mounted="next_boot").validate()
    assert "mounted by subvolid" in problem.message


async def test_all_wrong_arguments_at_once(job: Callable[..., SyncJob]) -> None:
    """The root is none of a running system's subvolumes to replace."""
    problems = await job(path="data", dest="/", bwlimit="fast").validate()
    assert [problem.message.partition(":")[0] for problem in problems] == ["path", "dest", "bwlimit"]


def test_rates_are_those_of_rsync() -> None:
    """KiB a second, or with a unit."""
    rate = sys.modules[load(FILE).__module__]._rate
    assert [rate(text) for text in ("", "500", "2m", "1.5g")] == [0, 500 << 10, 2 << 20, 3 << 29]
