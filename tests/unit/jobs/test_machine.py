from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import CheckModeError, Stalled, TimedOut
from hotdesk.events import Changed, Output, Progressed, Warned
from hotdesk.jobs.machine import _Lines, display
from hotdesk.results import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.machines import MakeMachine


async def test_a_change_is_announced_and_reading_is_not(make_machine: MakeMachine) -> None:
    """The audit log comes from here."""
    machine = make_machine(environment={"WORD": "hello"})
    assert (await machine.run(["sh", "-c", "echo $WORD"], change=False)).stdout == b"hello\n"
    assert make_machine.events == []
    await machine.run(["true"], change=True)
    (event,) = make_machine.events
    assert isinstance(event, Changed)
    assert (event.host, event.verb, event.detail) == ("vega", "run", "true")


async def test_check_mode_stops_every_change_before_it_is_sent(make_machine: MakeMachine, tmp_path: Path) -> None:
    """run, call and write alike."""
    machine = make_machine(check=True)
    with pytest.raises(CheckModeError):
        await machine.run(["touch", str(tmp_path / "x")], change=True)
    with pytest.raises(CheckModeError):
        await machine.write(str(tmp_path / "x"), b"x")
    with pytest.raises(CheckModeError):
        await machine.call(asyncio, "run", change=True)
    assert not os.listdir(tmp_path)  # noqa: PTH208


async def test_files_go_both_ways(make_machine: MakeMachine, tmp_path: Path) -> None:
    """A missing one is an OSError."""
    machine, path = make_machine(), str(tmp_path / "x")
    await machine.write(path, b"\0\xff", mode=0o640)
    assert await machine.read(path) == b"\0\xff"
    with pytest.raises(FileNotFoundError):
        await machine.read(path + "y")


async def test_a_limit_names_what_ran(make_machine: MakeMachine) -> None:
    """TimedOut, with the command."""
    with pytest.raises(TimedOut, match=r"0\.2 second\(s\): sleep 600"):
        await make_machine().run(["sleep", "600"], change=False, timeout=0.2)


async def test_silence_is_a_stall_and_output_is_not(make_machine: MakeMachine) -> None:
    """The watch starts anew with each sign of life."""
    machine = make_machine(stall_timeout=0.6)
    done = await machine.run(["sh", "-c", "for i in 1 2 3 4; do echo; sleep 0.3; done"], change=False, stall=True)
    assert done.rc == 0
    with pytest.raises(Stalled, match="sleep 600"):
        await machine.run(["sleep", "600"], change=False, stall=True)


async def test_output_is_shown_line_by_line_when_wanted(make_machine: MakeMachine) -> None:
    """Also the last line without an end."""
    await make_machine(live_output=True).run(["printf", "a\\nb"], change=True)
    assert [event.line for event in make_machine.events if isinstance(event, Output)] == ["a", "b"]


async def test_no_log_hides_commands(make_machine: MakeMachine) -> None:
    """From the audit log and from messages."""
    machine = make_machine(no_log=True, live_output=True)
    with pytest.raises(TimedOut) as caught:
        await machine.run(["sh", "-c", "echo secret; sleep 600"], change=True, timeout=0.3)
    assert "secret" not in str(caught.value) + repr(make_machine.events)


async def test_progress_is_rate_limited_but_its_end_gets_through(make_machine: MakeMachine) -> None:
    """About five a second."""
    machine = make_machine()
    for done in range(100):
        machine.report(Progress(bytes_done=done, bytes_total=100))
    machine.report(Progress(bytes_done=100, bytes_total=100, eta=0.0))
    shown = [event.progress.bytes_done for event in make_machine.events if isinstance(event, Progressed)]
    assert shown == [0, 100]


async def test_a_warning_is_given_once(make_machine: MakeMachine) -> None:
    """However often the job says it."""
    machine = make_machine()
    machine.warn("careful")
    machine.warn("careful")
    assert machine.warnings == ["careful"]
    assert [event.text for event in make_machine.events if isinstance(event, Warned)] == ["careful"]


def test_commands_are_shown_as_typed_and_cut() -> None:
    """Bytes that are not UTF-8 too; never in the middle of a word, which may be a secret."""
    assert display(["a b", b"\xff"]) == "'a b' '\\xff'"
    assert display(["echo", "x" * 1000]) == "echo ..."


async def test_no_log_hides_warnings_and_what_progress_says(make_machine: MakeMachine) -> None:
    """Both may name what the task works on."""
    machine = make_machine(no_log=True)
    machine.warn("cannot read hunter22")
    machine.report(Progress(bytes_done=1, message="hunter22"))
    assert "hunter22" not in str(make_machine.events)
    assert [type(event) for event in make_machine.events] == [Warned, Progressed]


def test_a_line_without_an_end_is_cut_before_a_word() -> None:
    """Half a secret would not be known as one; without any space it is cut where it is."""
    said: list[str] = []
    lines = _Lines(lambda _stream, line: said.append(line))
    for chunk in (b"a" * _Lines.LONGEST, b" hunt", b"er22\n", b"b" * _Lines.LONGEST, b"b", b"c\n"):
        lines.feed("stdout", chunk)
    assert said == ["a" * _Lines.LONGEST, "hunter22", "b" * (_Lines.LONGEST + 1), "c"]
