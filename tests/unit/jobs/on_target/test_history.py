"""The file in which a PC keeps its history: as a whole or not at all, and never over what another sync has written."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target import history

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOTDESK_LOCKS", str(tmp_path))
    return tmp_path


def test_what_is_written_is_read(own: Path) -> None:
    """By its user alone; a PC that no sync has been to has none."""
    first = history.read()
    assert (first["revision"], first["turns"], first["sources"]) == (0, [], [])
    assert first["boot"]
    assert history.write({**history.EMPTY, "turns": [{"a": 1}]}, 0) == 1
    assert history.read() == {**first, "revision": 1, "turns": [{"a": 1}]}
    assert (own / "history.json").stat().st_mode & 0o077 == 0
    assert not (own / "history.json.new").exists()


def test_who_was_slower_writes_nothing(own: Path) -> None:
    """It has decided by what is no longer so."""
    history.write(history.EMPTY, 0)
    with pytest.raises(OSError, match="another sync") as problem:
        history.write({**history.EMPTY, "turns": [{"mine": 1}]}, 0)
    assert problem.value.errno == errno.ESTALE
    assert history.read()["turns"] == []


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_broken_file_is_no_permission(own: Path, content: str) -> None:
    """It is an error, not a PC without a history."""
    (own / "history.json").write_text(content)
    with pytest.raises(OSError, match="not a history"):
        history.read()
