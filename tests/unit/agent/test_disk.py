"""Which file system a path is on, and when a crossing is told."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from hotdesk.agent import disk

if TYPE_CHECKING:
    from pathlib import Path

TABLE = [
    ("/", "/dev/a", "ext4"),
    ("/home", "/dev/b", "ext4"),
    ("/home/ann/My Files", "nas:/x", "nfs"),
    ("/home", "/dev/c", "btrfs"),
]


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/", "/"),
        ("/homestead", "/"),
        ("/home", "/home"),
        ("/home/ann/My Files/a", "/home/ann/My Files"),
        ("/home/ann/My", "/home"),
    ],
)
def test_the_longest_mount_point_counts(path: str, mount: str) -> None:
    """Whole names only."""
    assert disk.mount_of(path, TABLE)[0] == mount


def test_the_last_mount_on_a_point_counts() -> None:
    """What is mounted over hides what was there."""
    assert disk.mount_of("/home/x", TABLE) == ("/home", "/dev/c")


def test_the_nearest_parent_that_exists(tmp_path: Path) -> None:
    """Links resolved."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert disk.nearest(str(tmp_path / "link" / "a" / "b")) == str((tmp_path / "real").resolve())


def test_measure_agrees_with_statvfs(tmp_path: Path) -> None:
    """One entry per mount, with its paths."""
    (state,) = disk.measure([str(tmp_path), str(tmp_path / "new")])
    assert state["total"] == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert state["paths"] == [str(tmp_path), str(tmp_path / "new")]


@pytest.mark.parametrize(("free", "level"), [(9, "minimum"), (10, "warning"), (19, "warning"), (20, "ok")])
def test_levels(free: int, level: str) -> None:
    """Below, not at, the threshold."""
    assert disk.level(free, {"minimum": 10, "warning": 20}) == level


def test_the_watch_tells_crossings_and_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level once; three failed looks are a level of their own, and it recovers."""
    looks = iter([30, 15, 15, 5, None, None, None, None, 30])

    def sample(path: str) -> dict[str, object]:
        free = next(looks)
        if free is None:
            raise OSError(5, "Input/output error")
        return {"mount": "/", "device": "d", "total": 100, "free": free}

    monkeypatch.setattr(disk, "_sample", sample)
    watching = disk.watch({"/": {"minimum": 10, "warning": 20}}, 0.001)
    assert [next(watching)["level"] for _ in range(4)] == ["warning", "minimum", "failed", "ok"]
    watching.close()


def test_free_space_is_told_again_when_it_has_changed_by_a_hundredth(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the level that it has all the time; less than that is not worth a word."""
    looks = iter([5000, 4950, 4901, 4899, 4850, 4700])
    monkeypatch.setattr(
        disk, "_sample", lambda path: {"mount": "/", "device": "d", "total": 10_000, "free": next(looks)}
    )
    watching = disk.watch({"/": {"minimum": 10, "warning": 20}}, 0.001)
    told = [next(watching) for _ in range(2)]
    watching.close()
    assert [(each["state"]["free"], each["level"]) for each in told] == [(4899, "ok"), (4700, "ok")]


def test_a_mount_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded, and the caller knows which."""
    monkeypatch.setattr(disk, "DEADLINE", 0.05)
    monkeypatch.setattr(
        disk,
        "Probe",
        lambda path: SimpleNamespace(path=path, ask=lambda: None, answered=lambda _: False, end=lambda: None),
    )
    with pytest.raises(Exception, match="/dead does not answer"):
        disk.measure(["/dead"])
