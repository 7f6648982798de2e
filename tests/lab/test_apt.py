"""The apt job on real PCs with real apt: a distribution, a vendor, epochs, pins, holds, a broken package; pc1 is the source."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.debs import HOME, Deb, archive, lay
from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC, Lab

HEAD = "become: true\nvars: {hotdesk_source: pc1, hotdesk_disk_watch: false}"
CONF = "/etc/hd-base.conf"
DISTRIBUTION = (
    Deb("hd-base", "1.0", files={CONF: "packaged\n"}),
    Deb("hd-tool", "1:1.0"),
    Deb("hd-conf", "1.0", files={"/etc/hd-conf.conf": "one\n"}),
    Deb("hd-dep", "1.0"),
    Deb("hd-app", "1.0", fields={"Depends": "hd-dep"}),
    Deb("hd-held", "1.0"),
    Deb("hd-held", "2.0"),
    Deb("hd-mine", "1.0"),
    Deb("hd-rival", "1.0", fields={"Conflicts": "hd-mine"}),
    Deb("hd-broken", "1.0", scripts={"postinst": "echo the database is not there >&2; exit 1"}),
    Deb(
        "hd-slow",
        "1.0",
        scripts={"postinst": "[ ! -e /run/hd-gate ] || { touch /run/hd-slow; exec cat /run/hd-gate; }"},
    ),
)
VENDOR = (
    Deb("hd-tool", "5.0"),
    Deb("hd-vendor", "1.0"),
    Deb("hd-conf", "2.0", files={"/etc/hd-conf.conf": "two\n"}),
)
KEY = "/etc/apt/keyrings/hd-vendor.gpg"
LIST = f"deb [signed-by={KEY}] file:{HOME}/vendor ./\n"
PIN = "Package: hd-tool\nPin: release o=Vendor\nPin-Priority: 1001\n"
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --allow-downgrades install"
KEPT = "/var/tmp/hotdesk-apt"


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes]:
    """The folder with both, and their keys."""
    folder = tmp_path_factory.mktemp("archives")
    return (
        folder,
        archive(folder / "distribution", "Distribution", DISTRIBUTION),
        archive(folder / "vendor", "Vendor", VENDOR),
    )


@pytest.fixture
def desk(lab: Lab, tmp_path: Path, archives: tuple[Path, bytes, bytes]) -> Iterator[Desk]:
    """Three PCs with the distribution alone, and none of our packages."""
    folder, distribution, vendor = archives
    for pc in lab:
        clean(pc)
        lay(pc, folder)
        sh(
            pc,
            f"[ -e {KEPT} ] || cp -a /etc/apt {KEPT}; rm -rf /etc/apt/sources.list* /etc/apt/preferences.d/* /var/lib/apt/lists/*",
        )
        sh(pc, "mkdir -p /etc/apt/sources.list.d")
        pc.run("tee", "/usr/share/keyrings/hd-distribution.gpg", stdin=distribution)
        write(pc, "/etc/apt/sources.list.d/debian.sources",
              f"Types: deb\nURIs: file:{HOME}/distribution\nSuites: ./\nSigned-By: /usr/share/keyrings/hd-distribution.gpg\n")  # fmt: skip
        must(pc, "apt-get -qq update")
        assert must(pc, "dpkg --audit; find /var/lib/dpkg/updates -name '[0-9]*'") == ""
    lab["pc1"].run("tee", "/srv/hd-vendor.gpg", stdin=vendor)
    yield Desk(lab, tmp_path)
    for pc in lab:
        clean(pc)
        sh(pc, f"rm -rf /etc/apt; mv {KEPT} /etc/apt; rm -rf {HOME} /usr/share/keyrings/hd-*")


def clean(pc: PC) -> None:
    sh(pc, "rm -f /run/hd-gate; dpkg --configure -a; apt-mark unhold hd-held; dpkg --purge --force-all $(dpkg-query -W -f '${Package} ' 'hd-*'); "
           f"rm -rf /etc/apt/sources.list.d/hd* /etc/apt/keyrings/hd* /etc/apt/apt.conf.d/99hd /etc/apt/preferences.d/hd /run/hd-* {CONF} "
           "/etc/hd-conf* "
           "/var/lib/hotdesk/transactions /etc/apt/sources.list.d/vendor.list")  # fmt: skip


def sh(pc: PC, text: str) -> str:
    return str(pc.run("sh", "-c", text, check=False))


def must(pc: PC, text: str) -> str:
    return str(pc.run("sh", "-c", text))


def write(pc: PC, path: str, text: str) -> None:
    pc.run("tee", path, stdin=text.encode())


def vendor(pc: PC) -> None:
    """The vendor's archive, key and pin, and its build of hd-tool."""
    must(pc, f"mkdir -p /etc/apt/keyrings; cp /srv/hd-vendor.gpg {KEY}; chmod 644 {KEY}")
    write(pc, "/etc/apt/sources.list.d/vendor.list", LIST)
    write(pc, "/etc/apt/preferences.d/hd", PIN)
    must(pc, f"apt-get -qq update; {INSTALL} hd-tool hd-vendor")


