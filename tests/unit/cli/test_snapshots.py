"""``hotdesk snapshots`` and ``hotdesk rollback``: what they print and refuse; what they ask of the PCs is in tests/lab."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from hotdesk.cli import rollback, snapshots
from hotdesk.errors import HotdeskError, Unreachable, UsageError
from hotdesk.jobs import Change
from hotdesk.jobs.undo_plan import Undoing
from hotdesk.paths import run_log_dir
from hotdesk.snapshots.pcs import Differences, Pc

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def one(run: str, phase: str, at: float, *mounts: str) -> dict[str, Any]:
    covered = [{"name": f"@{m}", "path": f"@{m}", "mount": m} for m in mounts]
    made = f"2026-11-2{int(at)}T10:00:00+00:00"
    return {
        "run": run,
        "phase": phase,
        "at": at,
        "made": made,
        "device": "/dev/sda",
        "complete": True,
        "subvolumes": covered,
    }


VEGA = [one("aa-1", "before", 1.0, "/", "/home"), one("ab-2", "before", 2.0, "/"), one("ab-2", "after", 2.5, "/")]
LYRA = [one("aa-1", "before", 1.5, "/")]
JOURNALS = {"ab-2": 3.0, "ac-3": 4.0}


def pc(*sets: dict[str, Any], unprotected: tuple[str, ...] = ()) -> Pc:
    return Pc(None, {"sets": list(sets), "unprotected": unprotected})  # type: ignore[arg-type]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, place: Path) -> dict[str, Any]:
    """What each PC answers to a look; put what it should be in here."""
    found: dict[str, Any] = {"vega": pc(*VEGA), "lyra": pc(*LYRA, unprotected=("/home (ext4)",))}

    async def visit(_settings: Any, pattern: str, question: Callable[..., Any], **_more: Any) -> dict[str, Any]:
        hosts = list(found) if pattern == "all" else pattern.split(",")
        if question.__name__ == "look":
            return {host: found[host] for host in hosts}
        if question.__name__ == "kept":
            kept = {host: JOURNALS if host == "mira" else {} for host in hosts}
            return {h: rollback.Kept(found[h], kept[h]) if isinstance(found[h], Pc) else found[h] for h in hosts}
        if question.__name__ == "way":
            return {host: await way(question, host) for host in hosts}
        return {host: Differences((("-", "/etc/gone", ""), ("+", "/new", "")), 30, ("/",)) for host in hosts}

    async def way(question: Callable[..., Any], host: str) -> Any:
        return await question(SimpleNamespace(host=host))

    async def compare(*_: Any, **__: Any) -> Differences:
        return Differences((("-", "/etc/gone", ""), ("+", "/new", "")), 30, ("/",))

    async def undoing(machine: Any, run: str, *, overwrite: bool) -> Undoing:
        assert run in JOURNALS
        changes = [Change(verb="restore", subject="/etc/motd", detail="0644"), Change(verb="remove", subject="htop")]
        return Undoing(machine, [(changes, None)], left=["x: no archive"], changed=["/etc/issue: by hand"])  # type: ignore[list-item]

    monkeypatch.setattr(snapshots, "visit", visit)
    monkeypatch.setattr(rollback, "compare", compare)
    monkeypatch.setattr(rollback, "undoing", undoing)
    return found


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The modules that were run, in place of running them."""
    done: list[tuple[Any, ...]] = []

    async def run_module(settings: Any, pattern: str, module: str, words: str, *_more: Any) -> int:
        done.append((pattern, module, words, settings.become))
        return 0

    def run(_settings: Any, story: Callable[..., Any], **_about: Any) -> int:
        with pytest.raises(StopIteration) as end:
            story(None).send(None)
        return int(end.value.value)

    for module in (snapshots, rollback):
        monkeypatch.setattr(module.app, "run_module", run_module)
        monkeypatch.setattr(module, "run", run)
    return done


def said(command: Any, *words: str) -> Result:
    return CliRunner().invoke(command, words)


def test_the_list_has_a_line_for_each_run_on_each_pc(answers: dict[str, Any]) -> None:
    """Newest first; places without snapshots are named; a PC that did not answer makes it 4."""
    done = said(snapshots.command, "list")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["RUN", "MADE", "(UTC)", "HOST", "BEFORE", "AFTER"]
    assert [line.split()[0] for line in lines[1:4]] == ["ab-2", "aa-1", "aa-1"]
    assert lines[-1] == "lyra: no snapshots of /home (ext4)"
    answers["mira"] = Unreachable("mira does not answer")
    done = said(snapshots.command, "list", "--json")
    assert done.exit_code == 4
    assert "mira does not answer" in done.stderr
    assert {(row["run"], row["host"]) for row in json.loads(done.stdout)} == {
        ("ab-2", "vega"),
        ("aa-1", "vega"),
        ("aa-1", "lyra"),
    }


