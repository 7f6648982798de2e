"""The snap job from one PC to another, each with a snapd that is none but keeps its books like one: what it asks of the store's snaps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.connections.link import Completed
from hotdesk.errors import TaskError
from hotdesk.jobs.load import load
from hotdesk.jobs.machine import Machine
from tests.unit.jobs.snapd import Snapd, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hotdesk.jobs import JobResult, Plan
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

    Sync = Callable[..., Awaitable[tuple[Plan, JobResult]]]

CLASS = load(Path(__file__).parents[3] / "collection/plugins/jobs/snap.py")
ROOT = {"describe", "pause", "recover"}
SOCKET = {"describe", "pause", "recover", "carry_out", "install_file", "settle"}


class PC(Machine):
    """This PC's agent, root's as far as the job can see, with that snapd and a place of its own."""

    snapd: Snapd
    place: Path
    patience = 60.0

    async def call(self, module: Any, function: str, *args: Any, **more: Any) -> Any:
        if "snap_" in module.__name__:
            more |= {"root": str(self.place)} if function in ROOT else {}
            more |= {"socket": self.snapd.socket} if function in SOCKET else {}
            more |= {"limit": self.patience} if function == "settle" else {}
        return await super().call(module, function, *args, **more)

    async def run(self, argv: Any, **more: Any) -> Completed:
        """Its program snap is there, and lists what snapd has."""
        if argv[0] == "sh" and "command -v" in argv[2]:
            return Completed(rc=0, stdout=b"", stderr=b"")
        if argv[0] == "sh" and "snap list" in argv[2]:
            lines = (f"{name} {self.snapd.snaps[name]['revision']}\n" for name in argv[4:])
            return Completed(rc=0, stdout="".join(lines).encode(), stderr=b"")
        return await super().run(argv, **more)


@pytest.fixture
def snapds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Snapd, Snapd]]:
    """Those of atlas and of vega."""
    monkeypatch.setattr("hotdesk.jobs.transaction.ROOT", str(tmp_path / "journals"))
    with serving(Snapd(tmp_path / "atlas.socket")) as atlas, serving(Snapd(tmp_path / "vega.socket")) as vega:
        yield atlas, vega


@pytest.fixture
def sync(jobs: JobRun, make_machine: MakeMachine, snapds: tuple[Snapd, Snapd], tmp_path: Path) -> Sync:
    """``plan, result = await sync(delete=True)``: the job from atlas to vega."""

    async def run(*, check: bool = False, **args: Any) -> tuple[Plan, JobResult]:
        ends = []
        for host, snapd in zip(("atlas", "vega"), snapds, strict=True):
            plain = make_machine(host, for_host="vega", check=check)
            pc = PC(plain.link, host=host, task="t1", for_host="vega", check=check)
            pc.info = replace(plain.info, uid=0)
            pc.snapd, pc.place = snapd, tmp_path / f"{host}.acts"
            ends.append(pc)
        job = jobs.job(CLASS, args, *ends)
        return await jobs.perform(job, check=check)

    return run


async def test_snaps_become_as_on_the_source(sync: Sync, snapds: tuple[Snapd, Snapd]) -> None:
    """In check mode nothing is asked; then exactly what was listed, refreshes held back on both meanwhile; a second time nothing."""
    atlas, vega = snapds
    atlas.has("code", "9", confinement="classic")
    atlas.has("lxd", "5", **{"tracking-channel": "5.0/stable"})
    vega.has("lxd", "6")
    vega.has("own")
    vega.store = {"code": {"9"}, "lxd": {"5"}}
    plan, _ = await sync(check=True, delete=True)
    assert atlas.asked == vega.asked == []
    _, result = await sync(delete=True)
    assert result.data["items"] == [change.id for change in plan.changes]
    assert vega.asked[1:-1] == [
        "install code revision=9 classic=True", "switch code channel=latest/stable", "refresh lxd revision=5", "switch lxd channel=5.0/stable",
        "remove own",
    ]  # fmt: skip
    for one in snapds:
        assert one.asked[0].startswith("set refresh.hold=2")
        assert one.asked[-1] == "set refresh.hold=None"
        assert one.conf == {}
    asked = list(vega.asked)
    _, again = await sync(delete=True)
    assert not again.changed
    assert vega.asked == asked


async def test_what_the_store_does_not_have_fails_by_name(sync: Sync, snapds: tuple[Snapd, Snapd]) -> None:
    """And what needs it; the rest is done."""
    atlas, vega = snapds
    atlas.has("gone")
    atlas.has("here")
    vega.store = {"here": {"7"}}
    with pytest.raises(TaskError) as found:
        await sync()
    failed = found.value.data["failed_changes"]
    assert "no snap revision available" in failed["install gone"]
    assert failed["switch gone"] == "not done, since 'install gone' failed"
    assert vega.snaps.keys() == {"here"}
    assert atlas.conf == vega.conf == {}


async def test_one_that_came_with_another_is_brought_to_its_revision(sync: Sync, snapds: tuple[Snapd, Snapd]) -> None:
    """Where it is not that already; a sideloaded one gives way to the store's."""
    atlas, vega = snapds
    atlas.has("code")
    vega.has("code", "x2", **{"mounted-from": ""})
    vega.store = {"code": {"7"}}
    await sync()
    assert "refresh code revision=7 amend=True" in vega.asked


