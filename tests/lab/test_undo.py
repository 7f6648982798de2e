"""A rollback on PCs without btrfs: real apt, /etc, systemd and dconf brought back from the journals of a run; pc1 is the source."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.plan_file import APPROVE
from tests.lab import test_dconf, test_systemd
from tests.lab.running import until
from tests.lab.test_apt import HEAD, INSTALL, archives, desk, must, sh, vendor
from tests.lab.test_systemd import booted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import PC, Lab
    from tests.lab.running import Desk

__all__ = ["archives", "booted", "desk"]

units_desk = test_systemd.desk
dconf_desk = test_dconf.desk
TASKS = """
- name: Packages
  hotdesk.sync.apt: {remove: true}
- name: Configuration
  hotdesk.sync.etc: {paths: [/etc/hd-undo, /etc/hd-base.conf], delete: true}
"""
TREE = "/srv/hd-undo"
MIRROR = f"""
- name: Files
  hotdesk.sync.folder: {{path: {TREE}, delete: true}}
"""
CLEAN = f"rm -rf /etc/hd-undo {TREE}"


@pytest.fixture
def pair(desk: Desk, lab: Lab) -> tuple[PC, PC]:
    """The source, and a target that lacks packages, has others, has one in another version, and has files of its own."""
    here, there = lab["pc1"], lab["pc2"]
    vendor(here)
    must(here, f"{INSTALL} hd-app hd-base hd-held=1.0; apt-mark hold hd-held; {CLEAN}; mkdir -p /etc/hd-undo/new/deep")
    must(
        here,
        "cd /etc/hd-undo; echo new >both; echo new >new/deep/file; ln -s both link; chmod 600 both; echo mine >>/etc/hd-base.conf",
    )
    must(
        there,
        f"{INSTALL} hd-tool=1:1.0 hd-mine hd-conf hd-held=2.0 hd-dep; apt-mark auto hd-conf; {CLEAN}; mkdir -p /etc/hd-undo",
    )
    must(
        there,
        "cd /etc/hd-undo; echo old >both; chown root:adm both; chmod 640 both; touch -d @1000000000 both; echo own >own; ln -s own link",
    )
    return here, there


def state(pc: PC) -> str:
    """Packages that are installed with version, marks and holds; /etc/apt and our files with all that belongs to them."""
    return sh(pc, "dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n' 'hd-*' | grep ^.i; apt-mark showmanual | grep ^hd-; "
                  "apt-mark showhold; find /etc/apt /etc/hd-undo -printf '%p %y %m %u:%g %l\\n' | sort; "
                  "find /etc/hd-undo -type f -printf '%p %T@\\n' | sort; find /etc/apt /etc/hd-undo -type f | sort | xargs sha256sum")  # fmt: skip


def play(desk: Desk) -> str:
    """The sync; its run."""
    done = desk.play(desk.playbook(TASKS, hosts="pc2", head=HEAD))
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    return done.run_id


@pytest.mark.thorough
def test_packages_and_files_come_back_and_go_again(desk: Desk, lab: Lab, pair: tuple[PC, PC]) -> None:
    """Installed, removed, replaced, held, created, overwritten, deleted: shown, refused without consent, then all as before; undone likewise."""
    before = state(pair[1])
    run = play(desk)
    after = state(pair[1])
    assert after != before
    shown = desk.run("rollback", run, "--hosts", "pc2", "--check")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for text in (
        "install hd-mine",
        "remove hd-app",
        "replace hd-tool  (5.0 -> 1:1.0)",
        "restore /etc/hd-undo/both",
        "delete /etc/hd-undo/new/deep/file",
    ):
        assert text in shown.stdout
    assert desk.run("rollback", run, "--hosts", "pc2").returncode == 5
    assert state(pair[1]) == after
    done = desk.run("rollback", run, "--hosts", "pc2", "--yes")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert state(pair[1]) == before
    assert "Reboot" not in done.stdout
    again = desk.run("rollback", run, "--hosts", "pc2", "--yes")
    assert "nothing to bring back" in again.stdout
    redone = desk.run("rollback", "last", "--hosts", "pc2", "--yes")
    assert redone.returncode == 0, redone.stdout[-3000:] + redone.stderr
    assert state(pair[1]) == after


@pytest.mark.thorough
def test_what_came_since_is_kept_unless_it_is_wanted_back(desk: Desk, lab: Lab, pair: tuple[PC, PC]) -> None:
    """A file edited, a package of the run upgraded, another that somebody's own needs; and a version that no archive has any more."""
    before = state(pair[1])
    run = play(desk)
    must(pair[1], "echo by hand >/etc/hd-undo/both; apt-mark unhold hd-held")
    must(pair[1], f"{INSTALL} hd-held=2.0")
    must(pair[1], "cd /srv/hotdesk-archives/distribution; rm -f hd-mine_*; mv Packages all; "
                  "awk -v RS= -v ORS='\\n\\n' '!/^Package: hd-mine\\n/' all >Packages; rm -f Packages.gz")  # fmt: skip
    sh(
        pair[1],
        "sed -i 's/^Signed-By.*/Trusted: yes/' /etc/apt/sources.list.d/debian.sources; apt-get -qq update -o Acquire::AllowInsecureRepositories=true",
    )
    done = desk.run("rollback", run, "--hosts", "pc2", "--yes")
    assert "stays, without --overwrite: /etc/hd-undo/both: changed since" in done.stdout
    assert sh(pair[1], "cat /etc/hd-undo/both") == "by hand\n"
    done = desk.run("rollback", run, "--hosts", "pc2", "--yes", "--overwrite")
    text = state(pair[1])
    assert [line for line in before.splitlines() if line not in text] != []
    assert sh(pair[1], "cat /etc/hd-undo/both") == "old\n"


