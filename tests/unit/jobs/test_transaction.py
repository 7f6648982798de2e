"""The runner's end of a transaction, through a real agent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import CheckModeError, TaskError
from hotdesk.jobs import transaction
from hotdesk.jobs.transaction import PutFile, place, put_back, recover, unfinished
from hotdesk.jobs.undo import Undo, note, restore, runs, survey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.machines import MakeMachine


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file, and journals beside it."""
    monkeypatch.setattr(transaction, "ROOT", str(tmp_path / "journals"))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "one").write_text("old")
    return tmp_path / "etc"


def test_a_plan_is_made_for_what_an_undone_transaction_leaves() -> None:
    """A new file is gone then, a changed one as before with all else that is known of it, one that was not looked at is told."""
    old = {"state": ["file", "changed"], "owner": "root"}
    files: dict[str, dict[str, Any]] = {"/new": {"state": ["file"]}, "/old": old, "/other": {}}
    back = put_back(files, {"/new": None, "/old": ["file", "before"], "/elsewhere": ["file"]})
    assert back == {"/elsewhere": ["file"]}
    assert files == {"/old": {"state": ["file", "before"], "owner": "root"}, "/other": {}}


async def test_files_travel_and_come_back(etc: Path, make_machine: MakeMachine) -> None:
    """Bytes of every kind, a link; back by the run's id, in a transaction of its own."""
    vega = make_machine()
    state = ["file", 0o644, (etc / "one").stat().st_uid, (etc / "one").stat().st_gid]
    (etc / "one").chmod(0o644)
    digest = "cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4"  # of "old"
    files = [
        PutFile(path=str(etc / "one"), content=b"\0\xff", mode=0o600, was=[*state, digest]),
        PutFile(path=str(etc / "link"), link="one"),
    ]
    await place(vega, "unit", files, checks=[["test", "-L", str(etc / "link")]])
    assert (etc / "link").read_bytes() == b"\0\xff"
    (left,) = await survey(vega, vega.link.run_id)
    assert left["checks"] == [["test", "-L", str(etc / "link")]]
    await restore(vega, left["unit"], left["files"], [["test", "-f", str(etc / "one")]])
    assert (etc / "one").read_text() == "old"
    assert not (etc / "link").exists()


async def test_a_refusal_is_a_task_error_with_the_path(etc: Path, make_machine: MakeMachine) -> None:
    """What was planned as missing is there."""
    with pytest.raises(TaskError, match="changed since") as refused:
        await place(make_machine(), "unit", [PutFile(path=str(etc / "one"), content=b"new", was=None)])
    assert refused.value.data["path"] == str(etc / "one")


async def test_a_cancelled_task_is_put_back(etc: Path, make_machine: MakeMachine) -> None:
    """While a check takes long."""
    vega = make_machine()
    marker = etc / "checking"
    slow = ["sh", "-c", f"touch {marker}; exec sleep 600"]
    task = asyncio.ensure_future(place(vega, "unit", [PutFile(path=str(etc / "new"), content=b"x")], checks=[slow]))
    async with asyncio.timeout(30):
        while not marker.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert (etc / "new").exists()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (etc / "new").exists()
    assert await unfinished(vega) == []
    assert await recover(vega) == []


async def test_check_mode_lets_none_through(etc: Path, make_machine: MakeMachine) -> None:
    """Placing, recovering and undoing are changes."""
    vega = make_machine(check=True)
    for act in (place(vega, "unit", []), recover(vega), restore(vega, "unit", {}, []), note(vega, "unit", [])):
        with pytest.raises(CheckModeError):
            await act


async def test_a_note_says_how_commands_undo_something(etc: Path, make_machine: MakeMachine) -> None:
    """It travels as it is, and stands among the runs that left something; another run has nothing."""
    vega = make_machine()
    undo = Undo(subject="enable x", look=("cat", "x"), before="off", after="on", steps=((("tee", "x"), "off"),))
    await note(vega, "unit", [undo])
    (left,) = await survey(vega, vega.link.run_id)
    assert left["commands"] == [undo.told()]
    assert list(await runs(vega)) == [vega.link.run_id]
    assert await survey(vega, "another") == []
