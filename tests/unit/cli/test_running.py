"""What is around a run: the logs, the reports, what is kept out of them."""

from __future__ import annotations

import json
import logging
import resource
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from hotdesk.cli.running import play_options, shown
from hotdesk.configuration import load_settings
from hotdesk.errors import InputError
from hotdesk.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.prepare import Around


def test_tags_are_split_at_commas() -> None:
    """Given once or several times."""
    chosen = play_options({"tags": ("a,b", "c"), "skip_tags": (" d ",)}).tags
    assert chosen.only == {"a", "b", "c"}
    assert chosen.skip == {"d"}
    assert play_options({}).tags.only == {"all"}


async def story(around: Around) -> int:
    """A run that says one thing."""
    around.bus.emit(ev.Noted(text="hello"))
    return 7


async def test_a_run_is_logged_and_its_exit_code_given(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run log is under XDG_STATE_HOME, log_path gets plain lines, stdout too."""
    settings = replace(load_settings({"output": "plain"}), log_path=place / "plain.log")
    assert await shown(settings, story, warnings=("mind this",)) == 7
    (log,) = (place.parent / "state" / "hotdesk").rglob("*.jsonl")
    assert [json.loads(line)["text"] for line in log.read_text().splitlines()] == ["mind this", "hello"]
    assert (place / "plain.log").read_text().endswith("| hello\n")
    assert capsys.readouterr() == ("hello\n", "[WARNING]: mind this\n")


async def test_a_log_path_that_cannot_be_written_is_a_warning(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run goes on."""
    settings = replace(load_settings({"output": "plain"}), log_path=place)
    assert await shown(settings, story) == 7
    assert "cannot be written: Is a directory" in capsys.readouterr().err


async def test_check_mode_writes_nothing(place: Path) -> None:
    """No run log, no directory for it, no plain log (R8)."""
    settings = replace(load_settings({"output": "plain", "check": True}), log_path=place / "plain.log")
    before = sorted(place.parent.rglob("*"))
    assert await shown(settings, story) == 7
    assert sorted(place.parent.rglob("*")) == before


async def test_an_error_leaves_without_the_secrets_of_the_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Message, remedy, what it came of, and what Python's logging says: nothing of it goes past the screen unseen."""

    async def failing(around: Around) -> int:
        assert around.redaction is not None
        around.redaction.add("hunter22")
        logging.getLogger("asyncio").error("lost hunter22")
        try:
            raise ValueError("hunter22", "https://me:pass@host")
        except ValueError as exc:
            raise InputError("hunter22 is wrong", remedy="not hunter22") from exc

    with pytest.raises(InputError) as caught:
        await shown(load_settings({"output": "plain"}), failing)
    text = "".join(traceback.format_exception(caught.value)) + caught.value.explain() + capsys.readouterr().err
    assert "lost ********" in text
    assert "is wrong" in text
    assert '"hunter22", "https' in text  # the traceback quotes this file's line, not the value
    assert "('********', 'https://me:********@host')" in text
    assert "is wrong: hunter22" not in text
    assert caught.value.remedy == "not ********"


async def test_what_was_typed_after_a_is_not_in_the_run_log(place: Path) -> None:
    """Not as arguments, not as the command that ran, not in a message that repeats it."""

    async def typed(around: Around) -> int:
        result = Result(failed=True, data={"cmd": ["login", "hunter22"], "msg": "Timed out: login hunter22"})
        around.bus.emit(
            ev.TaskStarted(task="t", name="command", action="command", args={"_raw_params": "login hunter22"})
        )
        around.bus.emit(ev.Changed(task="t", host="h", verb="run", detail="login hunter22"))
        around.bus.emit(ev.TaskFinished(task="t", host="h", result=result))
        return 0

    await shown(load_settings({"output": "plain"}), typed, typed="login  'hunter22'")
    (log,) = (place.parent / "state" / "hotdesk").rglob("*.jsonl")
    assert "hunter22" not in log.read_text()
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == [
        "TaskStarted",
        "Changed",
        "TaskFinished",
    ]


async def test_a_run_log_that_could_not_be_written_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when its disk is full only for the last lines; the run itself is as it was."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def unlogged(around: Around) -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # stands for a full disk
        around.bus.emit(ev.TaskStarted(task="t", name="command", action="command"))
        return 0

    try:
        code = await shown(load_settings({"output": "plain"}), unlogged)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 0
    assert "could not be written" in " ".join("".join(capsys.readouterr()).split())