@pytest.mark.thorough
def test_exactly_what_the_plan_said_comes_back(desk: Desk, lab: Lab, pair: tuple[PC, PC]) -> None:
    """The plan says of each change whether a rollback undoes it: those come back, and every other is named then, and stays."""
    here, there = pair
    must(here, f"mkdir -p {TREE}; cd {TREE}; echo new >both; echo new >new")
    must(there, f"mkdir -p {TREE}; cd {TREE}; echo older >both; echo own >own")
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    before, plan = state(there), desk.directory / "plan.yml"
    book = desk.playbook(TASKS + MIRROR, hosts="pc2", head=HEAD)
    done = desk.run("plan", str(book), "-o", str(plan))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    steps = desk.approve(plan)["steps"]
    changes = [(step["job"], one) for step in steps for section in APPROVE for one in step.get(section, ())]
    lost = {one["change"] for _, one in changes if not one.get("undo", "").startswith("hotdesk rollback")}
    assert lost == {one["change"] for job, one in changes if job.endswith("folder")}
    assert lost >= {"create new", "delete own"}
    done = desk.run("play", "--plan", str(plan))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert state(there) != before
    done = desk.run("rollback", "last", "--hosts", "pc2", "--yes")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    stays = [
        line.removeprefix("  stays: ").partition(" (by hand: ")[0]
        for line in done.stdout.splitlines()
        if line.startswith("  stays")
    ]
    assert sorted(stays) == sorted(lost)
    assert state(there) == before
    assert sh(there, f"cd {TREE}; grep -r .  . | sort") == "./both:new\n./new:new\n"


@pytest.mark.thorough
def test_a_run_that_was_killed_can_be_undone(desk: Desk, lab: Lab, pair: tuple[PC, PC]) -> None:
    """In the middle of a postinst: what it had done cannot be told from others' doings, so it needs the other consent."""
    must(pair[0], f"{INSTALL} hd-slow")
    before = state(pair[1])
    must(pair[1], "mkfifo /run/hd-gate")
    desk.inventory(extra="hotdesk_lease: 4")
    with desk.playing(desk.playbook(TASKS, hosts="pc2", head=HEAD)) as run:
        until(lambda: sh(pair[1], "ls /run/hd-slow 2>/dev/null") != "", 180, "the postinst runs")
        run.signal(signal.SIGKILL)
        run.ended(30)
        killed = run.run_id()
    until(lambda: not pair[1].marked("HOTDESK_RUN="), 40, "nothing runs there")
    sh(pair[1], "rm -f /run/hd-gate; dpkg --configure -a")
    done = desk.run("rollback", killed, "--hosts", "pc2", "--yes", "--overwrite")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert state(pair[1]) == before


@pytest.mark.thorough
def test_units_come_back(units_desk: Desk, booted: Lab) -> None:
    """Files, drop-ins, enabled, disabled, masked and timers, also those that the sync deleted."""
    here, there = test_systemd.HERE, booted[test_systemd.THERE]
    timer, service = test_systemd.TIMER, "[Service]\\nExecStart=/bin/true\\n"
    there.run("sh", "-ec", f"cd /etc/systemd/system; printf '{timer}' >lab-other.timer; printf '{service}' >lab-other.service; "
                           "systemctl daemon-reload; systemctl enable --now lab-other.timer; systemctl mask rsync.service")  # fmt: skip
    before = test_systemd.state(there)
    done = test_systemd.units(units_desk, args="delete: true")
    assert done.code == 0, done.stdout[-3000:]
    assert test_systemd.state(there) == test_systemd.state(booted[here])
    back = units_desk.run("rollback", "last", "--hosts", there.name, "--yes")
    assert back.returncode == 0, back.stdout[-3000:] + back.stderr
    assert test_systemd.state(there) == before
    assert there.run("systemctl", "is-active", "lab-other.timer") == "active\n"


@pytest.mark.thorough
def test_settings_come_back(dconf_desk: Desk, lab: Lab) -> None:
    """Values that were changed, set and reset, secrets too; the system's files. No value is on the command line or in the output."""
    there = lab["pc2"]
    test_dconf.load(there, "ada", "[org/lab/look]\ntheme='light'\nown=1\n[org/lab/proxy]\nauth-password='alt-0815'\n")
    before = test_dconf.dump(there)
    done = test_dconf.settings(dconf_desk, args="delete: true")
    assert done.code == 0, done.stdout[-3000:]
    assert test_dconf.dump(there) != before
    back = dconf_desk.run("rollback", "last", "--hosts", "pc2", "--yes")
    assert back.returncode == 0, back.stdout[-3000:] + back.stderr
    assert test_dconf.dump(there) == before
    assert there.run("sh", "-c", "ls /etc/dconf/db/lab.d 2>/dev/null; true") == ""
    assert "alt-0815" not in back.stdout + back.stderr
    assert not [path for path in _files(dconf_desk.directory) if b"alt-0815" in path.read_bytes()]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
