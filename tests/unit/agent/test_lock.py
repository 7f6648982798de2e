"""Where the lock of a PC is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.agent.lock import FOLDERS, OWN_FOLDER, path_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_embedded_pc_has_a_lock_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo neither waits for nor holds up a real sync of the machine that it runs on."""
    monkeypatch.delenv(OWN_FOLDER, raising=False)
    assert path_of("x").rpartition("/")[0] in FOLDERS
    monkeypatch.setenv(OWN_FOLDER, str(tmp_path))
    assert path_of("x") == str(tmp_path / "hotdesk-x.lock")
