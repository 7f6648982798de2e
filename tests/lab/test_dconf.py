"""The dconf job with the real dconf, without a desktop: people's databases, the system's, locks, a live session, stops."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.pc import PC

SESSION = "runuser -u {} -- env -i HOME=/home/{} PATH=/usr/bin:/bin LC_ALL=C.UTF-8 XDG_RUNTIME_DIR=/dev/null "
LOAD = SESSION + "dbus-run-session -- dconf load / 2>/dev/null"
DUMP = SESSION + "dconf dump / 2>/dev/null"
ADA = """[org/lab/look]
theme='dark'
title='Übersicht → ß'
list=[1, 2]
[org/lab/proxy]
auth-password='geheim-4711'
[org/gnome/nautilus/window-state]
size=(1, 2)
[/]
top=true
"""
SYSTEM = """
mkdir -p /etc/dconf/profile /etc/dconf/db/lab.d/locks
printf 'user-db:user\\nsystem-db:lab\\n' >/etc/dconf/profile/lab; printf '[org/lab/site]\\nname="hq"\\n' >/etc/dconf/db/lab.d/00-site
echo /org/lab/site/name >/etc/dconf/db/lab.d/locks/site; dconf update
"""
CLEAN = """
rm -rf /etc/dconf/db/lab* /etc/dconf/profile/lab /etc/dconf/profile/user /home/*/.config/dconf /usr/local/bin/dconf /run/lab-stuck; dconf update; true
"""


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 is entered as root and is the source, where ada and the system have settings."""
    need(missing({"dconf": "dconf-cli"}))
    for pc in lab:
        pc.run("sh", "-c", CLEAN + "mkdir -p /usr/local/bin /etc/dconf")
    load(lab["pc1"], "ada", ADA)
    lab["pc1"].run("sh", "-ec", SYSTEM)
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for pc in lab:
        pc.run("sh", "-c", CLEAN)


def load(pc: PC, user: str, text: str) -> None:
    """Set a person's settings."""
    pc.run("sh", "-c", LOAD.format(user, user), stdin=text.encode())


def dump(pc: PC, user: str = "ada") -> str:
    """What dconf itself says of a person's settings."""
    return pc.run("sh", "-c", DUMP.format(user, user))


def settings(desk: Desk, *options: str, args: str = "", hosts: str = "pc2") -> Done:
    """Run the job from pc1."""
    tasks = f"- name: Settings\n  hotdesk.sync.dconf: {{source: pc1, {args}}}"
    return desk.play(desk.playbook(tasks, hosts=hosts, head="become: true"), *options)


def result(done: Done, host: str = "pc2") -> dict[str, Any]:
    """The job's result on a host."""
    (found,) = done.results(host, "Settings")
    return found


def system(pc: PC) -> str:
    """The system's database as dconf reads it, and its files."""
    return pc.run(
        "sh",
        "-c",
        "cd /etc/dconf; sha256sum profile/lab db/lab.d/00-site db/lab.d/locks/site; DCONF_PROFILE=lab dconf dump /org/lab/site/",
    )


def test_settings_become_the_same(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    """Text beyond ASCII too; what is excluded stays, what only the target has stays; nothing in check mode; a second run does nothing."""
    own = "[org/lab/look]\ntheme='light'\nown=1\n[org/gnome/nautilus/window-state]\nsize=(9, 9)\n"
    load(lab["pc3"], "ada", own)
    before = [
        pc.run("sh", "-c", "find /home/ada /etc/dconf | sort; cat /home/ada/.config/dconf/user | sha256sum")
        for pc in lab
    ]
    checked = settings(desk, "--check", "--diff", hosts="pc2,pc3")
    assert checked.code == 0, checked.stdout[-3000:]
    assert [
        pc.run("sh", "-c", "find /home/ada /etc/dconf | sort; cat /home/ada/.config/dconf/user | sha256sum")
        for pc in lab
    ] == before
    done = settings(desk, "--diff", hosts="pc2,pc3")
    assert done.code == 0, done.stdout[-3000:]
    for name in ("pc2", "pc3"):
        assert sorted(result(done, name)["items"]) == sorted(result(checked, name)["items"])
        assert result(done, name)["diff"] == result(checked, name)["diff"]
        assert system(lab[name]) == system(lab["pc1"])
    assert dump(lab["pc2"]) == dump(lab["pc1"]).replace("[org/gnome/nautilus/window-state]\nsize=(1, 2)\n\n", "")
    assert "title='Übersicht → ß'" in dump(lab["pc2"])
    assert "size=(9, 9)" in dump(lab["pc3"])
    assert "own=1" in dump(lab["pc3"])
    assert lab["pc2"].run("stat", "-c", "%U", "/home/ada/.config/dconf/user") == "ada\n"
    again = settings(desk, hosts="pc2,pc3")
    assert [result(again, name)["changed"] for name in ("pc2", "pc3")] == [False, False]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert "geheim-4711" not in checked.stdout + done.stdout + written
    assert not lab["pc2"].marked("dconf-service")


@pytest.mark.thorough
def test_what_only_the_target_has_goes_on_request(desk: Desk, lab: Lab) -> None:
    """Keys are reset, files removed, the excluded stays."""
    load(lab["pc2"], "ada", "[org/lab/old]\na=1\n[org/lab/keep]\nb=2\n")
    lab["pc2"].run("sh", "-c", "mkdir -p /etc/dconf/db/lab.d; echo '[x]' >/etc/dconf/db/lab.d/99-old; dconf update")
    done = settings(desk, args="delete: true, exclude: [/org/lab/keep/]")
    assert done.code == 0, done.stdout[-3000:]
    assert "reset ada /org/lab/old/" in result(done)["items"]
    assert dump(lab["pc2"]) == "".join(sorted_parts(dump(lab["pc1"]), "[org/lab/keep]\nb=2\n"))
    assert system(lab["pc2"]) == system(lab["pc1"])
    assert not lab["pc2"].run("sh", "-c", "ls /etc/dconf/db/lab.d | grep 99; true")


def sorted_parts(*dumps: str) -> list[str]:
    """The folders of some dumps in dconf's order."""
    parts = [part.strip("\n") + "\n" for text in dumps for part in text.split("\n\n") if part.strip()]
    return ["\n".join(sorted(parts, key=lambda part: part.split("]")[0].replace("[/", "[")))]


def test_locked_keys_stay(desk: Desk, lab: Lab) -> None:
    """The target's administrator has locked the theme: ada's other settings come, and it is said."""
    lock = "mkdir -p /etc/dconf/profile /etc/dconf/db/labown.d/locks; printf 'user-db:user\\nsystem-db:labown\\n' >/etc/dconf/profile/user"
    lab["pc2"].run("sh", "-ec", f"{lock}; echo /org/lab/look/theme >/etc/dconf/db/labown.d/locks/l; dconf update")
    done = settings(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert any("locked /org/lab/look/theme" in text for text in result(done)["warnings"])
    assert "theme" not in dump(lab["pc2"])
    assert "list=[1, 2]" in dump(lab["pc2"])
    assert not result(settings(desk))["changed"]


@pytest.mark.thorough
def test_a_running_session_sees_it(desk: Desk, lab: Lab) -> None:
    """Where ada is logged in, the settings go over her bus: what watches there is told."""
    watch = (
        "install -d -o ada -m 700 /run/user/$(id -u ada); runuser -u ada -- env -i HOME=/home/ada PATH=/usr/bin:/bin "
        "XDG_RUNTIME_DIR=/run/user/$(id -u ada) sh -c 'dbus-daemon --session --fork --address=unix:path=$XDG_RUNTIME_DIR/bus; "
        "DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus setsid dconf watch / >/tmp/lab-watch 2>&1 </dev/null &'"
    )
    lab["pc2"].run("sh", "-c", watch)
    try:
        done = settings(desk)
        assert done.code == 0, done.stdout[-3000:]
        until(lambda: "'dark'" in lab["pc2"].run("cat", "/tmp/lab-watch"), 30, "the session is told")
    finally:
        lab["pc2"].run(
            "sh", "-c", "pkill -9 -u ada dbus; pkill -9 -u ada dconf; rm -rf /run/user/* /tmp/lab-watch; true"
        )
    assert not result(settings(desk))["changed"]


@pytest.mark.thorough
def test_a_failing_change_fails_alone(desk: Desk, lab: Lab) -> None:
    """The system's database does not compile on the target, so it is as it was; ada's settings are there."""
    stub = '#!/bin/sh\nif [ "$1" = update ]; then echo it does not compile >&2; exit 1; fi\nexec /usr/bin/dconf "$@"\n'
    lab["pc2"].run("install", "-m", "755", "/dev/stdin", "/usr/local/bin/dconf", stdin=stub.encode())
    done = settings(desk)
    assert done.code == 2
    assert "it does not compile" in result(done)["failed_changes"]["update system database lab"]
    assert not lab["pc2"].run("sh", "-c", "ls /etc/dconf/db/lab.d 2>/dev/null; true")
    assert "theme='dark'" in dump(lab["pc2"])
    lab["pc2"].run("rm", "/usr/local/bin/dconf")
    assert settings(desk).code == 0
    assert system(lab["pc2"]) == system(lab["pc1"])


@pytest.mark.thorough
def test_a_missing_tool_is_told_at_once(desk: Desk, lab: Lab) -> None:
    """With the missing root, each with its remedy."""
    lab["pc2"].run("mv", "/usr/bin/dconf", "/usr/bin/dconf.away")
    try:
        done = desk.play(desk.playbook("- name: Settings\n  hotdesk.sync.dconf: {source: pc1}", hosts="pc2"))
    finally:
        lab["pc2"].run("mv", "/usr/bin/dconf.away", "/usr/bin/dconf")
    assert done.code != 0
    for text in ("pc2 has no dconf", "Install dconf-cli", "pc2: only root can", "become: true"):
        assert text in done.stdout, text


@pytest.mark.thorough
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("verb", ["update", "load"])
def test_a_stop_in_the_middle_is_made_up_for(desk: Desk, lab: Lab, verb: str, signum: int) -> None:
    """The system's database and a person's are each old or new, and after the next run new."""
    stub = f'#!/bin/sh\nif [ "$1" = {verb} ]; then touch /run/lab-stuck /tmp/lab-stuck; exec sleep 600; fi\nexec /usr/bin/dconf "$@"\n'
    lab["pc2"].run("install", "-m", "755", "/dev/stdin", "/usr/local/bin/dconf", stdin=stub.encode())
    book = desk.playbook(
        "- name: Settings\n  hotdesk.sync.dconf: {source: pc1}",
        hosts="pc2",
        head="become: true\nvars: {hotdesk_lease: 6}",
    )
    with desk.playing(book) as run:
        until(lambda: lab["pc2"].run("sh", "-c", "ls /tmp/lab-stuck", check=False), 60, "it is at work")
        run.signal(signum)
        run.ended(60)
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 60, "nothing is left of it")
    lab["pc2"].run("rm", "-f", "/usr/local/bin/dconf", "/run/lab-stuck", "/tmp/lab-stuck")
    assert dump(lab["pc2"]) == ""
    assert settings(desk).code == 0
    assert system(lab["pc2"]) == system(lab["pc1"])
    assert "theme='dark'" in dump(lab["pc2"])
    assert not result(settings(desk))["changed"]


@pytest.mark.thorough
def test_drift_is_found_later(desk: Desk, lab: Lab) -> None:
    """``verify --jobs`` is green after the sync; a setting and a key file that somebody changed are named."""
    assert settings(desk).code == 0
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 0, done.stdout + done.stderr
    load(lab["pc2"], "ada", "[org/lab/look]\ntheme='light'\n")
    lab["pc2"].run("sh", "-c", "echo '# mine' >>/etc/dconf/db/lab.d/00-site")
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 3, done.stdout + done.stderr
    drifted = [line for line in done.stdout.splitlines() if line.startswith("drifted:")]
    assert len(drifted) == 2
    assert any("settings of ada" in line for line in drifted)
    assert any("/etc/dconf/db/lab.d/00-site" in line for line in drifted)


@pytest.mark.thorough
@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, lab: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    code, text = desk.ansible(
        desk.playbook("- name: Settings\n  hotdesk.sync.dconf: {source: pc1}", hosts="pc2", head="become: true")
    )
    assert code == 0, text
    assert "theme='dark'" in dump(lab["pc2"])
    assert system(lab["pc2"]) == system(lab["pc1"])
    assert not result(settings(desk))["changed"]
