"""The figures of docs/guarantees.md are made from records, and what peers print is read as they mean it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.matrix import table
from tests.matrix.peers.__main__ import cells
from tests.matrix.peers.faults import PEERS_FAULTS
from tests.matrix.peers.tools import PEERS, ansible_said, pyinfra_said
from tests.matrix.peers.works import PEERS_WORKS

ANSIBLE = """
TASK [Service] *****
changed: [pc1]
fatal: [pc2]: FAILED! => {"msg": "earlier"}

TASK [Work] ********
fatal: [pc2]: UNREACHABLE! => {"changed": false, "msg": "Failed to connect"}
fatal: [pc3]: FAILED! => {"changed": false, "msg": "Timed out after 8 seconds."}
changed: [pc10]
"""
PYINFRA = """
--> Starting operation: Service
    [pc1] Success
--> Starting operation: Work
    [pc2] Error: could not execute command
    [pc3] Success
"""


def record(fault: str, work: str, seconds: float, *, ok: bool = True, detail: str = "") -> dict[str, Any]:
    """One round of hotdesk's matrix."""
    return {
        "fault": fault,
        "work": work,
        "round": 1,
        "ok": ok,
        "seconds": seconds,
        "bound": 5.0,
        "code": 0,
        "detail": detail,
    }


def verdict(**known: Any) -> dict[str, Any]:
    """One cell of a peer."""
    cell = {
        "peer": "pyinfra",
        "fault": "session-killed",
        "work": "command",
        "faulted": "pc2",
        "judged": True,
        "exit": 0,
    }
    return {**cell, "ended": 1.0, "said": {"pc2": "failed"}, "left": 0, "gone": 2.0, "files": [], **known}


@pytest.mark.parametrize(
    ("host", "said"),
    [("pc1", "nothing"), ("pc2", "unreachable"), ("pc3", "failed"), ("pc10", "ok"), ("pc4", "nothing")],
)
def test_what_ansible_said_of_a_host(host: str, said: str) -> None:
    """Only the task that was hit counts, and the last word on it."""
    assert ansible_said(ANSIBLE, host) == said


@pytest.mark.parametrize(("host", "said"), [("pc1", "nothing"), ("pc2", "failed"), ("pc3", "ok")])
def test_what_pyinfra_said_of_a_host(host: str, said: str) -> None:
    """The same for pyinfra's words."""
    assert pyinfra_said(PYINFRA, host) == said


def test_a_promise_names_its_worst_cell() -> None:
    """Rounds, how many held, the slowest."""
    rounds = [record("SIGINT", "nohup", 1.5), record("SIGTERM", "apt", 3.25, ok=False), record("kill-9", "apt", 9)]
    line = next(line for line in table.promises(rounds).splitlines() if "Ctrl-C" in line)
    assert line.endswith("| 5 s | 2 | 1 | 3.25 s of 5 s | SIGTERM / apt |")


def test_a_cell_that_failed_is_named_with_what_was_seen() -> None:
    """And nothing is said of the others."""
    rounds = [record("SIGINT", "apt", 1.0), record("SIGTERM", "apt", 6.0, ok=False, detail="left after 5 s: sleep")]
    assert table.failures(rounds) == "- SIGTERM / apt: 1 of 1 rounds: left after 5 s: sleep"


def test_a_round_that_took_too_long_has_not_held() -> None:
    """Also when nothing else was wrong with it."""
    assert table.failures([record("kill-9", "apt", 13.0)]) == "- kill-9 / apt: 1 of 1 rounds: 13.0 s; 5 s are allowed"


def test_a_peer_s_fault_is_summed_up() -> None:
    """Left, hung and untrue; a cell that never got under way is not counted."""
    cells = [
        verdict(left=3, gone=None, ended=None),
        verdict(work="nohup", said={"pc2": "ok"}),
        verdict(work="daemons", judged=False, left=9),
    ]
    line = next(line for line in table.comparison([], cells).splitlines() if "| session-killed" in line)
    assert "**left in 1 of 2**; **hung: 1**; **said ok: 1**" in line


def test_an_interrupted_run_that_says_success_is_told() -> None:
    """Exit code 0 after Ctrl-C."""
    line = table.comparison([], [verdict(fault="SIGINT", exit=0), verdict(fault="SIGINT", work="nohup", exit=99)])
    assert "none left in 2 (2.0 s); **exit 0: 1**" in line


def test_what_a_peer_cannot_do_is_no_cell_of_its() -> None:
    """It is neither played, which would never get under way, nor left out of the table without a word."""
    every = cells(list(PEERS), list(PEERS_FAULTS), list(PEERS_WORKS))
    assert ("async", "timeout", "nohup") in every
    assert ("async", "timeout", "big-file") not in every
    line = next(line for line in table.details([], []).splitlines() if line.startswith("| timeout / big-file"))
    assert line == "| timeout / big-file |  |  |  | has none |  |  |"
