"""What is around a run: the logs, the reports, what is kept out of them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from hotdesk.cli.running import command_line, play_options, shown
from hotdesk.configuration import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.prepare import Around


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["play", "-e", "pw=secret", "a.yml"], "play -e ... a.yml"),
        (["play", "-epw=secret", "a.yml"], "play -e... a.yml"),
        (["play", "--extra-vars", "pw=secret", "a.yml"], "play --extra-vars ... a.yml"),
        (["play", "--extra-vars=pw=secret", "a.yml"], "play --extra-vars=... a.yml"),
        (["play", "-vvCe", "pw=secret", "a.yml"], "play -vvCe ... a.yml"),
        (["play", "-vvepw=secret", "a.yml"], "play -vve... a.yml"),
        (["play", "-e", "@vars.yml", "-e@more.yml", "a.yml"], "play -e @vars.yml -e@more.yml a.yml"),
        (["play", "-lweb", "-i", "-", "a.yml"], "play -lweb -i - a.yml"),
    ],
)
def test_extra_variables_are_hidden_in_the_command(
    words: list[str], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be passwords, however they are written."""
    monkeypatch.setattr(sys, "argv", ["hotdesk", *words])
    assert " ".join(command_line()) == f"hotdesk {kept}"


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
    assert capsys.readouterr().out == "[WARNING]: mind this\nhello\n"


async def test_a_log_path_that_cannot_be_written_is_a_warning(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run goes on."""
    settings = replace(load_settings({"output": "plain"}), log_path=place)
    assert await shown(settings, story) == 7
    assert "cannot be written: Is a directory" in capsys.readouterr().out


async def test_check_mode_writes_nothing(place: Path) -> None:
    """No run log, no directory for it, no plain log (R8)."""
    settings = replace(load_settings({"output": "plain", "check": True}), log_path=place / "plain.log")
    before = sorted(place.parent.rglob("*"))
    assert await shown(settings, story) == 7
    assert sorted(place.parent.rglob("*")) == before