@pytest.mark.parametrize(("version", "held", "words"), [
    ("2.54.3", False, "2.57 or newer is needed"), ("2.57.6", True, "to hold code as atlas does"), ("2.58", True, ""),
])  # fmt: skip
async def test_a_snapd_that_is_too_old_is_told_once(
    sync: Sync, snapds: tuple[Snapd, Snapd], version: str, held: bool, words: str
) -> None:
    """Before anything is changed; to hold single snaps takes a newer one."""
    atlas, vega = snapds
    atlas.has("code", hold="2319-03-04T05:06:07.123456789Z" if held else "")
    vega.has("code")
    vega.version = version
    if not words:
        _, result = await sync()
        assert result.data["items"] == ["hold code"]
        assert "hold code time=forever hold-level=general" in vega.asked
        return
    with pytest.raises(TaskError, match=words):
        await sync()
    assert vega.asked == []


async def test_what_a_killed_run_left_is_planned_and_put_back(
    sync: Sync, snapds: tuple[Snapd, Snapd], tmp_path: Path
) -> None:
    """Also when there is nothing else to do."""
    atlas, _ = snapds
    ours = "2026-11-22T06:00:00Z"
    atlas.conf = {"refresh.hold": ours}
    (tmp_path / "atlas.acts").mkdir()
    (tmp_path / "atlas.acts/pause-1.json").write_text(f'{{"kind": "pause", "prior": null, "ours": "{ours}"}}')
    plan, _ = await sync()
    assert [change.id for change in plan.changes] == ["undo left on atlas"]
    assert atlas.conf == {}


async def test_what_snapd_still_does_for_a_killed_run_is_waited_for(sync: Sync, snapds: tuple[Snapd, Snapd]) -> None:
    """The plan is made for what there is then, so nothing is asked for twice."""
    atlas, vega = snapds
    atlas.has("code", "9")
    atlas.has("lxd", "5")
    vega.finishing = [lambda: vega.has("code", "9"), lambda: vega.has("lxd", "5")]
    plan, _ = await sync(check=True)
    assert plan.changes == ()
    assert vega.asked == []


async def test_a_snapd_that_does_not_come_to_rest_is_told(
    sync: Sync, snapds: tuple[Snapd, Snapd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the plan is made for what there is."""
    atlas, vega = snapds
    atlas.has("code", "9")
    vega.has("code", "9")
    vega.finishing = [lambda: None] * 99
    monkeypatch.setattr(PC, "patience", 0.0)
    plan, _ = await sync(check=True)
    (told,) = plan.warnings
    assert told.startswith("snapd on vega does not come to rest")
