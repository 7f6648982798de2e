from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target.own_folder import OWN_FOLDER, own_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("uid", "folder"), [(0, "/var/lib/hotdesk"), (1000, "/home/ada/.local/state/hotdesk")])
def test_root_keeps_it_for_the_pc_and_everybody_else_at_home(
    uid: int, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks, history and manifests of a user's runs need no root."""
    monkeypatch.delenv(OWN_FOLDER, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert own_path("marks.json") == f"{folder}/marks.json"


def test_an_embedded_pc_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several of them are one machine, of one user."""
    monkeypatch.setenv(OWN_FOLDER, str(tmp_path))
    assert own_path("manifests/x.gz") == f"{tmp_path}/manifests/x.gz"
