"""Free space: before a play, and while it runs, on targets and on the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.running import Desk, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

ROOT = "/srv/hotdesk-disk"
WATCH = "become: true\nvars:\n  hotdesk_source: pc1\n  hotdesk_disk_watch: {preflight_minimum: 20%, runtime_minimum: 15%, warning: 25%, interval: 1}"
TASKS = f"- name: Mirror\n  hotdesk.sync.folder:\n    path: {ROOT}\n    bwlimit: {{bwlimit}}\n"


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 holds 300 MB to mirror; disks are emptied afterwards."""
    lab["pc1"].run("sh", "-c", f"mkdir -p {ROOT} && head -c 300M /dev/urandom >{ROOT}/big")
    yield Desk(lab, tmp_path)
    for pc in lab:
        pc.run("rm", "-rf", ROOT, "/srv/fill")


def fill(lab: Lab, name: str, percent_left: int) -> None:
    """Leave so much of a PC's disk."""
    script = (
        "set -- $(df --output=size,avail -B1 /srv | tail -1); fallocate -l $(( $2 - $1 * PERCENT / 100 )) /srv/fill"
    )
    lab[name].run("sh", "-c", script.replace("PERCENT", str(percent_left)))


def test_a_full_target_is_seen_before_anything_is_written(desk: Desk, lab: Lab) -> None:
    """Preflight fails that play with mount, free space and threshold, and nothing has been changed anywhere."""
    fill(lab, "pc2", 10)
    done = desk.play(desk.playbook(TASKS.format(bwlimit=0), hosts="pc2,pc3", head=WATCH))
    assert done.code == 2, done.stdout[-3000:] + done.stderr
    assert "409.6 MiB are needed to begin" in done.stdout
    assert lab["pc2"].run("sh", "-c", f"ls {ROOT} 2>&1 || true").startswith("ls: cannot access")


def test_a_target_that_fills_up_is_stopped_and_the_others_finish(desk: Desk, lab: Lab) -> None:
    """Below the runtime minimum: that host fails with mount, free space and threshold; pc3 is finished."""
    with desk.playing(desk.playbook(TASKS.format(bwlimit=20000), hosts="pc2,pc3", head=WATCH)) as run:
        until(lambda: '"Progressed"' in run.out.read_text(), 30, "the transfer is under way")
        fill(lab, "pc2", 8)
        done = run.ended(60)
    assert done.code == 2, done.stdout[-3000:] + done.stderr
    message = done.results("pc2", "Mirror")[0]["msg"]
    assert "the minimum is 307.2 MiB" in message
    assert "free" in message
    assert not done.results("pc3", "Mirror")[0]["failed"]
    assert not lab["pc2"].marked("HOTDESK_RUN=")


def test_a_source_that_fills_up_stops_the_play_in_order(desk: Desk, lab: Lab) -> None:
    """All hosts stop, nothing is left running, the exit code is a failure and not a signal's."""
    with desk.playing(desk.playbook(TASKS.format(bwlimit=20000), hosts="pc2,pc3", head=WATCH)) as run:
        until(lambda: '"Progressed"' in run.out.read_text(), 30, "the transfer is under way")
        fill(lab, "pc1", 8)
        done = run.ended(30)
    assert done.code == 2, done.stdout[-3000:] + done.stderr
    assert not any(pc.marked("HOTDESK_RUN=") for pc in lab)
