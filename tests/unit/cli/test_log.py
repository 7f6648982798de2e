"""``hotdesk log``: reading what runs wrote."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from hotdesk.cli.log import command
from hotdesk.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTRIES = (
    {"event": "Noted", "text": "x"},
    {"event": "RunStarted", "command": ["hotdesk", "play", "a.yml"]},
    {"event": "TaskStarted", "task": "t", "name": "Copy"},
    {"event": "TaskFinished", "task_name": "Copy", "host": "a", "result": {"failed": False, "changed": True}},
    {"event": "TaskFinished", "task_name": "Copy", "host": "b", "result": {"failed": True, "msg": "no\x1b[2J space"}},
    {"event": "Warned", "host": "a", "text": "old rsync"},
    {"event": "RunFinished", "exit_code": 2},
    {"event": "Warned", "text": "late"},
)


@pytest.fixture
def logs(place: Path) -> Path:
    """A state directory with two runs; the newer one was cut by kill -9."""
    directory = place.parent / "state" / "hotdesk" / "runs"
    directory.mkdir(parents=True)
    lines = [json.dumps({"time": "2026-01-01T00:00:00+00:00", **entry}) + "\n" for entry in ENTRIES]
    (directory / "20260101-000000-aaaa.jsonl").write_text("".join(lines))
    (directory / "20260102-000000-bbbb.jsonl").write_text("".join(lines[:5]) + '{"event": "TaskFin')
    return directory


def log(*words: str) -> list[str]:
    """The lines printed."""
    return CliRunner().invoke(command, list(words), catch_exceptions=False).stdout.splitlines()


def test_runs_are_listed_with_their_command_and_end(logs: Path) -> None:
    """One that was killed did not finish."""
    first, second = log()
    assert first.split("  ")[0] == "20260101-000000-aaaa"
    assert "exit 2" in first
    assert first.endswith("hotdesk play a.yml")
    assert "did not finish" in second


def test_a_run_is_named_by_the_beginning_of_its_id_or_last(logs: Path) -> None:
    """'last' is the newest; what is cut off at its end is left out."""
    assert len(log("20260101")) == len(ENTRIES)
    assert len(log("last")) == 5
    with pytest.raises(UsageError, match="2 runs begin with '2026'"):
        log("2026")
    with pytest.raises(UsageError, match="no run"):
        log("1999")


def test_what_failed_where(logs: Path) -> None:
    """--failed and --host, together too; control characters do not reach the terminal."""
    assert len(log("20260101", "--failed")) == 3
    (line,) = log("20260101", "--failed", "--host", "b")
    assert line.endswith("b  Copy  failed  no\\x1b[2J space")
    (line,) = log("20260101", "--json", "--failed", "--host", "b")
    assert json.loads(line)["result"]["failed"] is True


def test_without_runs_there_is_nothing_to_list(place: Path) -> None:
    """And 'last' says so."""
    assert log() == []
    with pytest.raises(UsageError):
        log("last")


def test_a_real_run_killed_with_9_still_reads(place: Path, book: Callable[..., str]) -> None:
    """What had happened until then is there, the run did not finish."""
    book("- ansible.builtin.command: sleep 600")
    words = ["play", "-i", "inventory", "--output", "json", "book.yml"]
    with subprocess.Popen(
        [sys.executable, "-m", "hotdesk", *words], cwd=place, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if '"HostStarted"' in line:
                break
        (path,) = (place.parent / "state").rglob("*.jsonl")
        wait_for(path, "HostStarted")
        run.send_signal(signal.SIGKILL)
    (line,) = log()
    assert "did not finish" in line
    assert line.endswith("hotdesk play -i inventory --output json book.yml")
    assert any("HostStarted" in line for line in log("last"))


def wait_for(path: Path, text: str) -> None:
    """Read ``path`` until it has ``text``; the log is written every fifth of a second."""
    import time

    deadline = time.monotonic() + 30
    while text not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_log_is_whole_after_a_run(place: Path, book: Callable[..., str], play: Callable[..., Any]) -> None:
    """From RunStarted to RunFinished, 0600 in a 0700 directory."""
    assert play(book("- ansible.builtin.ping:")).returncode == 0
    (path,) = (place.parent / "state").rglob("*.jsonl")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "exit 0" in log()[0]
