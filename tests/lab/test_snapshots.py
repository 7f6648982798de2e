"""Snapshots on PCs whose root is a real btrfs: made, interrupted, compared, removed; and what a PC without btrfs is told."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.lab.btrfs import GROUP, STORE, btrfs, desk, hotdesk, kept, played, top, write
from tests.lab.lab import Lab
from tests.lab.running import Desk, until

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["btrfs", "desk"]

pytestmark = GROUP
SLOW = """#!/bin/sh
# As btrfs, but the snapshot of @home takes as long as it likes.
case "$*" in *"subvolume snapshot"*@home*) if [ -e /run/slow ]; then touch /run/waiting; sleep 600; fi;; esac
exec /usr/bin/btrfs "$@"
"""
BEFORE = "- name: Before\n  hotdesk.sync.snapshot: {phase: before}\n"
CHANGE = "- name: Change\n  ansible.builtin.shell: echo new >/home/ada/changed; echo x >/home/ada/added; rm -f /etc/gone-soon\n"
AFTER = "- name: After\n  hotdesk.sync.snapshot: {phase: after, keep: 2}\n"


def test_source_and_target_are_kept_as_they_were(desk: Desk, btrfs: Lab) -> None:
    """Before and after, read-only, for root alone; check mode makes nothing; what changed in between is told."""
    pc = btrfs["pc7"]
    pc.run("sh", "-c", "btrfs -q subvolume create /srv/within; btrfs -q subvolume create /srv/within/deep")
    look = "ls -la /mnt; btrfs subvolume list /mnt | sed 's/ gen [0-9]*//'"
    state = top(pc, look)
    checked = played(desk, BEFORE + AFTER, "--check").results("pc7", "Before")[0]
    assert top(pc, look) == state
    done = played(desk, BEFORE + CHANGE + AFTER)
    assert done.results("pc7", "Before")[0]["items"] == checked["items"]
    assert not done.results("pc7", "Before")[0]["changed"]
    assert "/srv/within, /srv/within/deep" in " ".join(checked["warnings"])
    run = done.run_id
    for each in btrfs:
        assert kept(each) == [f"{run}.{phase}/{name}" for phase in ("after", "before") for name in ("@", "@home")]
        assert "700 0" in top(each, f"stat -c '%a %u' /mnt/{STORE}")
        assert not each.run("sh", "-c", "grep -c /mnt /proc/mounts || true").strip("0\n")
    assert (
        top(pc, f"cat /mnt/{STORE}/{run}.before/@home/ada/changed /mnt/{STORE}/{run}.before/@/etc/gone-soon")
        == "old\nkept\n"
    )
    assert top(pc, f"cat /mnt/{STORE}/{run}.after/@home/ada/changed") == "new\n"
    pc.run("btrfs", "-q", "subvolume", "delete", "/srv/within/deep", "/srv/within")
    found = json.loads(hotdesk(desk, "snapshots", "diff", "last", "--hosts", "pc7", "--path", "/home", "--json"))
    marks = {path: mark for mark, path, _ in found["hosts"]["pc7"]["differences"]}
    assert marks["/home/ada/changed"] == "*"
    assert marks["/home/ada/added"] == "+"
    assert "- /etc/gone-soon" in hotdesk(
        desk, "snapshots", "diff", run[:15], "--now", "--hosts", "pc7", "--path", "/etc"
    )
    assert {row["host"] for row in json.loads(hotdesk(desk, "snapshots", "list", "--json"))} == {"pc6", "pc7"}
    assert hotdesk(desk, "snapshots", "show", "last").count(f"{run}.before/@home") == 2


@pytest.mark.parametrize("signum", [pytest.param(signal.SIGINT, marks=pytest.mark.thorough), signal.SIGKILL])
def test_a_set_that_was_interrupted_is_removed_by_the_next_run(desk: Desk, btrfs: Lab, signum: int) -> None:
    """It never counts as one; earlier ones stay; nothing runs on and nothing is left mounted."""
    pc = btrfs["pc7"]
    whole = played(desk, BEFORE).run_id
    write(pc, "/usr/local/sbin/btrfs", SLOW, "755")
    pc.run("touch", "/run/slow")
    try:
        with desk.playing(desk.playbook(BEFORE, hosts="pc7", head="become: true")) as playing:
            until(lambda: pc.run("sh", "-c", "ls /run/waiting 2>/dev/null || true"), 120, "it is in the middle of it")
            playing.signal(signum)
            playing.ended(60)
            run = playing.run_id()
        until(lambda: not pc.marked("HOTDESK_RUN="), 60, "nothing of it runs on")
    finally:
        pc.run("rm", "-f", "/run/slow", "/usr/local/sbin/btrfs")
    assert f"{run}.before/@home" not in kept(pc)
    assert f"{run}.before/@" in kept(pc)
    assert not [
        row for row in json.loads(hotdesk(desk, "snapshots", "list", "--json", "--hosts", "pc7")) if row["run"] == run
    ]
    done = played(desk, BEFORE)
    assert f"{run}.before" in " ".join(done.results("pc7", "Before")[0]["warnings"])
    assert kept(pc) == sorted(f"{each}.before/{name}" for each in (whole, done.run_id) for name in ("@", "@home"))


@pytest.mark.thorough
def test_a_snapshot_that_fails_undoes_the_others(desk: Desk, btrfs: Lab) -> None:
    """All of a PC's or none; the failure says which."""
    pc = btrfs["pc7"]
    write(pc, "/usr/local/sbin/btrfs", SLOW.replace("touch /run/waiting; sleep 600", "echo no room >&2; exit 1"), "755")
    pc.run("touch", "/run/slow")
    try:
        done = desk.play(desk.playbook(BEFORE, hosts="pc7", head="become: true"))
    finally:
        pc.run("rm", "-f", "/run/slow", "/usr/local/sbin/btrfs")
    assert done.code == 2
    assert "no room" in done.results("pc7", "Before")[0]["msg"]
    assert kept(pc) == []


