"""PCs with a root file system of their own: a real btrfs with subvolumes, systemd as process 1."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target import apt_timers
from tests.lab.lab import Lab, Options, leftovers
from tests.lab.machine import births, missing
from tests.lab.needs import need
from tests.lab.running import Desk, started, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC

pytestmark = pytest.mark.xdist_group("debian")  # one PC for all of them
NAME = "pc5"


@pytest.fixture(scope="module")
def debian(whole_lab: Lab) -> Iterator[PC]:
    """A PC with everything at once; the first time, its base is made."""
    need(missing({"debootstrap": "debootstrap", "mkfs.btrfs": "btrfs-progs"}))
    options = Options(disk="btrfs", size="1500m", init="systemd", base="debian", memory="512m")
    try:
        yield Lab.up(1, options, first=int(NAME.removeprefix("pc")))[NAME]
    finally:
        Lab.down(NAME)
        # A PC that another lab is just starting has this one's mounts for a moment.
        until(lambda: not [line for line in leftovers() if NAME in line], 30, "nothing of it is left")


def test_systemd_runs_it(debian: PC) -> None:
    """Nothing has failed, units start and stop, a login is a session of logind's."""
    started(debian)
    debian.run("systemd-run", "--unit=one", "sleep", "600")
    assert debian.run("systemctl", "is-active", "one") == "active\n"
    debian.run("systemctl", "stop", "one")
    assert not debian.marked("sleep 600")


def test_its_root_is_btrfs_with_subvolumes(debian: PC) -> None:
    """@ and @home, snapshots work, a rolled back root is what boots."""
    assert debian.run("findmnt", "-no", "FSTYPE,FSROOT", "/").split() == ["btrfs", "/@"]
    assert debian.run("findmnt", "-no", "FSROOT", "/home") == "/@home\n"
    debian.run("btrfs", "subvolume", "snapshot", "-r", "/", "/before")
    debian.run("sh", "-c", "echo later >/root/later")
    assert debian.run("ls", "/before/root") == ""
    debian.run("btrfs", "subvolume", "delete", "/before")


def test_a_power_cut_keeps_its_disk(debian: PC) -> None:
    """off kills systemd with everything, on boots it again."""
    debian.run("sh", "-c", "echo kept >/home/ada/kept; sync")
    inside = debian.processes()
    before = {(pid, born) for pid, born in births() if pid in inside}
    assert len(before) > 1
    debian.off()
    assert not before & births()
    debian.on()
    debian.wait_for_ssh()
    assert debian.run("cat", "/home/ada/kept") == "kept\n"


def test_hotdesk_works_on_it(debian: PC, tmp_path: Path) -> None:
    """A command as ada and one as root, over ssh with its own host key."""
    desk = Desk(Lab([debian]), tmp_path)
    book = desk.playbook("- name: Who\n  ansible.builtin.command: id -un\n  become: true\n")
    done = desk.play(book)
    assert done.code == 0, done.stdout + done.stderr
    assert done.results(NAME, "Who")[0]["stdout"] == "root"


def test_apts_timers_are_paused_by_a_lease_that_systemd_keeps(debian: PC) -> None:
    """They go on when told to, and by themselves when nobody does; a second pause stretches the lease of a run that died."""

    def call(what: str) -> str:
        return debian.run("python3", "-c", f"{inspect.getsource(apt_timers)}\nprint({what})").strip()

    def active(unit: str) -> bool:
        return debian.run("systemctl", "is-active", unit, check=False) == "active\n"

    debian.run("systemctl", "start", *apt_timers.TIMERS)
    assert call("pause(3600)") == str(list(apt_timers.TIMERS))
    assert not any(active(timer) for timer in apt_timers.TIMERS)
    assert active(f"{apt_timers.NET}.timer")
    assert call("pause(3600)") == str(list(apt_timers.TIMERS))
    call(f"resume({list(apt_timers.TIMERS)})")
    assert all(active(timer) for timer in apt_timers.TIMERS)
    assert not active(f"{apt_timers.NET}.timer")
    call("pause(1)")
    until(lambda: all(active(timer) for timer in apt_timers.TIMERS), 120, "they run again by themselves")