def book(desk: Desk, hosts: str = "pc2,pc3", **options: object) -> Path:
    lines = "".join(f"    {name}: {value}\n" for name, value in options.items())
    return desk.playbook(f"- name: Apt\n  hotdesk.sync.apt:\n{lines}", hosts=hosts, head=HEAD)


def result(done: Done, host: str) -> dict[str, Any]:
    (found,) = done.results(host, "Apt")
    return dict(found)


def listing(pc: PC) -> str:
    """Versions, marks, holds, and the digests of /etc/apt."""
    return sh(pc, "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' 'hd-*'; apt-mark showmanual | grep ^hd-; apt-mark showhold; "
                  "cd /etc/apt; find . -type f | sort | xargs sha256sum; apt-get -s -o Debug::NoLocking=1 install hd-tool | grep ^Inst")  # fmt: skip


def test_packages_come_from_where_the_source_has_them(desk: Desk, lab: Lab) -> None:
    """Two vendors and an epoch that would outrank the pinned one, a key, a pin, an option, a hold, a dependency; check mode lists just that."""
    vendor(lab["pc1"])
    must(
        lab["pc1"],
        f"{INSTALL} hd-app hd-base hd-held=1.0; apt-mark hold hd-held; echo 'APT::Color \"0\";' >/etc/apt/apt.conf.d/99hd",
    )
    must(lab["pc3"], f"{INSTALL} hd-tool")
    before = [listing(pc) for pc in lab]
    checked = desk.play(book(desk), "--check")
    assert checked.code == 0, checked.stdout[-3000:] + checked.stderr
    assert [listing(pc) for pc in lab] == before
    done = desk.play(book(desk))
    assert done.code == 0, done.stdout[-4000:] + done.stderr
    for name in ("pc2", "pc3"):
        assert listing(lab[name]) == listing(lab["pc1"])
        assert result(done, name)["items"] == result(checked, name)["items"]
    assert "replace hd-tool" in result(done, "pc3")["items"]
    assert "hold hd-held" in result(done, "pc2")["items"]
    assert "hd-dep" not in sh(lab["pc2"], "apt-mark showmanual")
    again = desk.play(book(desk))
    assert [result(again, name)["items"] for name in ("pc2", "pc3")] == [[], []], again.stdout[-3000:]


@pytest.mark.thorough
def test_ansible_playbook_gets_to_the_same_end(desk: Desk, lab: Lab) -> None:
    """Through the door; the second run is ok; a package that fails is named."""
    vendor(lab["pc1"])
    must(lab["pc1"], f"{INSTALL} hd-app")
    code, text = desk.ansible(book(desk), "--limit", "pc3")
    assert code == 0, text
    assert listing(lab["pc3"]) == listing(lab["pc1"])
    code, text = desk.ansible(book(desk), "--limit", "pc3")
    assert code == 0, text
    assert "changed=0" in text
    must(lab["pc1"], f"{INSTALL} hd-rival")
    must(lab["pc3"], f"{INSTALL} hd-mine")
    code, text = desk.ansible(book(desk), "--limit", "pc3")
    assert code == 2, text
    assert "install hd-rival: it would remove hd-mine" in text