@pytest.mark.parametrize(("word", "run"), [("last", "ab-2"), ("aa", "aa-1"), ("ab-2", "ab-2")])
def test_a_run_is_found_by_the_beginning_of_its_name(answers: dict[str, Any], word: str, run: str) -> None:
    """Or as the newest."""
    assert said(snapshots.command, "show", word).stdout.startswith(f"run {run}\n")


@pytest.mark.parametrize(("word", "hint"), [("a", "2 runs begin with 'a'"), ("aa-2", "no snapshots of a run 'aa-2'")])
def test_a_run_that_is_not_one_is_refused(answers: dict[str, Any], word: str, hint: str) -> None:
    """With what there is."""
    done = said(snapshots.command, "show", word)
    assert isinstance(done.exception, UsageError)
    assert hint in done.exception.message
    assert done.exception.remedy


def test_prune_is_a_run_of_the_job_as_root(answers: dict[str, Any], ran: list[tuple[Any, ...]]) -> None:
    """On the PCs that were named."""
    assert said(snapshots.command, "prune", "--keep", "2", "--hosts", "vega").exit_code == 0
    assert ran == [("vega", "hotdesk.sync.snapshot", "phase=prune keep=2 keep_days=30 keep_free='10%'", True)]


def test_a_rollback_shows_what_comes_back_and_needs_consent(
    answers: dict[str, Any], ran: list[tuple[Any, ...]]
) -> None:
    """Without a terminal nothing is done unless --yes says so; PCs without such snapshots are named and left."""
    done = said(rollback.command, "ab-2")
    assert isinstance(done.exception, UsageError)
    assert "--yes" in done.exception.remedy
    assert ran == []
    for text in (
        "vega: / as before ab-2; needs a reboot",
        "comes back: /etc/gone",
        "goes: /new",
        "lyra: neither snapshots from before",
    ):
        assert text in done.stdout
    done = said(rollback.command, "ab-2", "--yes")
    assert done.exit_code == 0
    assert ran == [("vega", "hotdesk.sync.rollback", "run=ab-2 consent=true", True)]
    assert "Reboot vega now" in done.stdout
    assert said(rollback.command, "aa", "--check", "--subvolume", "/").exit_code == 0
    assert ran[1] == ("vega,lyra", "hotdesk.sync.rollback", "run=aa-1 consent=false subvolumes=/", True)


def test_a_rollback_of_a_fleet_that_is_not_all_there_does_nothing(
    answers: dict[str, Any], ran: list[tuple[Any, ...]]
) -> None:
    """Half of it back is worse than none; --hosts names those that are meant."""
    answers["mira"] = Unreachable("mira does not answer")
    done = said(rollback.command, "aa", "--yes")
    assert isinstance(done.exception, HotdeskError)
    assert "--hosts" in done.exception.remedy
    assert ran == []


def test_a_pc_without_snapshots_goes_back_by_its_journals(answers: dict[str, Any], ran: list[tuple[Any, ...]]) -> None:
    """What comes back, what cannot and what was changed since is shown; no reboot. The newest run may be one of journals alone."""
    answers["mira"] = pc()
    log = run_log_dir() / "ac-3.jsonl"
    log.parent.mkdir(parents=True)
    changes = [{"verb": "create", "subject": "user eve", "undo": "userdel eve"}, {"verb": "delete", "subject": "notes"}]
    changes.append({"verb": "remove", "subject": "htop", "undo": "hotdesk rollback"})
    log.write_text(json.dumps({"event": "JobDone", "job": "accounts", "host": "mira", "changes": changes}))
    done = said(rollback.command, "last", "--yes")
    assert ran == [("mira", "hotdesk.sync.rollback", "run=ac-3 consent=true", True)]
    assert "Reboot" not in done.stdout
    shown = [line for line in done.stdout.splitlines() if not line.startswith(("vega", "lyra"))]
    assert shown == [
        "mira: by the journals of ac-3",
        "  restore /etc/motd  (0644)",
        "  remove htop",
        "  stays: x: no archive",
        "  stays, without --overwrite: /etc/issue: by hand",
        "  stays: create user eve (by hand: userdel eve)",
        "  stays: delete notes",
    ]
    done = said(rollback.command, "ab-2", "--yes", "--overwrite")
    assert ran[1] == ("vega,mira", "hotdesk.sync.rollback", "run=ab-2 consent=true overwrite=true", True)
    assert "  overwritten: /etc/issue" in done.stdout
    assert "Reboot vega now" in done.stdout
