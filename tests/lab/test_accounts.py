"""The accounts job with the real shadow tools: what is made the same, what is refused, what stays, and what a stop leaves."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.pc import PC

SAVED = "/var/saved-accounts"
FILES = "/etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid"
HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
OTHER = "$6$othersal$Z0Y5qJt7k9Qm3nL1pW8xVbC4dE6fG7hI2jK5lM8nO1pQ4rS7tU0vW3xY6zA9bC2dE5fG8hI1jK4lM7nO0pQ3r"
ANNA = f"""
groupadd -g 2001 anna; groupadd -g 2100 family
useradd -u 2001 -g anna -N -m -c 'Anna A,,,' -s /bin/bash -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 anna
echo 'anna:{HASH}' | chpasswd -e; chage -d 19000 -m 1 -M 9000 -W 5 -I 30 -E 40000 anna
usermod --add-subuids 900000-965535 --add-subgids 900000-965535 anna
gpasswd -a anna family; gpasswd -a anna audio; chmod 710 /home/anna"""
CARL = "groupadd -g 2002 carl; useradd -u 2002 -g carl -N -M -d /home/carl -s /bin/sh carl"
LISTING = (
    "getent passwd | grep -E '^(anna|carl|ada|bob|eve):'; getent shadow | grep -E '^(anna|carl|eve):'; getent group | sort; "
    "sort /etc/subuid /etc/subgid"
)


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 is entered as root and is the source; the account files and homes of all three are put back afterwards."""
    for pc in lab:
        pc.run("sh", "-c", f"mkdir -p {SAVED} && cp -p {FILES} {SAVED}/ && mkdir -p /usr/local/sbin")
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for pc in lab:
        back = f"pkill -9 -u 2001; rm -rf /home/anna /home/carl /home/.[a-z]* /usr/local/sbin/ch* /usr/local/sbin/group*; cp -p {SAVED}/* /etc/"
        pc.run("sh", "-c", f"{back}; rm -rf {SAVED} /etc/*.lock")


def accounts(desk: Desk, *options: str, args: str = "", hosts: str = "pc2,pc3") -> Done:
    """Run the job from pc1."""
    tasks = f"- name: Accounts\n  hotdesk.sync.accounts: {{source: pc1, {args}}}"
    return desk.play(desk.playbook(tasks, hosts=hosts, head="become: true"), *options)


def result(done: Done, host: str = "pc2") -> dict[str, Any]:
    """The job's result on a host."""
    (found,) = done.results(host, "Accounts")
    return found


def state(pc: PC) -> str:
    """What an independent listing says of the accounts."""
    return pc.run("sh", "-c", LISTING)


