from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs import transaction
from hotdesk.jobs.load import load
from hotdesk.jobs.transaction import PutFile, place
from hotdesk.jobs.undo import Undo, note
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
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: dict[str, Any]) -> list[tuple[Any, ...]]:
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

    monkeypatch.setattr(transaction, "ROOT", str(tmp_path / "journals"))
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
        ({}, {"run": "r9"}, "neither snapshots from before the run 'r9' nor its journals"),
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


@pytest.fixture
async def synced(done: list[tuple[Any, ...]], found: dict[str, Any], make_machine: MakeMachine, tmp_path: Path) -> Path:
    """A PC without snapshots on which a run, which is called r1 there, has changed a file, made one, and set something."""
    found["sets"] = []
    folder = tmp_path / "etc"
    folder.mkdir()
    for name, text in {"one": "old", "set": "on\n"}.items():
        (folder / name).write_text(text)
    machine = make_machine("vega")
    machine.link.run_id = "r1"
    was = [
        "file",
        (folder / "one").stat().st_mode & 0o7777,
        os.getuid(),
        os.getgid(),
        hashlib.sha256(b"old").hexdigest(),
    ]
    await place(
        machine,
        "unit",
        [PutFile(path=f"{folder}/one", content=b"new", was=was), PutFile(path=f"{folder}/two", content=b"2")],
    )
    steps = ((("tee", f"{folder}/set"), "off\n"),)
    await note(
        machine, "set", [Undo(subject="set it", look=("cat", f"{folder}/set"), before="off", after="on", steps=steps)]
    )
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


async def test_journals_bring_back_what_no_snapshot_has(
    jobs: JobRun, job: Callable[..., SyncJob], synced: Path, done: list[tuple[Any, ...]]
) -> None:
    """Check mode lists exactly that; afterwards there is nothing left to bring back, and a journal of this run."""
    _, shown = await jobs.perform(job(check=True), check=True)
    assert (synced / "one").read_text() == "new"
    plan, result = await jobs.perform(job(), check=False)
    assert result.data == shown.data
    assert result.data["items"] == ["undo set it", f"restore {synced}/one", f"delete {synced}/two"]
    assert not result.data["reboot_required"]
    assert texts(synced) == {"one": "old", "set": "off\n"}
    assert [change.id for change in plan.changes if not change.undo] == ["undo set it"]
    assert done == []
    again, result = await jobs.perform(job(), check=False)
    assert not again.changes
    assert not result.changed


async def test_what_was_changed_since_needs_a_word_of_its_own(
    jobs: JobRun, job: Callable[..., SyncJob], synced: Path
) -> None:
    """It is named and left; the rest comes back."""
    (synced / "one").write_text("by hand")
    (synced / "set").write_text("other\n")
    _, result = await jobs.perform(job(), check=False)
    assert result.data["items"] == [f"delete {synced}/two"]
    told = "\n".join(result.warnings)
    assert f"{synced}/one: changed since" in told
    assert "set it: changed since" in told
    assert (synced / "one").read_text() == "by hand"
    await jobs.perform(job(overwrite=True), check=False)
    assert texts(synced) == {"one": "old", "set": "off\n"}


async def test_what_cannot_be_brought_back_fails_by_name(
    jobs: JobRun, job: Callable[..., SyncJob], synced: Path
) -> None:
    """The others are brought back."""
    (synced / "set").unlink()
    (synced / "set").mkdir()
    with pytest.raises(TaskError, match="set it") as caught:
        await jobs.perform(job(overwrite=True), check=False)
    assert list(caught.value.data["failed_changes"]) == ["undo set it"]
    assert (synced / "one").read_text() == "old"
