"""Which renderer, which colours, and room for a question."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from hotdesk.redaction import Redaction
from hotdesk.settings import Settings
from hotdesk.ui.choose import renderer, style_of

if TYPE_CHECKING:
    from typing import Literal


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "setting", "no_color", "expected"),
    [
        (Terminal(), None, "", True),
        (Terminal(), None, "1", False),
        (Terminal(), False, "", False),
        (io.StringIO(), None, "", False),
        (io.StringIO(), True, "1", True),
    ],
)
def test_colours_follow_the_terminal_no_color_and_the_setting(
    stream: io.StringIO, setting: bool | None, no_color: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ANSIBLE_FORCE_COLOR (the setting) wins, then NO_COLOR, then whether it is a terminal."""
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("NO_COLOR", no_color)
    assert style_of(replace(Settings(), color=setting)).color is expected


@pytest.mark.parametrize(
    ("stream", "term", "output", "start"),
    [
        (io.StringIO(), "xterm", "auto", "\nPLAY [x]"),
        (Terminal(), "dumb", "auto", "\nPLAY [x]"),
        (Terminal(), "xterm", "auto", "\x1b["),
        (Terminal(), "xterm", "plain", "\nPLAY [x]"),
        (io.StringIO(), "xterm", "json", '{"event"'),
    ],
)
def test_the_renderer_follows_the_terminal_and_the_option(
    stream: io.StringIO,
    term: str,
    output: Literal["auto", "live", "plain", "json"],
    start: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Live on a terminal, Ansible's lines elsewhere and on a dumb one."""
    stream.truncate(0)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", term)
    with renderer(replace(Settings(), output=output), Redaction()) as view:
        view(ev.PlayStarted(play="x", hosts=("a",)))
    assert stream.getvalue().startswith(start)


def test_json_lines_carry_what_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not UTF-8 and a newline stay within their line."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with renderer(replace(Settings(), output="json"), Redaction()) as view:
        view(ev.Output(task="t", host="a", stream="stdout", line="caf\udce9\n\x1b[2J"))
    (line,) = out.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["line"] == "caf\udce9\n\x1b[2J"


@pytest.mark.parametrize("output", ["plain", "live"])
async def test_a_question_comes_after_what_was_said_before(
    output: Literal["plain", "live"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the person is asked, all earlier lines are on the terminal and nothing is drawn over the question."""
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    seen = []

    async def ask(text: str, echo: bool = True) -> str:
        seen.append(out.getvalue())
        return f"{text} {echo}"

    with renderer(replace(Settings(), output=output), Redaction()) as view:
        prompt = view.making_room(ask)
        assert prompt is not None
        view(ev.Noted(text="before"))
        assert await prompt("who?", echo=False) == "who? False"
    assert "before\n" in seen[0]
    assert view.making_room(None) is None
