"""What an agent says of itself, and what follows from it."""

from __future__ import annotations

import pytest

from hotdesk.connections.answers import AgentInfo

INFO = {
    "python": (3, 11, 0),
    "executable": "/usr/bin/python3",
    "pid": 7,
    "uid": 1000,
    "user": "ada",
    "home": "/home/ada",
    "hostname": "pc1",
    "machine_id": "",
}


@pytest.mark.parametrize(
    ("proc", "sees_others", "subreaper", "words"),
    [
        (True, True, True, []),
        (False, False, True, ["ada cannot read /proc"]),
        (True, False, True, ["hidepid"]),
        (True, True, False, ["child subreaper"]),
        (True, False, False, ["hidepid", "child subreaper"]),
    ],
)
def test_what_a_pc_cannot_promise_is_said(proc: bool, sees_others: bool, subreaper: bool, words: list[str]) -> None:
    """Each limit of a PC is a warning of its own; an ordinary one has none."""
    limits = AgentInfo(**INFO, proc=proc, sees_others=sees_others, subreaper=subreaper).limits  # type: ignore[arg-type]
    assert [word in limit for word, limit in zip(words, limits, strict=True)] == [True] * len(words)