@pytest.mark.thorough
def test_what_would_be_taken_along_is_approved_in_a_plan(desk: Desk, lab: Lab) -> None:
    """It is a change of its own there, without which the other is left."""
    must(lab["pc1"], f"{INSTALL} hd-rival")
    must(lab["pc2"], f"{INSTALL} hd-mine")
    plan = desk.directory / "plan.yml"
    done = desk.run("plan", str(book(desk, hosts="pc2")), "-o", str(plan))
    assert done.returncode == 0, done.stdout + done.stderr
    desk.allow(plan)
    text = plan.read_text()
    assert "1.0, which install hd-rival would take with it" in text
    left = desk.run("play", "--plan", str(plan))
    assert left.returncode == 0, left.stdout + left.stderr
    assert "installed" in sh(lab["pc2"], "dpkg-query -W -f '${db:Status-Status}' hd-mine")
    assert sh(lab["pc2"], "dpkg-query -W hd-rival") == ""
    plan.write_text(text.replace("decision: skip\n    detail: 1.0, which", "decision: remove\n    detail: 1.0, which"))
    done = desk.run("play", "--plan", str(plan))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "installed" in sh(lab["pc2"], "dpkg-query -W -f '${db:Status-Status}' hd-rival")


@pytest.mark.thorough
def test_an_archive_that_cannot_be_read_puts_all_of_etc_apt_back(desk: Desk, lab: Lab) -> None:
    """The files and what needs them fail by name; packages of the distribution are installed."""
    vendor(lab["pc1"])
    must(lab["pc1"], f"{INSTALL} hd-base")
    sh(lab["pc2"], f"rm -rf {HOME}/vendor")
    before = sh(lab["pc2"], "find /etc/apt -type f | sort | xargs sha256sum")
    done = desk.play(book(desk, hosts="pc2"))
    assert done.code == 2
    failed = result(done, "pc2")["failed_changes"]
    assert {
        "create /etc/apt/sources.list.d/vendor.list",
        f"create {KEY}",
        "install hd-vendor",
        "install hd-tool",
    } <= set(failed)
    assert "vendor" in failed[f"create {KEY}"]
    assert (
        "create /etc/apt/sources.list.d/vendor.list" in failed["install hd-vendor"]
        or KEY in failed["install hd-vendor"]
    )
    assert sh(lab["pc2"], "find /etc/apt -type f | sort | xargs sha256sum") == before
    assert sh(lab["pc2"], "dpkg-query -W -f '${db:Status-Status}' hd-base") == "installed"


@pytest.mark.thorough
def test_a_configuration_file_that_was_changed_there_is_kept(desk: Desk, lab: Lab) -> None:
    """Nobody is asked; the package's new one is put beside it."""
    vendor(lab["pc1"])
    must(lab["pc1"], f"{INSTALL} hd-conf")
    must(lab["pc2"], f"{INSTALL} hd-conf; echo mine >/etc/hd-conf.conf")
    done = desk.play(book(desk, hosts="pc2"))
    assert done.code == 0, done.stdout[-3000:]
    assert "replace hd-conf" in result(done, "pc2")["items"]
    assert must(lab["pc2"], "cat /etc/hd-conf.conf /etc/hd-conf.conf.dpkg-dist") == "mine\ntwo\n"


