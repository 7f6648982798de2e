"""One host of three is hostile: the others finish, nothing runs here, memory is bounded, and one clear line says what was wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.hostile.logins import PASSWORD
from tests.hostile.running import HONEST
from tests.hostile.table import CELLS

if TYPE_CHECKING:
    from tests.hostile.cells import Cell
    from tests.hostile.running import Ran, Runs

BOUND = 400 << 10
"""KiB more than with an honest host: docs/security.md says so."""
CODES = {"ok": 0, "failed": 2, "unreachable": 4}
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udcff]")
OUR_FILES = {"agent", "book.yml", "hosts.json", "locks", "output", "report", "state", "sudo", "tree", "tree/file"}
OUR_FILES |= {f"owned.{host}" for host in HONEST}


@pytest.mark.leaky
@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_a_hostile_host_harms_only_itself(cell: Cell, runs: Runs, usual: Ran) -> None:
    """See the table in cells.py. (Leaky: the runs of the next cells are under way.)"""
    if cell.mirrors and shutil.which("rsync") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("rsync is not installed")
    ran = runs.of(cell)
    shown = f"{cell.name}: exit code {ran.code}, {ran.peak >> 10} MiB\n{ran.output[-3000:]}"
    assert not {"owned", "owned.evil"} & set(ran.found), shown
    assert ran.peak - usual.peak < BOUND, shown
    assert ran.code == CODES[cell.status], shown
    _judge_hosts(cell, ran, shown)
    _judge_output(ran, shown)
    _judge_files(cell, ran, shown)


def _judge_hosts(cell: Cell, ran: Ran, shown: str) -> None:
    """The others are well; the hostile one is in the right column, with one line that says why."""
    for host in HONEST:
        recap = ran.recap(host)
        assert recap["ok"] == cell.tasks.count("- "), shown
        assert (recap["failed"], recap["unreachable"]) == (0, 0), shown
    evil = ran.recap("evil")
    assert (evil["failed"], evil["unreachable"]) == (cell.status == "failed", cell.status == "unreachable"), shown
    assert len(ran.fatal) == (cell.status != "ok"), shown
    assert re.search(cell.says, "\n".join(ran.fatal) or ran.output), shown


def _judge_output(ran: Ran, shown: str) -> None:
    """Nothing of what the host says draws on the screen, or passes for a line of ours; no error of ours."""
    assert not RAW.search(ran.output), shown
    assert PASSWORD not in ran.output, shown
    for trace in ("Traceback", "internal error", "never retrieved", "Exception"):
        assert trace not in ran.output, shown
    assert len(re.findall(r"^PLAY RECAP", ran.output, re.MULTILINE)) == 1, shown
    for host in HONEST:
        assert len(re.findall(rf"^{host} +:", ran.output, re.MULTILINE)) == 1, shown


def _judge_files(cell: Cell, ran: Ran, shown: str) -> None:
    """Nothing lies where it should not, and the log of the run can be read."""
    allowed = (
        OUR_FILES
        | {"fetched"}
        | {f"fetched/{host}{rest}" for host in (*HONEST, "evil") for rest in ("", "/etc", "/etc/hostname", "/hostname")}
    )
    assert set(ran.found) <= allowed, shown
    (log,) = (ran.folder / "state").rglob("*.jsonl")
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "RunFinished", shown
    assert PASSWORD not in log.read_text(), shown