def test_people_arrive_whole(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    """A new one and one who differs in everything; check mode lists exactly what is then done; a second run does nothing."""
    lab["pc1"].run("sh", "-ec", f"{ANNA}; {CARL}")
    change = (
        "groupadd -g 2001 anna; useradd -u 2001 -g users -N -M -d /srv/anna -s /bin/sh -c A -K SUB_UID_COUNT=10 anna"
    )
    lab["pc3"].run("sh", "-ec", f"{change}; echo 'anna:{OTHER}' | chpasswd -e; gpasswd -a anna video")
    before = [state(pc) for pc in lab]
    checked = accounts(desk, "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:]
    assert [state(pc) for pc in lab] == before
    done = accounts(desk, "--diff")
    assert done.code == 0, done.stdout[-3000:]
    for name in ("pc2", "pc3"):
        assert result(done, name)["items"] == result(checked, name)["items"]
        assert result(done, name)["diff"] == result(checked, name)["diff"]
        assert state(lab[name]) == before[0]
        assert lab[name].run("stat", "-c", "%a %u %g", "/home/anna") == "710 2001 2001\n"
        assert lab[name].run("ls", "-A", "/home/anna") == lab[name].run("ls", "-A", "/etc/skel")
    assert "remove anna in video" in result(done, "pc3")["items"]
    again = accounts(desk)
    assert [result(again, name)["changed"] for name in ("pc2", "pc3")] == [False, False]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    for secret in (HASH, OTHER):
        assert secret.split("$")[3] not in checked.stdout + done.stdout + done.stderr + written


def test_another_number_is_a_problem_before_any_change(desk: Desk, lab: Lab) -> None:
    """The same name with another number, a number that is another's, a shared range: all at once, each with its remedy."""
    lab["pc1"].run("sh", "-ec", f"{ANNA}; {CARL}")
    taken = "groupadd -g 2100 other; useradd -u 3001 -N -M anna; useradd -u 2002 -M -K SUB_UID_COUNT=0 eve"
    lab["pc2"].run("sh", "-ec", f"{taken}; usermod --add-subuids 950000-950009 eve")
    before = state(lab["pc2"])
    done = accounts(desk, hosts="pc2")
    assert done.code != 0
    for text in (
        "user anna is 2001 on pc1 and 3001 on pc2",
        "user carl is 2002 on pc1; on pc2 eve is that",
        "group family is 2100 on pc1; on pc2 other is that",
        "subuid: anna and eve would share 950000 to 950009 on pc2",
        "usermod -u",
    ):
        assert text in done.stdout, text
    assert state(lab["pc2"]) == before


def test_system_accounts_and_strangers_stay(desk: Desk, lab: Lab) -> None:
    """Without delete a person of the target's own stays; with it the account goes and the home stays; the excluded and system ones never."""
    lab["pc1"].run("sh", "-ec", f"{ANNA}; groupadd -r lab-sys; useradd -r lab-daemon; gpasswd -a anna lab-sys")
    lab["pc2"].run(
        "sh", "-ec", f"{CARL}; useradd -u 2005 -m eve; useradd -r lab-own; mkdir /home/carl; gpasswd -a ada games"
    )
    done = accounts(desk, hosts="pc2")
    assert done.code == 0, done.stdout[-3000:]
    assert not lab["pc2"].run("sh", "-c", "getent passwd lab-daemon; getent group lab-sys; true")
    assert any("lab-sys" in text and "no such group" in text for text in result(done)["warnings"])
    assert lab["pc2"].run("id", "-un", "2002", "2005") == "carl\neve\n"
    done = accounts(desk, args="delete: true, exclude: [eve, tester]", hosts="pc2")
    assert done.code == 0, done.stdout[-3000:]
    assert {"delete user carl"} == {item for item in result(done)["items"] if item.startswith("delete")}
    assert (
        lab["pc2"].run("sh", "-c", "getent passwd eve lab-own | wc -l; getent group carl; ls -d /home/carl")
        == "2\n/home/carl\n"
    )
    assert not result(accounts(desk, args="delete: true, exclude: [eve, tester]", hosts="pc2"))["changed"]
    lab["pc2"].run("sh", "-c", "userdel -r eve; userdel lab-own")


def test_who_logs_in_is_never_locked_out(desk: Desk, lab: Lab) -> None:
    """On pc1 ada has no shell, a locked password, another home and is in no group: pc2's ada stays, and the next run gets in."""
    for name in ("pc2", "pc3"):
        lab[name].run("gpasswd", "-a", "ada", "sudo")
    lab["pc1"].run("sh", "-ec", "usermod -s /usr/sbin/nologin -L -d /srv/ada ada; usermod -s /usr/sbin/nologin bob")
    before = lab["pc2"].run("sh", "-c", "getent passwd ada; getent shadow ada; id ada")
    done = accounts(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert len([text for text in result(done)["warnings"] if "logs in as ada" in text]) == 4
    assert lab["pc2"].run("sh", "-c", "getent passwd ada; getent shadow ada; id ada") == before
    assert "nologin" in lab["pc2"].run("getent", "passwd", "bob")
    assert not result(accounts(desk))["changed"]
    lab["pc1"].run("userdel", "ada")
    done = accounts(desk, args="delete: true, exclude: [tester]")
    assert "account of ada stays" in str(result(done)["warnings"])
    assert not result(accounts(desk))["changed"]


@pytest.mark.thorough
def test_a_shell_that_is_not_there_is_said(desk: Desk, lab: Lab) -> None:
    """The account is usable with the shell of the system, and gets its own once that is installed."""
    lab["pc1"].run(
        "sh", "-ec", f"{CARL}; usermod -s /usr/local/sbin/chsh-like carl; ln -s /bin/sh /usr/local/sbin/chsh-like"
    )
    done = accounts(desk, hosts="pc2")
    assert done.code == 0, done.stdout[-3000:]
    assert "has no /usr/local/sbin/chsh-like" in str(result(done)["warnings"])
    assert lab["pc2"].run("getent", "passwd", "carl").endswith(":/bin/sh\n")
    lab["pc2"].run("ln", "-s", "/bin/sh", "/usr/local/sbin/chsh-like")
    assert result(accounts(desk, hosts="pc2"))["items"] == ["update user carl"]


def test_a_failing_change_fails_what_needs_it_by_name(desk: Desk, lab: Lab) -> None:
    """carl's group cannot be made, so neither can he; anna is whole all the same, and the next run makes up for it."""
    lab["pc1"].run("sh", "-ec", f"{ANNA}; {CARL}")
    stub = (
        '#!/bin/sh\ncase "$*" in *carl*) echo no space for groups >&2; exit 10;; esac\nexec /usr/sbin/groupadd "$@"\n'
    )
    lab["pc2"].run("install", "-m", "755", "/dev/stdin", "/usr/local/sbin/groupadd", stdin=stub.encode())
    done = accounts(desk, hosts="pc2")
    assert done.code == 2
    failed = result(done)["failed_changes"]
    assert "no space for groups" in failed["create group carl"]
    assert failed["create user carl"] == "not done, since 'create group carl' failed"
    assert failed["update password of carl"] == "not done, since 'create user carl' failed"
    assert lab["pc2"].run("id", "-un", "2001") == "anna\n"
    lab["pc2"].run("rm", "/usr/local/sbin/groupadd")
    assert accounts(desk, hosts="pc2").code == 0
    assert state(lab["pc2"]) == state(lab["pc1"])


@pytest.mark.thorough
def test_a_missing_tool_and_a_missing_root_are_told_at_once(desk: Desk, lab: Lab) -> None:
    """Both problems in one answer, each with its remedy; nothing is changed."""
    lab["pc2"].run("mv", "/usr/bin/chage", "/usr/bin/chage.away")
    try:
        tasks = "- name: Accounts\n  hotdesk.sync.accounts: {source: pc1}"
        done = desk.play(desk.playbook(tasks, hosts="pc2"))
    finally:
        lab["pc2"].run("mv", "/usr/bin/chage.away", "/usr/bin/chage")
    assert done.code != 0
    for text in ("pc2 has no chage", "Install passwd", "pc2: only root can", "become: true"):
        assert text in done.stdout, text


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_in_the_middle_is_made_up_for(desk: Desk, lab: Lab, signum: int) -> None:
    """After the account was made and before its password was set: nothing is left running, the next run makes it whole."""
    lab["pc1"].run("sh", "-ec", ANNA)
    stub = "#!/bin/sh\ntouch /run/lab-chpasswd; exec sleep 600\n"
    lab["pc2"].run("install", "-m", "755", "/dev/stdin", "/usr/local/sbin/chpasswd", stdin=stub.encode())
    tasks = "- name: Accounts\n  hotdesk.sync.accounts: {source: pc1}"
    book = desk.playbook(tasks, hosts="pc2", head="become: true\nvars: {hotdesk_lease: 6}")
    with desk.playing(book) as run:
        until(
            lambda: lab["pc2"].run("sh", "-c", "cat /run/lab-chpasswd && echo there", check=False), 60, "it is at work"
        )
        run.signal(signum)
        run.ended(60)
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 60, "nothing is left of it")
    lab["pc2"].run("rm", "/usr/local/sbin/chpasswd", "/run/lab-chpasswd")
    assert ":!:" in lab["pc2"].run("getent", "shadow", "anna")
    done = accounts(desk, hosts="pc2")
    assert done.code == 0, done.stdout[-3000:]
    assert state(lab["pc2"]) == state(lab["pc1"])


HOLD = """
import fcntl, time
file = open("/etc/.pwd.lock", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
open("/run/lab-held", "w").close()
time.sleep(4)
"""


@pytest.mark.thorough
def test_the_systems_locks_are_respected(desk: Desk, lab: Lab) -> None:
    """Another program holds the lock of the account files: it is waited for. One that was killed has left its lock: it is taken over."""
    lab["pc1"].run("sh", "-ec", ANNA)
    lab["pc2"].run("sh", "-c", "printf '99999\\0' >/etc/passwd.lock; printf '99999\\0' >/etc/group.lock")
    lab["pc2"].run(
        "sh",
        "-c",
        'python3 -c "$1" >/dev/null 2>&1 </dev/null & until [ -e /run/lab-held ]; do sleep 0.1; done',
        "sh",
        HOLD,
    )
    done = accounts(desk, hosts="pc2")
    lab["pc2"].run("rm", "/run/lab-held")
    assert done.code == 0, done.stdout[-3000:]
    assert state(lab["pc2"]) == state(lab["pc1"])


def test_drift_is_found_later(desk: Desk, lab: Lab) -> None:
    """``verify --jobs`` is green after the sync; another shell and another password are named, the hashes not."""
    lab["pc1"].run("sh", "-ec", ANNA)
    assert accounts(desk, hosts="pc2").code == 0
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 0, done.stdout + done.stderr
    lab["pc2"].run("sh", "-ec", f"usermod -s /bin/sh anna; echo 'anna:{OTHER}' | chpasswd -e")
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 3, done.stdout + done.stderr
    drifted = [line for line in done.stdout.splitlines() if line.startswith("drifted:")]
    assert len(drifted) == 2
    assert any("user anna" in line for line in drifted)
    assert any("password of anna" in line for line in drifted)
    assert OTHER not in done.stdout


@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, lab: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state, and nothing to do for hotdesk afterwards."""
    pytest.importorskip("ansible")
    lab["pc1"].run("sh", "-ec", f"{ANNA}; {CARL}")
    book = desk.playbook(
        "- name: Accounts\n  hotdesk.sync.accounts: {source: pc1}", hosts="pc2,pc3", head="become: true"
    )
    code, text = desk.ansible(book)
    assert code == 0, text
    assert [state(lab[name]) for name in ("pc2", "pc3")] == [state(lab["pc1"])] * 2
    assert not result(accounts(desk))["changed"]
