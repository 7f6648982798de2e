from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.snapshots.on_target import store
from hotdesk.snapshots.on_target.btrfs import Failed
from hotdesk.snapshots.on_target.store import create, retired, sets, snapshot_name, write_json

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86400.0


def runs(*ages: float, now: float = 1000 * DAY) -> list[dict[str, Any]]:
    """Sets before and after of runs r0, r1, ... that are so many days old."""
    return [
        {"run": f"r{number}", "phase": phase, "at": now - age * DAY + more}
        for number, age in enumerate(ages)
        for phase, more in (("before", 0.0), ("after", 60.0))
    ]


@pytest.mark.parametrize(
    ("keep", "days", "current", "gone"),
    [
        (0, 0, "", []),
        (2, 0, "", ["r3", "r2"]),
        (2, 0, "r3", ["r2", "r1"]),
        (1, 0, "new", ["r3", "r2", "r1"]),
        (0, 5, "", ["r3", "r2"]),
        (3, 5, "", ["r3", "r2"]),
        (0, 0.5, "", ["r3", "r2", "r1"]),
        (0, 0.5, "r2", ["r3", "r1", "r0"]),
    ],
)
def test_what_is_too_many_or_too_old_goes(keep: int, days: float, current: str, gone: list[str]) -> None:
    """Oldest first. A run goes with both its sets; the current one stays, and with none the newest."""
    found = runs(1, 3, 10, 20)
    assert retired(found, keep=keep, days=days, current=current, now=1000 * DAY) == gone


def test_nothing_is_retired_of_nothing() -> None:
    """An empty store is no fault."""
    assert retired([], keep=1, days=1, current="x", now=0.0) == []


def test_a_set_without_its_description_is_unfinished(tmp_path: Path) -> None:
    """It is written last; what is no set is not looked at."""
    for name in ("r1.before", "r1.after", "sent", "r2.middle"):
        (tmp_path / name).mkdir()
    described = {"at": 5.0, "made": "then", "host": "vega", "subvolumes": [{"name": "@", "path": "@", "mount": "/"}]}
    write_json(str(tmp_path / "r1.before" / "set.json"), described)
    (tmp_path / "r1.after" / "set.json.new").write_text("{")
    found = {(one["run"], one["phase"]): one["complete"] for one in sets(str(tmp_path))}
    assert found == {("r1", "before"): True, ("r1", "after"): False}


def test_a_description_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What cannot be written leaves the old one."""
    path = tmp_path / "set.json"
    write_json(str(path), {"a": 1})
    with pytest.raises(TypeError):
        write_json(str(path), {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}


def test_names_of_snapshots_tell_paths_apart() -> None:
    """One name, no slash."""
    assert [snapshot_name(path) for path in ("@", "vm/disks", "vm%2Fdisks", "")] == [
        "@",
        "vm%2Fdisks",
        "vm%252Fdisks",
        "%",
    ]


@pytest.mark.parametrize(("run", "phase"), [("../x", "before"), ("r.1", "after"), ("r1", "sent"), ("", "before")])
def test_a_run_must_be_a_name(run: str, phase: str) -> None:
    """It becomes part of a path."""
    with pytest.raises(Failed, match="cannot name snapshots"):
        next(create(run, phase, [], "vega"))


def test_subvolumes_that_no_snapshot_has_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's own each, an engine's layers by their folder; not what is mounted by itself, ours, or of no importance."""
    layers = [f"/top/@/var/lib/docker/btrfs/subvolumes/{name}" for name in ("a", "b")]
    own = ["/top/@/srv/own", "/top/@/srv/mounted", "/top/@/var/lib/machines"]
    monkeypatch.setattr(store, "nested", lambda start: [*layers, *own] if start == "/top/@" else [])
    mounted = [{"path": "@", "mount": "/"}, {"path": "@/srv/mounted", "mount": "/srv/mounted"}]
    assert store._left_out("/top", mounted, mounted) == ["/srv/own", "/var/lib/docker/btrfs/subvolumes"]
