"""command, shell and raw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.actions.builtin.conftest import RunResult


async def test_it_gives_output_and_status(result: RunResult) -> None:
    """A command's result has the keys Ansible gives it."""
    done = await result("command", _raw_params="echo hi there")
    data = done.registered()
    assert (data["rc"], data["stdout"], data["stdout_lines"], data["cmd"]) == (
        0,
        "hi there",
        ["hi there"],
        ["echo", "hi", "there"],
    )
    assert done.changed
    assert {"start", "end", "delta", "msg", "stderr", "stderr_lines"} <= data.keys()


async def test_a_status_that_is_not_zero_fails(result: RunResult) -> None:
    """A non-zero status fails the task and keeps its output."""
    done = await result("shell", _raw_params="echo out; echo err >&2; exit 3")
    assert done.failed
    assert (done.data["rc"], done.data["stdout"], done.data["stderr"]) == (3, "out", "err")
    assert done.message == "non-zero return code"


async def test_a_command_never_sees_a_shell(result: RunResult) -> None:
    """Shell signs in a command are plain words."""
    done = await result("command", argv=["echo", "a; echo b", "|", "*"])
    assert done.data["stdout"] == "a; echo b | *"


async def test_words_are_expanded_with_the_tasks_environment(result: RunResult) -> None:
    """$NAME and ~ are expanded on the target; an unknown name stays; expand_argument_vars switches it off."""
    done = await result("command", _raw_params="echo $COLOUR $NO_SUCH_NAME", _environment={"COLOUR": "red"})
    assert done.data["stdout"] == "red $NO_SUCH_NAME"
    plain = await result("command", _raw_params="echo $HOME", expand_argument_vars=False)
    assert plain.data["stdout"] == "$HOME"


async def test_the_environment_reaches_the_command(result: RunResult) -> None:
    """The task's environment is the command's."""
    done = await result("shell", _raw_params="echo $COLOUR", _environment={"COLOUR": "red"})
    assert done.data["stdout"] == "red"


async def test_creates_and_removes_decide(result: RunResult, tmp_path: Path) -> None:
    """With what creates names there, or what removes names missing, nothing is run."""
    (tmp_path / "made.txt").touch()
    done = await result("command", _raw_params=f"touch {tmp_path}/x", creates=f"{tmp_path}/made.*")
    assert not done.changed
    assert done.message.startswith("Did not run command since")
    done = await result("command", _raw_params=f"touch {tmp_path}/x", removes=f"{tmp_path}/none")
    assert not done.changed
    assert not (tmp_path / "x").exists()


async def test_check_mode_runs_nothing(result: RunResult, tmp_path: Path) -> None:
    """In check mode a command is skipped, or with creates says that it would run."""
    done = await result("shell", check=True, _raw_params=f"touch {tmp_path}/x")
    assert done.skipped
    done = await result("shell", check=True, _raw_params=f"touch {tmp_path}/x", creates=f"{tmp_path}/x")
    assert done.changed
    assert not done.skipped
    assert not (tmp_path / "x").exists()


async def test_it_runs_in_the_directory(result: RunResult, tmp_path: Path) -> None:
    """chdir is where the command runs, and where creates looks."""
    done = await result("command", _raw_params="pwd", chdir=tmp_path)
    assert done.data["stdout"] == str(tmp_path)
    missing = await result("command", _raw_params="pwd", chdir=tmp_path / "none")
    assert missing.failed
    assert "Unable to change directory" in missing.message


async def test_stdin_is_given(result: RunResult) -> None:
    """stdin reaches the command with a newline, or without."""
    done = await result("command", _raw_params="cat", stdin="abc", strip_empty_ends=False)
    assert done.data["stdout"] == "abc\n"
    done = await result("command", _raw_params="cat", stdin="abc", stdin_add_newline=False, strip_empty_ends=False)
    assert done.data["stdout"] == "abc"


async def test_a_missing_program_is_a_failure(result: RunResult) -> None:
    """A program that is not there fails the task with errno as status and its name in the message."""
    done = await result("command", _raw_params="no-such-program --now")
    assert done.failed
    assert done.data["rc"] == 2
    assert "no-such-program" in done.message


async def test_bytes_that_are_no_text_break_nothing(result: RunResult) -> None:
    """Output that is not UTF-8 becomes text all the same."""
    done = await result("command", argv=["printf", "\\377x"])
    assert done.data["stdout"] == "\ufffdx"


async def test_nothing_to_run_is_an_error(result: RunResult) -> None:
    """Neither free form, cmd nor argv: the arguments are wrong."""
    with pytest.raises(ArgumentError, match="no command given"):
        await result("command")
    with pytest.raises(ArgumentError, match="No closing quotation"):
        await result("command", _raw_params="echo 'x")


async def test_the_shell_can_be_chosen(result: RunResult) -> None:
    """executable is the shell that runs the line."""
    done = await result("shell", _raw_params="echo $0", executable="/bin/bash")
    assert done.data["stdout"] == "/bin/bash"


async def test_raw_gives_output_as_it_is(result: RunResult) -> None:
    """raw keeps the newline at the end."""
    done = await result("raw", _raw_params="echo hi; exit 4")
    assert (done.data["stdout"], done.data["rc"], done.failed) == ("hi\n", 4, True)
