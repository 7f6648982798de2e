"""script: sent, run, gone."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.actions.on_target import commands
from hotdesk.errors import ArgumentError

if TYPE_CHECKING:
    from tests.unit.actions.builtin.conftest import RunResult


def left(where: Path) -> list[str]:
    """What is in the place scripts are put into."""
    place = where / "remote_tmp"
    return [path.name for path in place.iterdir()] if place.exists() else []


async def test_a_script_is_run_and_removed(result: RunResult, tmp_path: Path) -> None:
    """The script gets its arguments through the shell, and nothing of it is left."""
    (tmp_path / "s.sh").write_text('#!/bin/sh\necho "$@"; exit 3\n')
    done = await result("script", _raw_params="s.sh 'a b' $COLOUR", _environment={"COLOUR": "red"})
    assert (done.data["stdout"], done.data["rc"], done.failed) == ("a b red\n", 3, True)
    assert left(tmp_path) == []


async def test_the_program_can_be_chosen(result: RunResult, tmp_path: Path) -> None:
    """executable runs the script, chdir says where."""
    (tmp_path / "s.py").write_text("import os; print(os.getcwd())\n")
    done = await result("script", cmd="s.py", executable="python3", chdir=str(tmp_path))
    assert done.data["stdout"] == f"{tmp_path}\n"


async def test_creates_skips(result: RunResult, tmp_path: Path) -> None:
    """With creates there, the script is skipped."""
    (tmp_path / "s.sh").write_text("touch x\n")
    done = await result("script", _raw_params="s.sh", creates=str(tmp_path))
    assert done.skipped
    assert done.message == f"{tmp_path} exists, matching creates option"


async def test_check_mode_sends_nothing(result: RunResult, tmp_path: Path) -> None:
    """In check mode a script is skipped; with creates it says that it would run."""
    (tmp_path / "s.sh").write_text("touch x\n")
    assert (await result("script", check=True, _raw_params="s.sh")).skipped
    assert (await result("script", check=True, _raw_params="s.sh", creates="/no/such")).changed
    assert not (tmp_path / "remote_tmp").exists()


async def test_a_cancelled_script_is_removed_too(result: RunResult, tmp_path: Path) -> None:
    """A cancel while the script runs ends it and takes it away."""
    started = tmp_path / "started"
    (tmp_path / "s.sh").write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 60\n")
    async with asyncio.timeout(20):
        task = asyncio.ensure_future(result("script", _raw_params="s.sh"))  # the test is about cancelling it
        while not started.exists():  # noqa: ASYNC110 - the script is another process
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert left(tmp_path) == []


async def test_a_missing_script_is_named(result: RunResult) -> None:
    """A script that is not there is an error with the places."""
    with pytest.raises(ArgumentError, match=r"files/nope\.sh"):
        await result("script", _raw_params="nope.sh")


def test_a_script_lies_where_nobody_else_can_exchange_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that others may write, or a link that they have planted, does not serve."""
    monkeypatch.setattr(os, "umask", lambda _mask: 0)  # it is the call's own process that has another one
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    for name, mode in (("open", 0o777), ("mine", 0o700)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "open" / "link").symlink_to(tmp_path / "mine")
    for wanted, there in (("open", "system"), ("open/link", "system"), ("mine", "mine"), ("mine/new", "mine/new")):
        path = Path(commands.place_script("s.sh", str(tmp_path / wanted), b"true"))
        assert path.is_relative_to(tmp_path / there), wanted
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        commands.remove_script(str(path))
        assert not path.parent.exists()
