from __future__ import annotations

import getpass
import hashlib
import json
import os
import pwd
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.account_files import Accounts, User
from hotdesk.jobs.load import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotdesk.jobs import Machine
    from hotdesk.jobs.run import JobRun
    from tests.unit.machines import MakeMachine

CLASS = load(Path(__file__).parents[3] / "collection/plugins/jobs/vscode.py")
MODULE = sys.modules[CLASS.__module__]
ME = getpass.getuser()
PATH = ".config/Code/User/globalStorage/state.vscdb"
SUBJECT = f"{ME} {PATH}"


@pytest.fixture
def homes(tmp_path: Path) -> Callable[..., None]:
    """``homes(here, there)``: my rows on atlas and on vega; None: no database."""

    def make(here: Mapping[str, Any] | None, there: Mapping[str, Any] | None) -> None:
        for name, rows in (("atlas", here), ("vega", there)):
            path = tmp_path / name / PATH
            if rows is not None:
                path.parent.mkdir(parents=True)
                with closing(sqlite3.connect(path)) as base, base:
                    base.execute("CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
                    base.executemany("INSERT INTO ItemTable VALUES (?, ?)", rows.items())

    return make


@pytest.fixture
def job(jobs: JobRun, make_machine: MakeMachine, tmp_path: Path) -> Callable[..., Any]:
    """``await job(...)``: from my home on atlas to my home on vega, both on this PC, having looked at both."""

    async def make(check: bool = False, **args: Any) -> Any:
        machines = [make_machine(name, check=check) for name in ("atlas", "vega")]
        made: Any = jobs.job(CLASS, args, *machines)
        made._here, made._there = (accounts(tmp_path / machine.host) for machine in machines)
        made._warnings = []
        made._found = [await survey(made, machine, tmp_path) for machine in machines]
        return made

    return make


def accounts(home: Path) -> Accounts:
    known = pwd.getpwnam(ME)
    return Accounts({ME: User(known.pw_uid, known.pw_gid, "", str(home), "")}, {}, {}, {"UID_MIN": 0, "UID_MAX": 2**32})


async def survey(made: Any, machine: Machine, tmp_path: Path) -> Any:
    return await made._survey(machine, accounts(tmp_path / machine.host))


def held(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as base:
        return dict(base.execute("SELECT key, value FROM ItemTable"))


async def test_rows_travel_and_nothing_is_told_of_their_values(
    homes: Callable[..., None], job: Callable[..., Any], make_machine: MakeMachine, tmp_path: Path
) -> None:
    """Keys alone are in the plan, the difference and what is announced; what stays is in none of them."""
    homes(
        {"a": "geheim-1", "same": "s", "secret://x": "geheim-2", "own.id": "geheim-3"},
        {"same": "s", "a": "geheim-4", "b": "2"},
    )
    made = await job(keep=["own.*"])
    plan = await made.pre_sync()
    assert [(change.id, change.detail, change.destructive) for change in plan.changes] == [
        (f"merge {SUBJECT}", "1 rows: a", False)
    ]
    assert "ItemTable a" in plan.diff[0].prepared
    result = await made.sync(plan)
    assert result.changed
    assert held(tmp_path / "vega" / PATH) == {"same": "s", "a": "geheim-1", "b": "2"}
    assert await made.post_sync(plan, result) == []
    assert "geheim" not in repr(plan) + repr(result) + repr(make_machine.events)
    assert "secret://" not in repr(plan)
    assert not (await (await job(keep=["own.*"])).pre_sync()).changes


async def test_what_is_reviewed_is_known_again(homes: Callable[..., None], job: Callable[..., Any]) -> None:
    """The digests of a plan are the same at the next look, and others when a value is another one; rows go on request."""
    homes({"a": "1"}, {"a": "2", "b": "3"})
    first, second = [await (await job(delete=True)).pre_sync() for _ in range(2)]
    assert first.changes == second.changes
    assert [(change.verb, change.destructive) for change in first.changes] == [("merge", False), ("reset", True)]
    assert first.changes[0].before != first.changes[0].after
    assert "" not in (first.changes[0].before, first.changes[0].after, first.changes[1].before)


async def test_only_what_was_approved_is_done(
    homes: Callable[..., None], job: Callable[..., Any], tmp_path: Path
) -> None:
    """Removing rows without merging any."""
    homes({"a": "1"}, {"a": "2", "b": "3", "secret://": "s"})
    made = await job(delete=True)
    plan = await made.pre_sync()
    await made.sync(made.narrow(plan, plan.changes[1:]))
    assert held(tmp_path / "vega" / PATH) == {"a": "2", "secret://": "s"}


async def test_many_rows_travel_in_shares(
    homes: Callable[..., None], job: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their size and their number; the database is replaced once, at the end."""
    rows = {f"key{n}": "x" * (n * 10) for n in range(40)}
    homes(rows, None)
    monkeypatch.setattr(MODULE, "SHARE", 1000)
    monkeypatch.setattr(MODULE, "MOST_ROWS", 7)
    made = await job()
    plan = await made.pre_sync()
    assert [change.id for change in plan.changes] == [f"create {SUBJECT}"]
    assert len(list(MODULE._shares(made._bases[SUBJECT], made._bases[SUBJECT].changed()))) > 5
    result = await made.sync(plan)
    assert result.failed == {}
    assert held(tmp_path / "vega" / PATH) == rows
    assert [path.name for path in (tmp_path / "vega" / PATH).parent.iterdir()] == ["state.vscdb"]


async def test_a_damaged_database_fails_alone(
    homes: Callable[..., None], job: Callable[..., Any], tmp_path: Path
) -> None:
    """It is named with its PC; check mode says so too, and its other databases are merged."""
    homes({"a": "1"}, {"a": "2"})
    backup = tmp_path / "atlas" / f"{PATH}.backup"
    backup.write_bytes((tmp_path / "atlas" / PATH).read_bytes())
    (tmp_path / "vega" / f"{PATH}.backup").write_bytes(b"no database" * 500)
    made = await job()
    plan = await made.pre_sync()
    assert any("state.vscdb.backup on vega: it is damaged" in text for text in plan.warnings)
    assert made.preview(plan).data["items"] == [f"merge {SUBJECT}"]
    result = await made.sync(plan)
    assert list(result.failed) == [f"merge {SUBJECT}.backup"]
    assert held(tmp_path / "vega" / PATH) == {"a": "1"}


async def test_an_editor_that_is_running_is_refused_or_left(
    homes: Callable[..., None], job: Callable[..., Any], tmp_path: Path
) -> None:
    """On either PC, by name."""
    homes({"a": "1"}, {"a": "2"})
    with closing(sqlite3.connect(tmp_path / "vega" / PATH)) as base:
        base.execute("SELECT * FROM ItemTable").fetchall()
        made = await job()
        (problem,) = made._running()
        assert f"(process {os.getpid()}) on vega" in problem.message
        assert "running: skip" in problem.remedy
        made = await job(running="skip")
        assert list(made._running()) == []
        plan = await made.pre_sync()
        assert plan.changes == ()
        assert any("is left: it is in use by" in text for text in plan.warnings)


async def test_verification_looks_at_all_rows_but_those_that_stay(
    homes: Callable[..., None], job: Callable[..., Any], tmp_path: Path
) -> None:
    """The digest is that of a later look, until a row is another one; no value is in what is kept."""
    homes({"a": "geheim"}, {"a": "geheim", "secret://x": "1"})
    made = await job()
    plan = await made.pre_sync()
    (expected,) = await made.expectations(plan, made.preview(plan))
    assert "geheim" not in json.dumps(dict(expected.value))

    async def now() -> str:
        done = await made.target.run(expected.value["argv"], change=False)
        return hashlib.sha256(done.stdout).hexdigest()

    for key, same in (("secret://x", True), ("a", False)):
        with closing(sqlite3.connect(tmp_path / "vega" / PATH)) as base, base:
            base.execute("INSERT INTO ItemTable VALUES (?, 'other')", (key,))
        assert (await now() == expected.value["sha256"]) is same


async def test_misspelt_names_are_told(homes: Callable[..., None], job: Callable[..., Any]) -> None:
    """With the nearest right spelling."""
    homes({"a": "1"}, None)
    made = await job(users=[ME + "x"], editors=["Coder"])
    assert [problem.remedy for problem in made._misspelt()] == [f"Did you mean {ME!r}?", "Did you mean 'Code'?"]
