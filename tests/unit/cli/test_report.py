"""``hotdesk report``: the page of a run that was."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from tests.unit.report.runs import small, written

from hotdesk.cli.report import command
from hotdesk.errors import UsageError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def runs(place: Path) -> Path:
    """A state directory with two runs."""
    folder = place.parent / "state" / "hotdesk" / "runs"
    folder.mkdir(parents=True)
    written(folder / "20260101-000000-aaaa.jsonl", small())
    shutil.copy(folder / "20260101-000000-aaaa.jsonl", folder / "20260102-000000-bbbb.jsonl")
    return place


def report(*words: str) -> str:
    """What is printed."""
    return CliRunner().invoke(command, list(words), catch_exceptions=False).stdout


def test_the_newest_run_is_meant_unless_another_is_named(runs: Path) -> None:
    """The file is called as the run, in the working directory; its name is printed."""
    assert report() == "hotdesk-20260102-000000-bbbb.html\n"
    assert report("20260101") == "hotdesk-20260101-000000-aaaa.html\n"
    assert "run 20260101-000000-aaaa" in (runs / "hotdesk-20260101-000000-aaaa.html").read_text()


def test_it_goes_where_it_is_told(runs: Path) -> None:
    """Into a file, or to stdout."""
    assert report("last", "-o", "desk.html") == "desk.html\n"
    assert (runs / "desk.html").stat().st_mode & 0o777 == 0o600
    assert report("last", "-o", "-") == (runs / "desk.html").read_text()


def test_what_cannot_be_done_is_said(runs: Path) -> None:
    """No such run, no such folder; nothing is left behind."""
    with pytest.raises(UsageError, match="there is no run '1999'"):
        report("1999")
    with pytest.raises(UsageError, match=r"cannot be written to nowhere/x\.html: No such file or directory"):
        report("last", "-o", "nowhere/x.html")
    assert sorted(path.name for path in runs.iterdir()) == ["inventory"]


def test_a_real_run_has_its_page(
    place: Path, book: Callable[..., str], play: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """What was changed, with the diff that --diff had made, and what failed."""
    book(f"""\
- name: Write it
  ansible.builtin.copy: {{content: "new line", dest: "{place}/file"}}
- name: Break it
  ansible.builtin.command: cat {place}/missing
""")
    assert play("--diff", "book.yml").returncode == 2
    text = report("-o", "-")
    assert "The host failed" in text
    assert "+new line" in text
    assert "missing: No such file or directory" in text
