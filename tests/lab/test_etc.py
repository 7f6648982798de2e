"""The etc job on real PCs: dpkg's own records, visudo, sshd; pc1 is the source."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC, Lab

HEAD = "become: true\nvars: {hotdesk_source: pc1, hotdesk_disk_watch: false}"
MADE = (
    "/etc/hotdesk-test.conf /etc/hotdesk-test /etc/sudoers.d/hotdesk-test /etc/sudoers.d/hotdesk-other "
    "/etc/ssh/sshd_config.d/hotdesk-test.conf /etc/cron.d/hotdesk-test /usr/local/sbin/visudo"
)
CONFFILE = "/etc/deluser.conf"
JOURNALS = "/var/lib/hotdesk/transactions"


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """Three PCs whose /etc is the same."""
    clean(lab)
    yield Desk(lab, tmp_path)
    clean(lab)


def clean(lab: Lab) -> None:
    """As before: the conffile's own text is kept outside /etc, the first time."""
    kept = "/var/tmp/hotdesk-deluser.conf"
    for pc in lab:
        pc.run(
            "sh", "-c", f"rm -rf {MADE} {JOURNALS}; [ -e {kept} ] || cp -a {CONFFILE} {kept}; cp -a {kept} {CONFFILE}"
        )


def book(desk: Desk, **options: object) -> Path:
    lines = "".join(f"    {name}: {value}\n" for name, value in options.items())
    return desk.playbook(f"- name: Etc\n  hotdesk.sync.etc:\n{lines}", hosts="pc2,pc3", head=HEAD)


def items(done: Done, host: str) -> list[str]:
    (result,) = done.results(host, "Etc")
    return list(result["items"])


def sh(pc: PC, text: str) -> str:
    return str(pc.run("sh", "-c", text, check=False))


def prepare(lab: Lab) -> None:
    """On the source: a changed conffile, files of nobody, a sudo rule, a link, an sshd option."""
    sh(
        lab["pc1"],
        f"""
        echo '# by hand' >>{CONFFILE}
        echo one >/etc/hotdesk-test.conf; chmod 640 /etc/hotdesk-test.conf; chgrp adm /etc/hotdesk-test.conf
        mkdir -p /etc/hotdesk-test/deep; echo two >/etc/hotdesk-test/deep/two; ln -s deep/two /etc/hotdesk-test/link
        echo 'backup ALL=(root) NOPASSWD: /usr/bin/rsync' >/etc/sudoers.d/hotdesk-test; chmod 440 /etc/sudoers.d/hotdesk-test
        echo 'PrintMotd no' >/etc/ssh/sshd_config.d/hotdesk-test.conf
        """,
    )


def listing(pc: PC) -> str:
    return sh(pc, f"find {CONFFILE} /etc/hotdesk-test* /etc/sudoers.d /etc/ssh/sshd_config.d -printf '%p %M %u:%g %l\\n' | sort; "
                  f"cat {CONFFILE} /etc/hotdesk-test.conf /etc/hotdesk-test/deep/* /etc/sudoers.d/hotdesk* 2>/dev/null")  # fmt: skip