@pytest.mark.thorough
def test_old_ones_go_by_number_and_for_room(desk: Desk, btrfs: Lab) -> None:
    """keep: 2 leaves two runs; keep_free takes the oldest until that is free; check says which and removes none."""
    pc = btrfs["pc7"]
    runs = [played(desk, BEFORE + AFTER).run_id for _ in range(3)]
    assert {name.split(".")[0] for name in kept(pc)} == set(runs[1:])
    out = hotdesk(desk, "snapshots", "prune", "--keep", "1", "--check", "--hosts", "pc7")
    assert runs[1] in out
    assert {name.split(".")[0] for name in kept(pc)} == set(runs[1:])
    pc.run("sh", "-c", "head -c 500M /dev/urandom >/home/ada/big; sync")
    big = played(desk, BEFORE).run_id
    pc.run("rm", "/home/ada/big")
    small = played(desk, BEFORE).run_id
    free = int(pc.run("sh", "-c", "btrfs filesystem sync /; df --output=avail -B1M /home | tail -1"))
    hotdesk(desk, "snapshots", "prune", "--keep", "0", "--keep-free", f"{free + 300}M", "--hosts", "pc7")
    left = {name.split(".")[0] for name in kept(pc)}
    assert small in left
    assert big not in left
    assert len(kept(btrfs["pc6"])) > len(kept(pc))  # the source is not what was asked for


def test_without_btrfs_or_its_program(desk: Desk, btrfs: Lab, whole_lab: Lab, tmp_path: Path) -> None:
    """A PC without btrfs gets a warning, and a deletion there needs consent; a missing program is one problem with its remedy."""
    (tmp_path / "both").mkdir()
    both = Desk(Lab([whole_lab["pc1"], btrfs["pc6"]]), tmp_path / "both")
    both.inventory(extra="hotdesk_source: pc6")
    whole_lab["pc1"].run("sh", "-c", "mkdir -p /srv/tree; echo x >/srv/tree/only-here")
    btrfs["pc6"].run("mkdir", "-p", "/srv/tree")
    book = BEFORE + "- name: Mirror\n  hotdesk.sync.folder: {path: /srv/tree, delete: true}\n"
    done = both.play(both.playbook(book, hosts="pc1", head="become: true"))
    assert done.code == 2, done.stdout
    assert "(overlay)" in done.results("pc1", "Before")[0]["warnings"][0]
    assert "no snapshot covers" in done.results("pc1", "Mirror")[0]["msg"]
    assert whole_lab["pc1"].run("cat", "/srv/tree/only-here") == "x\n"
    done = both.play(tmp_path / "both" / "book.yml", "-e", "hotdesk_without_snapshot=true")
    assert done.code == 0, done.stdout
    assert whole_lab["pc1"].run("ls", "/srv/tree") == ""
    pc = btrfs["pc7"]
    pc.run("mv", "/usr/bin/btrfs", "/usr/bin/btrfs.away")
    try:
        refused = desk.play(desk.playbook(BEFORE, hosts="pc7", head="become: true"))
    finally:
        pc.run("mv", "/usr/bin/btrfs.away", "/usr/bin/btrfs")
    assert refused.code != 0
    assert "Install the package btrfs-progs" in refused.stdout + refused.stderr
    assert kept(pc) == []


@pytest.mark.thorough
def test_the_same_under_ansible_playbook(desk: Desk, btrfs: Lab) -> None:
    """One set for all its tasks, on source and target."""
    code, told = desk.ansible(desk.playbook(BEFORE + AFTER, hosts="pc7", head="become: true"))
    assert code == 0, told
    for pc in btrfs:
        names = [name.split("/")[0] for name in kept(pc)]
        assert len(set(names)) == 2, names
        assert all(name.startswith("ansible-") for name in names)
