"""The systemd job on PCs with a real systemd as process 1: files, enabled, disabled, masked, timers, what is never touched, stops."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.lab import Lab, Options
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, Done, started, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.pc import PC

pytestmark = pytest.mark.xdist_group("systemd")
FIRST = 11
HERE, THERE, OTHER = (f"pc{FIRST + number}" for number in range(3))
SERVICE = "[Service]\nExecStart=/bin/sleep 4711\n[Install]\nWantedBy=multi-user.target\n"
TIMER = "[Timer]\nOnCalendar=yearly\n[Install]\nWantedBy=timers.target\n"
SETUP = f"""
cd /etc/systemd/system
printf '{SERVICE}' >lab-own.service; printf '{TIMER}' >lab-own.timer; printf '{SERVICE}' >lab@.service; chmod 600 lab-own.service
printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' >lab-once.service
mkdir -p dpkg-db-backup.service.d; printf '[Service]\\nNice=5\\n' >dpkg-db-backup.service.d/nice.conf
printf '{SERVICE}' >/etc/systemd/user/lab-user.service
systemctl daemon-reload; systemctl enable --now lab-own.timer; systemctl enable lab-own.service lab@one.service rsync.service
systemctl mask apt-daily.timer; systemctl stop apt-daily.timer; systemctl disable --now dpkg-db-backup.timer
systemctl --global enable lab-user.service; systemctl mask fstrim.timer
"""
UNDO = r"""
cd /etc/systemd/system; systemctl stop 'lab-o*' 'lab@*'; systemctl --global disable lab-user.service; rm -f /etc/systemd/user/lab*
systemctl disable lab-own.timer lab-own.service lab@one.service rsync.service; systemctl unmask apt-daily.timer fstrim.timer
systemctl enable --now dpkg-db-backup.timer apt-daily.timer; rm -rf lab-o* lab@* dpkg-db-backup.service.d; systemctl daemon-reload; true
rm -rf /usr/local/bin/systemctl /run/lab-stuck
"""
LISTING = (
    "cd /etc/systemd; find system user -type f -exec sha256sum {} + | sort -k2; find system user -type f -printf '%m %u %p\\n' | sort; "
    "systemctl list-unit-files --no-legend --plain | grep -v '^fstrim' | sort; systemctl is-enabled lab@one; "
    "systemctl --global list-unit-files --no-legend --plain | sort; systemctl is-active lab-own.timer apt-daily.timer dpkg-db-backup.timer"
)


@pytest.fixture(scope="module")
def booted(whole_lab: Lab) -> Iterator[Lab]:
    """Three PCs that systemd runs."""
    need(missing({"debootstrap": "debootstrap"}))
    lab = Lab.up(3, Options(init="systemd", base="debian"), first=FIRST)
    pcs = Lab([lab[name] for name in (HERE, THERE, OTHER)])
    try:
        for pc in pcs:
            started(pc, 60)
        yield pcs
    finally:
        Lab.down(HERE, THERE, OTHER)


@pytest.fixture
def desk(booted: Lab, tmp_path: Path) -> Iterator[Desk]:
    """The first PC is the source and has everything set up; all is undone afterwards."""
    for pc in booted:
        pc.run("sh", "-c", UNDO)
    booted[HERE].run("sh", "-c", SETUP)
    yield Desk(booted, tmp_path)
    for pc in booted:
        pc.run("sh", "-c", UNDO)


def units(desk: Desk, *options: str, args: str = "", hosts: str = THERE, head: str = "") -> Done:
    """Run the job from the first PC."""
    tasks = f"- name: Units\n  hotdesk.sync.systemd: {{source: {HERE}, {args}}}"
    return desk.play(desk.playbook(tasks, hosts=hosts, head=f"become: true\n{head}"), *options)


def result(done: Done, host: str = THERE) -> dict[str, Any]:
    """The job's result on a host."""
    (found,) = done.results(host, "Units")
    return found


def state(pc: PC) -> str:
    """What systemctl and find say."""
    return pc.run("sh", "-c", LISTING + "; true")


