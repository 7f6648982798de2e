"""The program from outside: help, version, unknown words, the only door for errors."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from hotdesk import __version__
from hotdesk.cli import main as program
from hotdesk.errors import HotdeskError, InputError, Interrupted, UsageError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

HEAVY = ("asyncssh", "rich", "pytest", "jinja2", "testinfra", "yaml", "hotdesk.app", "hotdesk.executor")


def test_help_loads_nothing_that_is_slow() -> None:
    """``hotdesk --help`` needs neither SSH nor templates nor a screen."""
    script = "import sys\nfrom hotdesk.cli.main import main\ntry:\n main(['--help'])\nexcept SystemExit:\n print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    text, _, modules = done.stdout.rstrip().rpartition("\n")
    assert "Commands:" in text
    assert not set(HEAVY) & set(modules.split())


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of commands and the files beside it say the same."""
    for name in program.COMMANDS:
        with pytest.raises(SystemExit) as ended:
            program.main([name, "--help"])
        assert ended.value.code == 0
        assert f"Usage: hotdesk {name}" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """On one line, for tools."""
    with pytest.raises(SystemExit) as ended:
        program.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"hotdesk {__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["paly", "x.yml"], "Did you mean 'play'?"),
        (["--versoin"], "--version"),
        (["play", "--limti", "a", "x.yml"], "--limit"),
        (["play"], "PLAYBOOK"),
        (["play", "--forks", "0", "x.yml"], "--forks"),
        (["play", "--output", "jsn", "x.yml"], "'json'"),
        (["config", "laese"], "Did you mean 'lease'?"),
        (["doc", "comand"], "Did you mean 'command'?"),
        (["inventory", "--host", "a", "--list"], "only one of"),
    ],
)
def test_a_wrong_word_is_5_with_the_nearest_right_one(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, options and values; told on stderr."""
    with pytest.raises(SystemExit) as ended:
        program.main(words)
    assert ended.value.code == 5
    shown = capsys.readouterr()
    assert hint in shown.err
    assert not shown.out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HotdeskError("x"), 1),
        (InputError("x"), 4),
        (UsageError("x"), 5),
        (VerificationFailed("x"), 3),
        (Interrupted(15), 143),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (BrokenPipeError(), 141),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/exit-codes.md says."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(program.cli, "main", fail)
    with pytest.raises(SystemExit) as ended:
        program.main([])
    assert ended.value.code == code


def test_a_fault_of_our_own_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    """One sentence, exit 1, the traceback in a file for the report."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(program.cli, "main", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        program.main([])
    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert "internal error: ZeroDivisionError: oh" in shown
    assert "Traceback" not in shown
    (file,) = tmp_path.glob("hotdesk-error-*.txt")
    assert "Traceback" in file.read_text()


@pytest.mark.parametrize("words", [("doc", "-l"), ("inventory", "-i", "inventory", "--list"), ("--help",)])
def test_a_reader_that_goes_away_is_no_error_message(
    words: tuple[str, ...], hotdesk: Callable[..., Any], place: Any
) -> None:
    """``| head -1``: no traceback, no complaint of the interpreter."""
    command = f"{sys.executable} -m hotdesk {' '.join(words)} | head -c 1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, cwd=place, timeout=60, check=True)
    assert done.stderr == ""
    assert len(done.stdout) == 1


def test_without_stdout_the_program_still_runs(place: Any) -> None:
    """Started with stdout closed."""
    command = f"{sys.executable} -m hotdesk log >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, cwd=place, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
