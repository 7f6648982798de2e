"""``hotdesk marks`` and ``hotdesk history``, as processes on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MARKS = [
    {"job": "hotdesk.sync.apt", "scope": "", "subject": "htop", "hosts": []},
    {"job": "hotdesk.sync.folder", "scope": "/srv", "subject": "own\x1b[2J", "hosts": ["machine-id vega"]},
]


@pytest.fixture
def own(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this PC keeps what it remembers."""
    folder = place.parent / "own"
    folder.mkdir()
    monkeypatch.setenv("HOTDESK_LOCKS", str(folder))
    (folder / "marks.json").write_text(json.dumps(MARKS))
    return folder


def test_marks_are_shown_and_taken_back(own: Path, hotdesk: Callable[..., Any]) -> None:
    """By the item's name, as it is shown; a name that is not marked gets the nearest that is."""
    words = ("-i", "inventory", "--hosts", "here")
    shown = hotdesk("marks", "list", *words)
    assert shown.returncode == 0, shown.stderr
    assert [line.split()[:3] for line in shown.stdout.splitlines()[:2]] == [
        ["HOST", "JOB", "ITEM"],
        ["here", "hotdesk.sync.apt", "htop"],
    ]
    assert "vega" in shown.stdout
    assert "\x1b" not in shown.stdout
    wrong = hotdesk("marks", "remove", "htpo", *words)
    assert wrong.returncode == 5
    assert "htop" in wrong.stderr
    assert hotdesk("marks", "remove", "htop", "--job", "hotdesk.sync.etc", *words).returncode == 5
    gone = hotdesk("marks", "remove", "htop", *words)
    assert gone.stdout == "here: hotdesk.sync.apt: htop is no longer marked\n", gone.stderr
    assert [mark["subject"] for mark in json.loads((own / "marks.json").read_text())] == [MARKS[1]["subject"]]


def test_a_pc_is_forgotten_by_its_name(own: Path, hotdesk: Callable[..., Any]) -> None:
    """What is remembered of others stays; what cannot be read is an error with the file."""
    words = ("-i", "inventory", "--hosts", "here")
    turn = {"id": "m vega", "name": "vega", "turn": 1, "whole": 1, "run": "run-1", "time": "t"}
    sync = {"id": "m vega", "name": "vega", "run": "run-1", "time": "t", "outcome": "failed", "synced": ""}
    other = {**sync, "id": "m lyra", "name": "lyra", "outcome": "ok", "synced": "t"}
    kept = {
        "revision": 7,
        "pc": "",
        "turns": [turn],
        "sources": [sync, other],
        "peers": [{"id": "m vega", "name": "vega"}],
    }
    (own / "history.json").write_text(json.dumps(kept))
    shown = json.loads(hotdesk("history", "list", "--json", *words).stdout)
    assert {row["source"]: row["outcome"] for row in shown} == {"vega": "failed", "lyra": "ok"}
    assert hotdesk("history", "forget", "vgea", *words).returncode == 5
    assert hotdesk("history", "forget", "vega", *words).stdout == "here has forgotten vega\n"
    after = json.loads((own / "history.json").read_text())
    assert (after["revision"], after["turns"], after["peers"], [each["name"] for each in after["sources"]]) == (
        8,
        [],
        [],
        ["lyra"],
    )
    (own / "history.json").write_text("{")
    broken = hotdesk("history", "list", *words)
    assert broken.returncode != 0
    assert "history.json" in broken.stderr