def test_units_become_the_same(desk: Desk, booted: Lab) -> None:
    """Files, drop-ins, instances, enabled, disabled, masked, timers, units for all users; check mode lists exactly that; a second run nothing."""
    booted[OTHER].run(
        "sh",
        "-c",
        f"cd /etc/systemd/system; printf '{TIMER}' >lab-own.service; systemctl mask rsync.service; systemctl daemon-reload",
    )
    before = state(booted[THERE])
    checked = units(desk, "--check", "--diff", hosts=f"{THERE},{OTHER}")
    assert checked.code == 0, checked.stdout[-3000:]
    assert state(booted[THERE]) == before
    done = units(desk, "--diff", hosts=f"{THERE},{OTHER}")
    assert done.code == 0, done.stdout[-3000:]
    for name in (THERE, OTHER):
        assert result(done, name)["items"] == result(checked, name)["items"]
        assert result(done, name)["diff"] == result(checked, name)["diff"]
        assert state(booted[name]) == state(booted[HERE])
        assert booted[name].run("systemctl", "is-enabled", "fstrim.timer") == "enabled\n"
        assert "Nice=5" in booted[name].run("systemctl", "show", "-p", "Nice", "dpkg-db-backup.service")
        assert not booted[name].marked("sleep 4711")
    again = units(desk, hosts=f"{THERE},{OTHER}")
    assert [result(again, name)["changed"] for name in (THERE, OTHER)] == [False, False]


@pytest.mark.thorough
def test_services_run_when_wanted(desk: Desk, booted: Lab) -> None:
    """With now: all what is enabled and runs on the source is started, what is neither is stopped."""
    booted[HERE].run("systemctl", "start", "lab-own.service", "lab@one.service")
    done = units(desk, args="now: all")
    assert done.code == 0, done.stdout[-3000:]
    assert booted[THERE].run("systemctl", "is-active", "lab-own.service", "lab@one.service") == "active\nactive\n"
    booted[HERE].run("systemctl", "disable", "--now", "lab-own.service")
    assert result(units(desk, args="now: all"))["items"] == ["disable lab-own.service", "stop lab-own.service"]
    assert booted[THERE].run("systemctl", "is-active", "lab-own.service", check=False) == "inactive\n"
    assert not result(units(desk, args="now: all"))["changed"]


@pytest.mark.thorough
def test_what_only_the_target_has_goes_on_request(desk: Desk, booted: Lab) -> None:
    """A local unit that runs there stays; with delete it is stopped, disabled and removed. The unit that lets us in never."""
    booted[HERE].run("sh", "-c", "mv /etc/systemd/system/lab-sshd.service /root/; systemctl daemon-reload")
    try:
        booted[THERE].run(
            "sh",
            "-c",
            f"cd /etc/systemd/system; printf '{SERVICE}' >lab-old.service; systemctl enable --now lab-old.service",
        )
        assert units(desk).code == 0
        assert booted[THERE].run("systemctl", "is-active", "lab-old.service") == "active\n"
        done = units(desk, args="delete: true")
        assert done.code == 0, done.stdout[-3000:]
        assert result(done)["items"] == ["delete files of lab-old.service"]
        assert "lab-sshd.service stay as they are" in str(result(done)["warnings"])
        assert booted[THERE].run("sh", "-c", "systemctl is-enabled lab-old.service; true") == ""
        assert not booted[THERE].marked("sleep 4711")
        assert not result(units(desk, args="delete: true"))["changed"]
    finally:
        booted[HERE].run("sh", "-c", "mv /root/lab-sshd.service /etc/systemd/system/; systemctl daemon-reload")


@pytest.mark.thorough
def test_the_way_in_stays(desk: Desk, booted: Lab) -> None:
    """The source has masked its ssh, and disabled the lab's own sshd: the target does neither, and says so."""
    booted[HERE].run(
        "sh", "-c", "systemctl disable lab-sshd.service; printf '#\\n' >>/etc/systemd/system/lab-sshd.service"
    )
    try:
        done = units(desk)
        assert done.code == 0, done.stdout[-3000:]
        assert sum("lets you in" in text for text in result(done)["warnings"]) == 2
        assert booted[THERE].run("systemctl", "is-enabled", "lab-sshd.service") == "enabled\n"
    finally:
        booted[HERE].run(
            "sh", "-c", "sed -i '$d' /etc/systemd/system/lab-sshd.service; systemctl enable lab-sshd.service"
        )


