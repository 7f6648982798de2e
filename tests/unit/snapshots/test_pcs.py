from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.jobs.machine import source_text
from hotdesk.jobs.shipping import bundle
from hotdesk.snapshots import Pc, look
from hotdesk.snapshots.on_target import differences, replicas, rollback, store
from hotdesk.snapshots.pcs import in_bytes
from tests.unit.machines import link, make_machine

if TYPE_CHECKING:
    from types import ModuleType

    from tests.unit.machines import MakeMachine

__all__ = ["link", "make_machine"]

HOME = {"path": "@home", "mount": "/home", "device": "/dev/sda2", "number": "0:7"}
GOOD: dict[str, Any] = {
    "version": [6, 2],
    "root": True,
    "mounted": [HOME],
    "unprotected": [],
    "left_out": [],
    "waiting": [],
    "boot": [],
    "sets": [],
    "file_systems": [],
}


@pytest.mark.parametrize(
    ("text", "bytes_"), [("10%", 100), ("2.5%", 25), ("500", 500), ("1k", 1024), ("20G", 20 << 30), ("3MiB", 3 << 20)]
)
def test_amounts(text: str, bytes_: int) -> None:
    """A share of the file system, or a size."""
    assert in_bytes(text, 1000) == bytes_


@pytest.mark.parametrize("text", ["", "a lot", "10%%", "95%", "-1", "1 X"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Also a share that would remove everything."""
    with pytest.raises(ValueError, match=r".*"):
        in_bytes(text, 1000)


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ({"version": None}, "has btrfs but not the program btrfs"),
        ({"version": [4, 4]}, "has btrfs-progs 4.4; 4.15 or newer"),
        ({"root": False}, "snapshots need root"),
    ],
)
def test_each_lack_is_one_problem_with_a_remedy(
    make_machine: MakeMachine, lacking: dict[str, Any], message: str
) -> None:
    """Only where there is btrfs; elsewhere nothing is needed."""
    (problem,) = Pc(make_machine("vega"), {**GOOD, **lacking}).problems()
    assert message in problem.message
    assert problem.remedy
    assert Pc(make_machine("vega"), {**GOOD, **lacking, "mounted": []}).problems() == []


def test_only_finished_sets_count(make_machine: MakeMachine) -> None:
    """What was interrupted covers nothing."""
    one = {"run": "r1", "phase": "before", "device": "/dev/sda2", "made": "", "host": "", "at": 1.0, "complete": True}
    one["subvolumes"] = [{"name": "@home", "path": "@home", "mount": "/home"}]
    pc = Pc(make_machine("vega"), {**GOOD, "sets": [one, {**one, "phase": "after", "complete": False}]})
    assert pc.covered("r1", "before") == {"/home"}
    assert pc.covered("r1", "after") == set()


async def test_this_pc_can_be_looked_at(make_machine: MakeMachine) -> None:
    """Whatever its file systems are; a place that is none is named."""
    pc = await look(make_machine("vega", check=True), ["/no/such/place"])
    assert pc.unprotected == ("/no/such/place (no mount point)",)


async def test_an_answer_of_another_shape_is_refused(
    make_machine: MakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PC can say anything."""
    monkeypatch.setattr("hotdesk.snapshots.pcs._SURVEY", {"version": str})
    with pytest.raises(TaskError, match="the answer to"):
        await look(make_machine("vega"))


@pytest.mark.parametrize("module", [store, differences, replicas, rollback], ids=lambda each: each.__name__)
def test_what_is_sent_to_a_pc_stands_alone(module: ModuleType) -> None:
    """One text, the standard library only, no name twice."""
    text = source_text(bundle(module))
    compile(text, module.__name__, "exec")
    assert "import hotdesk" not in text
    assert "from hotdesk" not in text
