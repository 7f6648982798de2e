from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs.load import load
from hotdesk.snapshots import Pc
from hotdesk.snapshots.pcs import Differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.jobs import Machine
    from hotdesk.jobs.base import SyncJob
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

FILE = Path(__file__).parents[3] / "collection/plugins/jobs/rollback.py"
ROOT = {"name": "@", "path": "@", "mount": "/"}
HOME = {"name": "@home", "path": "@home", "mount": "/home"}


@pytest.fixture
def found() -> dict[str, Any]:
    """What the PC has."""
    one = {
        "run": "r1",
        "phase": "before",
        "device": "/dev/sda",
        "complete": True,
        "at": 1.0,
        "subvolumes": [ROOT, HOME],
    }
    mounted = [
        {"path": each["path"], "mount": each["mount"], "device": "/dev/sda", "number": "0:7"} for each in (ROOT, HOME)
    ]
    return {"version": [6, 2], "root": True, "mounted": mounted, "waiting": [], "boot": [], "sets": [one]}


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What was done, in place of doing it."""
    told: list[tuple[Any, ...]] = []

    async def look(machine: Machine) -> Pc:
        return Pc(machine, found)

    async def compare(*_: Any, **__: Any) -> Differences:
        entries = (("-", "/etc/gone", ""), ("+", "/home/new", ""), ("*", "/etc/issue", ""), ("-", "/homes", ""))
        return Differences(entries, 4, ("/", "/home"))

    async def create(_pc: Pc, _run: str, phase: str, mounts: list[str]) -> dict[str, Any]:
        told.append(("create", phase, *mounts))
        return {}

    async def restore(_machine: Machine, device: str, run: str, paths: list[str], _this: str) -> list[str]:
        told.append(("restore", device, run, *paths))
        return ["@/srv/within"]

    async def not_restored(*_: Any) -> list[str]:
        return list(found.get("not_restored", []))

    async def fixed(*_: Any) -> list[str]:
        return list(found.get("fixed", []))

    module = sys.modules[load(FILE).__module__]
    for each in (look, compare, restore, not_restored, fixed):
        monkeypatch.setattr(module, each.__name__, each)
    monkeypatch.setattr(Pc, "create", create)
    return told


@pytest.fixture
def job(jobs: JobRun, make_machine: MakeMachine, done: list[tuple[Any, ...]]) -> Callable[..., SyncJob]:
    def make(*, check: bool = False, **args: Any) -> SyncJob:
        given = {"run": "r1", "subvolumes": None, "consent": True, **args}
        machine = make_machine("vega", check=check)
        return jobs.job(load(FILE), given, machine, machine)

    return make


async def test_what_is_there_is_kept_before_it_is_replaced(
    jobs: JobRun, job: Callable[..., SyncJob], done: list[tuple[Any, ...]]
) -> None:
    """So that it can be undone. The plan says the reboot; what could not go over is named."""
    plan, result = await jobs.perform(job(), check=False)
    assert done == [("create", "before", "/", "/home"), ("restore", "/dev/sda", "r1", "@", "@home")]
    assert all(change.destructive and "reboot" in change.detail and change.undo for change in plan.changes)
    assert result.data["reboot_required"]
    assert result.data["items"] == ["+ /etc/gone", "- /home/new", "* /etc/issue", "+ /homes"]
    assert "@/srv/within" in result.warnings[0]


async def test_check_mode_needs_no_consent_and_does_nothing(
    jobs: JobRun, job: Callable[..., SyncJob], done: list[tuple[Any, ...]]
) -> None:
    """It lists what comes back, at the places that were asked for."""
    _, result = await jobs.perform(job(check=True, consent=False, subvolumes=["/"]), check=True)
    assert result.data["items"] == ["+ /etc/gone", "* /etc/issue", "+ /homes"]
    assert done == []


@pytest.mark.parametrize(
    ("about", "args", "message"),
    [
        ({}, {"consent": False}, "a rollback needs consent"),
        ({}, {"run": "r9"}, "no snapshots from before the run 'r9'"),
        ({}, {"subvolumes": ["/", "/srv"]}, "no snapshot of /srv"),
        ({"mounted": []}, {}, "@ is not mounted any more"),
        ({"fixed": ["/home"]}, {}, "/home is mounted by the number of its subvolume"),
        ({"waiting": ["/"]}, {}, "waits for its reboot"),
        ({"version": None}, {}, "not the program btrfs"),
    ],
)
async def test_what_does_not_hold_is_told_before_any_change(
    jobs: JobRun,
    job: Callable[..., SyncJob],
    found: dict[str, Any],
    done: list[tuple[Any, ...]],
    about: dict[str, Any],
    args: dict[str, Any],
    message: str,
) -> None:
    """With a remedy."""
    found.update(about)
    with pytest.raises(TaskError, match="nothing was changed") as caught:
        await jobs.perform(job(**args), check=False)
    assert message in str(caught.value)
    assert all(problem["remedy"] for problem in caught.value.data["problems"])
    assert done == []


async def test_what_did_not_come_back_fails(jobs: JobRun, job: Callable[..., SyncJob], found: dict[str, Any]) -> None:
    """It is read back."""
    found["not_restored"] = ["@home"]
    with pytest.raises(TaskError, match="@home is not what it was before r1"):
        await jobs.perform(job(), check=False)


async def test_a_separate_boot_is_warned_of(jobs: JobRun, job: Callable[..., SyncJob], found: dict[str, Any]) -> None:
    """Its kernels stay as they are."""
    found["boot"] = ["/boot"]
    plan, _ = await jobs.perform(job(check=True), check=True)
    assert "/boot is not on btrfs and stays as it is" in plan.warnings[1]