def test_targets_get_what_was_changed_and_a_second_run_changes_nothing(desk: Desk, lab: Lab) -> None:
    """Check mode lists exactly what is then done, and writes nothing; host names and host keys stay."""
    prepare(lab)
    own = [sh(pc, "cat /etc/hostname /etc/ssh/ssh_host_ed25519_key /etc/machine-id") for pc in lab]
    before = listing(lab["pc2"])
    checked = desk.play(book(desk), "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:] + checked.stderr
    assert listing(lab["pc2"]) == before
    assert sh(lab["pc2"], f"ls -A {JOURNALS} 2>/dev/null") == ""
    done = desk.play(book(desk))
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    for name in ("pc2", "pc3"):
        assert items(done, name) == items(checked, name)
        assert f"update {CONFFILE}" in items(done, name)
        assert listing(lab[name]) == listing(lab["pc1"])
    assert [sh(pc, "cat /etc/hostname /etc/ssh/ssh_host_ed25519_key /etc/machine-id") for pc in lab] == own
    again = desk.play(book(desk))
    assert [items(again, name) for name in ("pc2", "pc3")] == [[], []]
    assert not again.results("pc2", "Etc")[0]["changed"]


def test_ansible_playbook_gets_to_the_same_end(desk: Desk, lab: Lab) -> None:
    """Through the door: check mode with a diff changes nothing, the second run is ok."""
    prepare(lab)
    before = listing(lab["pc3"])
    code, text = desk.ansible(book(desk), "--check", "--diff", "--limit", "pc3")
    assert code == 0, text
    assert "+# by hand" in text
    assert "not shown, since not everybody may read it" in text
    assert listing(lab["pc3"]) == before
    code, text = desk.ansible(book(desk), "--limit", "pc3")
    assert code == 0, text
    assert listing(lab["pc3"]) == listing(lab["pc1"])
    code, text = desk.ansible(book(desk), "--limit", "pc3")
    assert code == 0, text
    assert "changed=0" in text


def test_a_file_that_its_validator_refuses_fails_its_unit_by_name(desk: Desk, lab: Lab) -> None:
    """The other units are done, and the target's sudo still works."""
    prepare(lab)
    sh(lab["pc1"], "echo 'this is no rule' >/etc/sudoers.d/hotdesk-other; chmod 440 /etc/sudoers.d/hotdesk-other")
    done = desk.play(book(desk))
    assert done.code == 2
    (result,) = done.results("pc2", "Etc")
    failed = result["failed_changes"]
    assert sorted(failed) == ["create /etc/sudoers.d/hotdesk-other", "create /etc/sudoers.d/hotdesk-test"]
    assert "/etc/sudoers.d/hotdesk-other" in failed["create /etc/sudoers.d/hotdesk-other"]
    assert "as a whole" in failed["create /etc/sudoers.d/hotdesk-test"]
    assert sh(lab["pc2"], "ls /etc/sudoers.d | grep hotdesk-") == ""
    assert sh(lab["pc2"], "cat /etc/hotdesk-test.conf") == "one\n"


def test_what_would_lock_us_out_is_put_back(desk: Desk, lab: Lab) -> None:
    """A valid sshd_config that no longer lets the login user in."""
    sh(lab["pc1"], "echo 'DenyUsers ada' >/etc/ssh/sshd_config.d/hotdesk-test.conf; echo x >/etc/hotdesk-test.conf")
    done = desk.play(book(desk))
    assert done.code == 2
    (result,) = done.results("pc2", "Etc")
    assert list(result["failed_changes"]) == ["create /etc/ssh/sshd_config.d/hotdesk-test.conf"]
    assert "lets you in" in result["msg"]
    assert sh(lab["pc2"], "ls /etc/ssh/sshd_config.d/hotdesk-test.conf 2>/dev/null") == ""
    assert sh(lab["pc2"], "cat /etc/hotdesk-test.conf") == "x\n"


def test_delete_takes_away_and_puts_back_what_only_the_target_has(desk: Desk, lab: Lab) -> None:
    """A file of nobody goes, a conffile changed there alone gets its package's text."""
    packaged = sh(lab["pc1"], f"cat {CONFFILE}")
    sh(lab["pc2"], f"echo own >/etc/cron.d/hotdesk-test; echo '# own' >>{CONFFILE}")
    left = desk.play(book(desk))
    assert items(left, "pc2") == []
    done = desk.play(book(desk, delete="true", paths="[/etc/cron.d, /etc/deluser.conf]"))
    assert done.code == 0, done.stdout[-3000:]
    assert items(done, "pc2") == ["delete /etc/cron.d/hotdesk-test", f"reset {CONFFILE}"]
    assert sh(lab["pc2"], f"cat {CONFFILE}") == packaged
    assert items(done, "pc3") == []


SLOW = '#!/bin/sh\ncase "$*" in *sudoers.d*) exit 0 ;; esac\ntouch /run/hotdesk-looking; exec sleep 600\n'


@pytest.mark.parametrize("signum", [pytest.param(signal.SIGINT, marks=pytest.mark.thorough), signal.SIGKILL])
def test_a_run_that_ends_in_the_middle_leaves_the_unit_as_it_was(desk: Desk, lab: Lab, signum: signal.Signals) -> None:
    """While the last check runs, with everything in place: at once on INT, when the lease ends on KILL."""
    prepare(lab)
    before = sh(lab["pc2"], "ls /etc/sudoers.d")
    lab["pc2"].run(
        "sh",
        "-c",
        "rm -f /run/hotdesk-looking; cat >/usr/local/sbin/visudo; chmod 755 /usr/local/sbin/visudo",
        stdin=SLOW.encode(),
    )
    desk.inventory(extra="hotdesk_lease: 4")
    with desk.playing(book(desk)) as run:
        until(
            lambda: sh(lab["pc2"], "cat /run/hotdesk-looking && ls /etc/sudoers.d/hotdesk-test") != "",
            60,
            "the rule is in place",
        )
        run.signal(signum)
        run.ended(30)
    until(lambda: sh(lab["pc2"], "ls /etc/sudoers.d") == before, 40, "the unit is as it was")
    sh(lab["pc2"], "rm /usr/local/sbin/visudo")
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 40, "nothing runs there")
    again = desk.play(book(desk))
    assert again.code == 0, again.stdout[-3000:]
    assert listing(lab["pc2"]) == listing(lab["pc1"])


@pytest.mark.thorough
def test_a_power_cut_in_the_middle_is_undone_by_the_next_run(desk: Desk, lab: Lab) -> None:
    """Check mode says that it would be, exactly as the run then does it. What was removed comes back, and is removed again."""
    prepare(lab)
    options = {"delete": "true", "paths": f"[{CONFFILE}, {', '.join(MADE.split()[:-1])}]"}
    sh(lab["pc2"], "echo '# own' >/etc/sudoers.d/hotdesk-other; chmod 440 /etc/sudoers.d/hotdesk-other")
    lab["pc2"].run(
        "sh",
        "-c",
        "rm -f /run/hotdesk-looking; cat >/usr/local/sbin/visudo; chmod 755 /usr/local/sbin/visudo",
        stdin=SLOW.encode(),
    )
    with desk.playing(book(desk, **options)) as run:
        until(
            lambda: sh(lab["pc2"], "cat /run/hotdesk-looking && ls /etc/sudoers.d/hotdesk-test") != "",
            60,
            "the rule is in place",
        )
        lab["pc2"].off()
        run.ended(90)
    lab["pc2"].on()
    lab["pc2"].wait_for_ssh()
    sh(lab["pc2"], "rm /usr/local/sbin/visudo")
    assert sh(lab["pc2"], "ls /etc/sudoers.d/hotdesk-test 2>/dev/null") != "", "the cut came too early to be a test"
    checked = desk.play(book(desk, **options), "--check")
    done = desk.play(book(desk, **options))
    assert done.code == 0, done.stdout[-3000:]
    assert items(done, "pc2")[0].startswith("undo ")
    assert {"create /etc/sudoers.d/hotdesk-test", "delete /etc/sudoers.d/hotdesk-other"} <= set(items(done, "pc2"))
    assert items(checked, "pc2") == items(done, "pc2")
    assert listing(lab["pc2"]) == listing(lab["pc1"])