@pytest.mark.thorough
def test_a_unit_that_is_not_there_is_named_and_a_failing_one_fails_alone(desk: Desk, booted: Lab) -> None:
    """A package is not installed on the target; lab-own.timer's place is taken by a folder: both by name, all else is done."""
    package = f"printf '{SERVICE}' >/lib/systemd/system/lab-package.service; systemctl daemon-reload; systemctl enable lab-package.service"
    booted[HERE].run("sh", "-c", package)
    booted[THERE].run("sh", "-c", "mkdir /etc/systemd/system/lab-own.timer; systemctl daemon-reload")
    try:
        done = units(desk)
        failed = result(done)["failed_changes"]
        assert failed["enable lab-own.timer"] == "not done, since 'create files of lab-own.timer' failed"
        assert set(failed) == {"create files of lab-own.timer", "enable lab-own.timer", "start lab-own.timer"}
        assert f"{THERE} has no lab-package.service" in done.stdout
        assert booted[THERE].run("systemctl", "is-enabled", "lab-own.service") == "enabled\n"
    finally:
        booted[HERE].run(
            "sh", "-c", "systemctl disable lab-package.service; rm /lib/systemd/system/lab-package.service"
        )
        booted[THERE].run("sh", "-c", "rmdir /etc/systemd/system/lab-own.timer; systemctl daemon-reload")
        booted[HERE].run("systemctl", "daemon-reload")
    assert units(desk).code == 0
    assert state(booted[THERE]) == state(booted[HERE])


@pytest.mark.thorough
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_in_the_middle_is_made_up_for(desk: Desk, booted: Lab, signum: int) -> None:
    """Files are in place and systemd is just being told: a stop puts them back, a kill leaves that to the next run, which then does it all."""
    stub = '#!/bin/sh\nif [ $1 = daemon-reload ]; then touch /run/lab-stuck; exec sleep 600; fi\nexec /usr/bin/systemctl "$@"\n'
    booted[THERE].run("install", "-m", "755", "/dev/stdin", "/usr/local/bin/systemctl", stdin=stub.encode())
    tasks = f"- name: Units\n  hotdesk.sync.systemd: {{source: {HERE}}}"
    book = desk.playbook(tasks, hosts=THERE, head="become: true\nvars: {hotdesk_lease: 6}")
    before = booted[THERE].run("sh", "-c", "find /etc/systemd -printf '%p %l\n' | sort")
    with desk.playing(book) as run:
        until(lambda: booted[THERE].run("sh", "-c", "cat /run/lab-stuck && echo yes", check=False), 60, "it is at work")
        run.signal(signum)
        run.ended(60)
    until(lambda: not booted[THERE].marked("HOTDESK_RUN="), 60, "nothing is left of it")
    if signum == signal.SIGINT:
        assert booted[THERE].run("sh", "-c", "find /etc/systemd -printf '%p %l\n' | sort") == before
    booted[THERE].run("rm", "/usr/local/bin/systemctl", "/run/lab-stuck")
    done = units(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert state(booted[THERE]) == state(booted[HERE])
    assert not result(units(desk))["changed"]


@pytest.mark.thorough
def test_drift_is_found_later(desk: Desk, booted: Lab) -> None:
    """``verify --jobs`` is green after the sync; a disabled timer and a changed drop-in are named."""
    assert units(desk).code == 0
    done = desk.run("verify", "--jobs", "--hosts", THERE)
    assert done.returncode == 0, done.stdout + done.stderr
    drift = "systemctl disable lab-own.timer; echo >>/etc/systemd/system/dpkg-db-backup.service.d/nice.conf"
    booted[THERE].run("sh", "-c", drift)
    done = desk.run("verify", "--jobs", "--hosts", THERE)
    assert done.returncode == 3, done.stdout + done.stderr
    drifted = [line for line in done.stdout.splitlines() if line.startswith("drifted:")]
    assert len(drifted) == 2
    assert any("lab-own.timer" in line for line in drifted)
    assert any("nice.conf" in line for line in drifted)


@pytest.mark.thorough
@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, booted: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    book = desk.playbook(f"- name: Units\n  hotdesk.sync.systemd: {{source: {HERE}}}", hosts=THERE, head="become: true")
    code, text = desk.ansible(book)
    assert code == 0, text
    assert state(booted[THERE]) == state(booted[HERE])
    assert not result(units(desk))["changed"]