@pytest.mark.thorough
def test_a_kill_in_the_middle_of_the_update_is_undone_by_the_next_run(desk: Desk, lab: Lab) -> None:
    """Everything of ours on the PC gets KILL while apt-get update runs over the new files; the plan then says so first."""
    vendor(lab["pc1"])
    gate = "[ ! -e /run/hd-gate ] || { touch /run/hd-slow; exec cat /run/hd-gate; }"
    write(lab["pc1"], "/etc/apt/apt.conf.d/99hd", f'APT::Update::Pre-Invoke {{"{gate}";}};\n')
    must(lab["pc2"], "mkfifo /run/hd-gate")
    before = sh(lab["pc2"], "find /etc/apt -type f | sort | xargs sha256sum")
    with desk.playing(book(desk, hosts="pc2")) as run:
        until(lambda: sh(lab["pc2"], "ls /run/hd-slow 2>/dev/null") != "", 90, "the update runs")
        for number in (signal.SIGSTOP, signal.SIGKILL):  # at once: none sees the end of another
            for pid in lab["pc2"].marked("HOTDESK_RUN="):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        assert run.ended(60).code != 0
    sh(lab["pc2"], "rm -f /run/hd-gate")
    assert sh(lab["pc2"], "find /etc/apt -type f | sort | xargs sha256sum") != before, (
        "the kill came too early to be a test"
    )
    checked = desk.play(book(desk, hosts="pc2"), "--check")
    done = desk.play(book(desk, hosts="pc2"))
    assert done.code == 0, done.stdout[-3000:]
    assert result(done, "pc2")["items"] == result(checked, "pc2")["items"]
    assert result(done, "pc2")["items"][0].startswith("undo ")
    assert listing(lab["pc2"]) == listing(lab["pc1"])


@pytest.mark.thorough
def test_what_would_be_taken_along_needs_consent(desk: Desk, lab: Lab) -> None:
    """By the name of what causes it; the others are installed; with consent it goes."""
    must(lab["pc1"], f"{INSTALL} hd-rival hd-base")
    must(lab["pc2"], f"{INSTALL} hd-mine")
    done = desk.play(book(desk, hosts="pc2"))
    assert done.code == 2
    failed = result(done, "pc2")["failed_changes"]
    assert list(failed) == ["install hd-rival"]
    assert "hd-mine" in failed["install hd-rival"]
    assert sh(lab["pc2"], "dpkg-query -W -f '${Package} ' 'hd-*'") == "hd-base hd-mine "
    allowed = desk.play(book(desk, hosts="pc2", collateral="[hd-mine]"))
    assert allowed.code == 0, allowed.stdout[-3000:]
    assert "installed" in sh(lab["pc2"], "dpkg-query -W -f '${db:Status-Status}' hd-rival")


@pytest.mark.thorough
def test_a_package_that_breaks_fails_alone(desk: Desk, lab: Lab) -> None:
    """Its own words are told, the rest is installed, and apt still works there."""
    must(lab["pc1"], f"{INSTALL} hd-app hd-base; {INSTALL} hd-broken || dpkg --force-all --configure hd-broken; true")
    must(lab["pc1"], "printf '#!/bin/sh\\n' >/var/lib/dpkg/info/hd-broken.postinst; dpkg --configure -a")
    done = desk.play(book(desk, hosts="pc2"))
    assert done.code == 2
    failed = result(done, "pc2")["failed_changes"]
    assert list(failed) == ["install hd-broken"]
    assert "hd-broken" in failed["install hd-broken"]
    assert (
        sh(lab["pc2"], "dpkg-query -W -f '${Package} ${db:Status-Status},' hd-app hd-base hd-dep").count(" installed,")
        == 3
    )
    assert sh(lab["pc2"], "dpkg --audit") == ""
    must(lab["pc2"], "apt-get check")


@pytest.mark.thorough
def test_remove_takes_away_what_only_the_target_has(desk: Desk, lab: Lab) -> None:
    """Packages, then the vendor's archive with its key, pins; a conffile changed there is kept until then; never the way in."""
    must(lab["pc2"], f"{INSTALL} hd-mine hd-app")
    write(
        lab["pc2"],
        "/etc/apt/sources.list.d/hd-old.list",
        f"deb [signed-by=/usr/share/keyrings/hd-distribution.gpg] file:{HOME}/distribution ./\n",
    )
    write(lab["pc2"], "/etc/apt/apt.conf.d/99hd", 'APT::Color "0";\n')
    left = desk.play(book(desk, hosts="pc2"))
    assert result(left, "pc2")["items"] == []
    done = desk.play(book(desk, hosts="pc2", remove="true"))
    assert done.code == 0, done.stdout[-3000:]
    assert {"remove hd-mine", "remove hd-app", "delete /etc/apt/apt.conf.d/99hd"} <= set(result(done, "pc2")["items"])
    assert sh(lab["pc2"], "ls /etc/apt/apt.conf.d/99hd 2>/dev/null") == ""
    assert "hd-app" not in sh(
        lab["pc2"], "dpkg-query -W -f '${Package} ${db:Status-Status}\\n' 'hd-*' | grep installed"
    )
    assert result(desk.play(book(desk, hosts="pc2", remove="true")), "pc2")["items"] == []


