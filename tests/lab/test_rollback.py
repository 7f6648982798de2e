"""A rollback on PCs with a real btrfs root: shown, consented to, done in one step a subvolume, seen after the reboot, itself undone."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.btrfs import GROUP, STORE, btrfs, desk, kept, played, top, write
from tests.lab.running import HOTDESK, until

if TYPE_CHECKING:
    from tests.lab.lab import PC, Lab
    from tests.lab.running import Desk

__all__ = ["btrfs", "desk"]

pytestmark = GROUP
CHANGE = """
- name: Before
  hotdesk.sync.snapshot: {phase: before}
- name: Change
  ansible.builtin.shell: rm /etc/gone-soon; echo new >/etc/issue; echo new >/home/ada/changed; echo x >/home/ada/added
"""


def rollback(desk: Desk, *words: str) -> subprocess.CompletedProcess[str]:
    """hotdesk rollback, without a terminal."""
    argv = [str(HOTDESK), "rollback", "-i", str(desk.directory / "inventory.yml"), *words]
    return subprocess.run(
        argv,
        env=desk.environment,
        cwd=desk.directory,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=240,
        check=False,
    )


def state(pc: PC) -> dict[str, str]:
    paths = ("/etc/gone-soon", "/etc/issue", "/home/ada/changed", "/home/ada/added")
    return {path: pc.run("sh", "-c", f"cat {path} 2>/dev/null || true") for path in paths}


def reboot(pc: PC) -> None:
    pc.off()
    pc.on()
    pc.wait_for_ssh()


@pytest.mark.thorough
def test_what_a_run_changed_comes_back_and_goes_again(desk: Desk, btrfs: Lab) -> None:
    """Nothing without consent; after the reboot all is as before the run; the rollback's own run is undone in the same way."""
    pc = btrfs["pc7"]
    write(pc, "/etc/issue", "old\n")
    pc.run("sh", "-c", "btrfs -q subvolume create /srv/within; echo kept >/srv/within/file")
    before = state(pc)
    run = played(desk, CHANGE).run_id
    after = state(pc)
    subvolumes = top(pc, "btrfs subvolume list /mnt")
    for words, code in (((run, "--hosts", "pc7"), 5), ((run, "--hosts", "pc7", "--check"), 0)):
        done = rollback(desk, *words)
        assert done.returncode == code, done.stdout + done.stderr
        for text in ("comes back: /etc/gone-soon", "goes: /home/ada/added", "gets its old content: /home/ada/changed"):
            assert text in done.stdout
        assert top(pc, "btrfs subvolume list /mnt") == subvolumes
    done = rollback(desk, run, "--hosts", "pc7", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reboot pc7 now" in done.stdout
    assert state(pc) == after
    waits = desk.play(desk.playbook(CHANGE, hosts="pc7", head="become: true"))
    assert waits.code != 0
    assert "waits for its reboot" in waits.stdout + waits.stderr
    reboot(pc)
    assert state(pc) == before
    assert pc.run("findmnt", "-no", "FSROOT", "/") == "/@\n"
    assert pc.run("cat", "/srv/within/file") == "kept\n"
    aside = f"/mnt/{STORE}/replaced/@home"
    assert top(pc, f"ls {aside}")
    undone = rollback(desk, "last", "--hosts", "pc7", "--yes")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    reboot(pc)
    assert state(pc) == after
    pc.run("btrfs", "-q", "subvolume", "delete", "/srv/within")
    both = "".join(
        f"- name: {phase}\n  hotdesk.sync.snapshot: {{phase: {phase}, keep: 1}}\n" for phase in ("before", "after")
    )
    keep = played(desk, both).run_id
    assert top(pc, f"ls {aside}") == ""
    assert {name.partition(".")[0] for name in kept(pc)} == {keep}


@pytest.mark.thorough
def test_one_subvolume_alone(desk: Desk, btrfs: Lab) -> None:
    """The system comes back, people's files stay."""
    pc = btrfs["pc7"]
    write(pc, "/etc/issue", "old\n")
    run = played(desk, CHANGE).run_id
    done = rollback(desk, run, "--hosts", "pc7", "--subvolume", "/", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    reboot(pc)
    assert state(pc) == {
        "/etc/gone-soon": "kept\n",
        "/etc/issue": "old\n",
        "/home/ada/changed": "new\n",
        "/home/ada/added": "x\n",
    }


WAIT = "touch /run/waiting; sleep 600"
MOMENTS = {
    "before": f'*"subvolume snapshot"*staged/@home*) {WAIT};;',
    "exchanged": f"""*"subvolume snapshot"*staged/@home*) >/run/staged;;
        *"subvolume show"*/mnt/@home) if [ -e /run/staged ]; then {WAIT}; fi;;""",
    "after": f'*"filesystem sync"*) {WAIT};;',
}
"""Cases of the shell: where btrfs takes as long as it likes, as @home is brought back. "exchanged": the new one is in place, the old one not
yet put aside."""


@pytest.mark.thorough
@pytest.mark.parametrize("moment", list(MOMENTS))
def test_killed_in_the_middle_each_subvolume_is_old_or_new(desk: Desk, btrfs: Lab, moment: str) -> None:
    """Before it has taken its place, or after; the next rollback finishes, and nothing that was there is lost."""
    pc = btrfs["pc7"]
    write(pc, "/etc/issue", "old\n")
    run = played(desk, CHANGE).run_id
    slow = f'#!/bin/sh\nif [ -e /run/slow ]; then case "$*" in {MOMENTS[moment]} esac; fi\nexec /usr/bin/btrfs "$@"\n'
    write(pc, "/usr/local/sbin/btrfs", slow, "755")
    pc.run("touch", "/run/slow")
    task = f"- name: Back\n  hotdesk.sync.rollback: {{run: {run}, consent: true}}\n"
    try:
        with desk.playing(desk.playbook(task, hosts="pc7", head="become: true")) as playing:
            until(lambda: pc.run("sh", "-c", "ls /run/waiting 2>/dev/null || true"), 120, "it is in the middle of it")
            playing.signal(signal.SIGKILL)
            playing.ended(60)
        until(lambda: not pc.marked("HOTDESK_RUN="), 60, "nothing of it runs on")
    finally:
        pc.run("rm", "-f", "/run/slow", "/run/waiting", "/run/staged", "/usr/local/sbin/btrfs")
    assert {"@", "@home"} <= set(top(pc, "ls /mnt").split())
    reboot(pc)
    found = state(pc)
    assert found["/etc/issue"] in ("old\n", "new\n")
    assert found["/home/ada/changed"] == ("new\n" if moment == "before" else "old\n")
    played(desk, task)
    reboot(pc)
    assert state(pc) == {
        "/etc/gone-soon": "kept\n",
        "/etc/issue": "old\n",
        "/home/ada/changed": "old\n",
        "/home/ada/added": "",
    }
    assert top(pc, f"ls /mnt/{STORE}/staged/*").replace(f"/mnt/{STORE}/staged/", "").split() == ["@:", "@home:"]
    assert top(pc, f"cat /mnt/{STORE}/replaced/@home/*/ada/added").startswith("x\n")
