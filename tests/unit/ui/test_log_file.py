"""ANSIBLE_LOG_PATH."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hotdesk import events as ev
from hotdesk.redaction import Redaction
from hotdesk.ui.log_file import log_file
from hotdesk.ui.plain import Style

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_are_appended_with_time_and_process(tmp_path: Path) -> None:
    """Each line has its head; colours and secrets stay out; only the owner can read it."""
    path, redaction = tmp_path / "log", Redaction()
    redaction.add("hunter22")
    for text in ("one hunter22", "two"):
        with log_file(path, redaction, Style(color=True)) as show:
            show(ev.Noted(text=text, verbosity=0))
            show(ev.Warned(text=text))
    lines = path.read_text().splitlines()
    head = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} p=\d+ u=\S+ n=hotdesk INFO\| "
    assert [re.sub(head, "", line) for line in lines] == [
        "one ********",
        "[WARNING]: one ********",
        "two",
        "[WARNING]: two",
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_place_where_no_file_can_be_is_an_error(tmp_path: Path) -> None:
    """The caller warns."""
    with pytest.raises(OSError), log_file(tmp_path, Redaction(), Style()):  # noqa: PT011 - any of them
        pass