@pytest.mark.thorough
def test_a_lock_is_waited_for_at_most_the_limit(desk: Desk, lab: Lab) -> None:
    """Another package manager is at work: its lock is named; when it is done in time, nothing is noticed."""
    must(lab["pc1"], f"{INSTALL} hd-base")
    holder = "import fcntl,time;f=open('/var/lib/dpkg/lock-frontend','w');fcntl.lockf(f,2);open('/run/hd-held','w');time.sleep({})"
    sh(
        lab["pc2"],
        f'setsid python3 -c "{holder.format(600)}" >/dev/null 2>&1 </dev/null & while [ ! -e /run/hd-held ]; do sleep 0.1; done',
    )
    done = desk.play(book(desk, hosts="pc2", lock_timeout=2))
    assert done.code == 2
    assert "lock" in result(done, "pc2")["failed_changes"]["install hd-base"]
    sh(lab["pc2"], "kill $(fuser /var/lib/dpkg/lock-frontend 2>/dev/null); rm /run/hd-held")
    sh(
        lab["pc2"],
        f'setsid python3 -c "{holder.format(5)}" >/dev/null 2>&1 </dev/null & while [ ! -e /run/hd-held ]; do sleep 0.1; done',
    )
    again = desk.play(book(desk, hosts="pc2", lock_timeout=60))
    assert again.code == 0, again.stdout[-3000:]


@pytest.mark.thorough
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_ends_while_packages_are_unpacked_is_finished_by_the_next(
    desk: Desk, lab: Lab, signum: signal.Signals
) -> None:
    """In the middle of a postinst; the next run configures what was left, says so, and gets to the same end."""
    must(lab["pc1"], f"{INSTALL} hd-slow hd-base")
    must(lab["pc2"], "mkfifo /run/hd-gate")
    desk.inventory(extra="hotdesk_lease: 4")
    with desk.playing(book(desk, hosts="pc2")) as run:
        until(lambda: sh(lab["pc2"], "ls /run/hd-slow 2>/dev/null") != "", 90, "the postinst runs")
        run.signal(signum)
        run.ended(30)
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 40, "nothing runs there")
    sh(lab["pc2"], "rm -f /run/hd-gate")
    again = desk.play(book(desk, hosts="pc2"))
    assert again.code == 0, again.stdout[-3000:]
    assert "configure dpkg" in result(again, "pc2")["items"]
    assert sh(lab["pc2"], "dpkg --audit") == ""
    assert listing(lab["pc2"]) == listing(lab["pc1"])


@pytest.mark.thorough
def test_what_holds_before_anything_is_changed(desk: Desk, lab: Lab) -> None:
    """A hold on nothing, and another release: all at once, each with its remedy."""
    must(lab["pc1"], f"{INSTALL} hd-held")
    sh(lab["pc1"], "echo hd-ghost hold | dpkg --set-selections; true")
    must(
        lab["pc2"],
        "cp -a --remove-destination $(readlink -f /etc/os-release) /etc/os-release; sed -i s/bookworm/trixie/ /etc/os-release",
    )
    try:
        done = desk.play(book(desk, hosts="pc2"))
        assert done.code != 0
        assert "trixie" in json.dumps(done.events)
        assert sh(lab["pc2"], "dpkg-query -W 'hd-*'") == ""
    finally:
        sh(lab["pc2"], "ln -sf ../usr/lib/os-release /etc/os-release")
