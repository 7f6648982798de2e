from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target import k3s_pods
from hotdesk.jobs.on_target.acts import Act
from hotdesk.jobs.on_target.journal import Failed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group with a pod, which the kernel freezes as it is told."""
    group = tmp_path / "kubepods"
    (group / "pod1").mkdir(parents=True)
    (group / "pod1/cgroup.procs").write_text("4711\n")
    (group / "cgroup.freeze").write_text("0")
    monkeypatch.setattr(k3s_pods, "GROUPS", (str(group),))
    monkeypatch.setattr(
        k3s_pods, "frozen", lambda path: (group / "cgroup.freeze").read_text() == "1" and path == str(group)
    )
    return group


def test_pods_stand_still_and_go_on(group: Path, tmp_path: Path) -> None:
    """Two pauses at once end with the later of them (the inner first: each has put the handler of TERM of the one before aside)."""
    one, other = (k3s_pods.pause(str(tmp_path / "acts")) for _ in range(2))
    assert [next(one), next(other)] == ["paused", "paused"]
    assert (group / "cgroup.freeze").read_text() == "1"
    other.close()  # type: ignore[attr-defined]
    assert (group / "cgroup.freeze").read_text() == "1"
    one.close()  # type: ignore[attr-defined]
    assert (group / "cgroup.freeze").read_text() == "0"


def test_what_somebody_else_froze_stays_so(group: Path, tmp_path: Path) -> None:
    """It was not ours to let go."""
    (group / "cgroup.freeze").write_text("1")
    pause = k3s_pods.pause(str(tmp_path / "acts"))
    next(pause)
    pause.close()  # type: ignore[attr-defined]
    assert (group / "cgroup.freeze").read_text() == "1"


def test_what_a_kill_left_goes_on_with_the_next(group: Path, tmp_path: Path) -> None:
    """Until then it is told."""
    root = tmp_path / "acts"
    root.mkdir()
    k3s_pods.freeze(str(group), True)
    os.close(Act(str(root), "pause", groups=[str(group)])._fd)
    assert k3s_pods.still_paused(str(root)) == ["let the pods go on"]
    k3s_pods.go_on(str(root))
    assert (group / "cgroup.freeze").read_text() == "0"
    assert k3s_pods.still_paused(str(root)) == []


def test_pods_that_do_not_stand_still_are_a_failure(
    group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are told to go on."""
    monkeypatch.setattr(k3s_pods, "FREEZING", 0.0)
    monkeypatch.setattr(k3s_pods, "frozen", lambda _path: False)
    with pytest.raises(Failed, match="cannot be paused"):
        next(k3s_pods.pause(str(tmp_path / "acts")))
    assert (group / "cgroup.freeze").read_text() == "0"
