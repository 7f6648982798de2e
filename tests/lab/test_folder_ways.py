"""What a mirror must not cut: the login's keys, sudo's rules, sshd's own files, accounts. After each mirror the next run still gets in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running import Desk, Done

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

SAVED = "/var/saved"
FOREIGN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFore1gnFore1gnFore1gnFore1gnFore1gnFore1gnAA other\n"


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 is entered as root and gives, the others as ada; homes and /etc are put back afterwards."""
    for pc in lab:
        pc.run("sh", "-c", f"mkdir -p {SAVED} && rsync -aAX /etc /home {SAVED}/ && rsync -aAX /root/.ssh {SAVED}/root/")
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for pc in lab:
        pc.run(
            "sh",
            "-c",
            f"rsync -aAX --delete {SAVED}/etc {SAVED}/home / && rsync -aAX --delete {SAVED}/root/.ssh /root/",
        )
        pc.run("rm", "-rf", SAVED)


def mirror(desk: Desk, path: str, *options: str, hosts: str = "pc2") -> Done:
    """Mirror ``path`` from pc1 with delete."""
    tasks = f"- name: Mirror\n  hotdesk.sync.folder: {{path: {path}, source: pc1, delete: true}}"
    return desk.play(desk.playbook(tasks, hosts=hosts, head="become: true"), *options)


def told(done: Done) -> list[Any]:
    """The warnings of pc2, whose task must be ok."""
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    return list(done.results("pc2", "Mirror")[0].get("warnings") or [])


def gets_in(desk: Desk, user: str = "ada") -> None:
    """A new login to pc2 and its sudo work."""
    desk.inventory(user, hosts={"pc1": "ansible_user: root"})
    done = desk.play(desk.playbook("- name: Who\n  ansible.builtin.command: id -un\n", hosts="pc2", name="who"), "-b")
    assert done.results("pc2", "Who")[0]["stdout"] == "root", done.stdout[-3000:]


@pytest.mark.parametrize("path", ["/home/ada", "/home", "/home/ada/.ssh"])
@pytest.mark.parametrize("source", [FOREIGN, None])
def test_the_logins_keys_stay(desk: Desk, lab: Lab, path: str, source: str | None) -> None:
    """pc1's authorized_keys lacks the runner's key, or is not there: pc2 keeps its own, says so, and takes the rest."""
    lab["pc1"].run("rm", "/home/ada/.ssh/authorized_keys")
    if source:
        lab["pc1"].run(
            "install", "-o", "ada", "-m", "600", "/dev/stdin", "/home/ada/.ssh/authorized_keys", stdin=source.encode()
        )
    lab["pc1"].run("sh", "-c", "echo x >/home/ada/.ssh/config; chown ada: /home/ada/.ssh/config")
    before = lab["pc2"].run("cat", "/home/ada/.ssh/authorized_keys")
    warnings = told(mirror(desk, path))
    assert len(warnings) == 1
    assert "authorized_keys was left as it is" in warnings[0]
    assert lab["pc2"].run("cat", "/home/ada/.ssh/authorized_keys") == before
    assert lab["pc2"].run("cat", "/home/ada/.ssh/config") == "x\n"
    gets_in(desk)


def test_homes_that_let_in_whom_they_let_in_before_raise_no_warning(desk: Desk, lab: Lab) -> None:
    """The same keys with one more, other users' keys, other files: all of it is mirrored without a word."""
    lab["pc1"].run("tee", "-a", "/home/ada/.ssh/authorized_keys", stdin=FOREIGN.encode())
    lab["pc1"].run("tee", "/home/bob/.ssh/authorized_keys", stdin=FOREIGN.encode())
    lab["pc1"].run("sh", "-c", "echo x >/home/ada/.ssh/known_hosts; echo x >/home/ada/notes")
    assert told(mirror(desk, "/home")) == []
    assert FOREIGN in lab["pc2"].run("cat", "/home/ada/.ssh/authorized_keys")
    gets_in(desk)


def test_roots_keys_stay_for_a_root_login(desk: Desk, lab: Lab) -> None:
    """Without sudo the login user is root itself."""
    desk.inventory("root")
    key = lab["pc1"].run("cat", "/root/.ssh/authorized_keys")
    lab["pc1"].run("tee", "/root/.ssh/authorized_keys", stdin=(key + FOREIGN).encode())
    lab["pc2"].run(
        "tee",
        "/root/.ssh/authorized_keys",
        stdin=(key + FOREIGN.replace(" other", " another").replace("Fore1gn", "0thers9")).encode(),
    )
    warnings = told(mirror(desk, "/root/.ssh"))
    assert "lacks 1 key that it holds" in warnings[0]
    gets_in(desk, "root")


@pytest.mark.parametrize("spoil", ["chmod 775 /home/ada", "chmod 777 /home/ada/.ssh", "chown 4242 /home/ada/.ssh"])
def test_what_sshd_would_refuse_is_refused_first(desk: Desk, lab: Lab, spoil: str) -> None:
    """Modes and owners that make sshd ignore the keys (StrictModes): nothing is changed, the remedy is named."""
    lab["pc1"].run("sh", "-c", f"{spoil}; echo x >/home/ada/notes")
    before = lab["pc2"].run("sh", "-c", "stat -c %a%u%n /home/ada /home/ada/.ssh; ls -A /home/ada")
    done = mirror(desk, "/home")
    assert done.code == 2, done.stdout[-3000:]
    assert "sshd would refuse" in done.results("pc2", "Mirror")[0]["msg"]
    assert lab["pc2"].run("sh", "-c", "stat -c %a%u%n /home/ada /home/ada/.ssh; ls -A /home/ada") == before
    gets_in(desk)


def test_sudo_sshd_and_accounts_stay_when_all_of_etc_is_mirrored(desk: Desk, lab: Lab) -> None:
    """pc1 knows no ada and has no rule for her: pc2 keeps rules, host keys, sshd's settings and accounts; the rest comes."""
    lab["pc1"].run("sh", "-c", "rm /etc/sudoers.d/lab; userdel ada; echo x >/etc/hotdesk-new")
    kept = [
        "/etc/sudoers.d/lab",
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssh/sshd_lab_config",
        "/etc/passwd",
        "/etc/shadow",
        "/etc/group",
    ]
    lab["pc2"].run("sh", "-c", "echo '# mine' >>/etc/ssh/sshd_lab_config")
    before = lab["pc2"].run("sha256sum", *kept)
    done = mirror(desk, "/etc")
    warnings = told(done)
    assert lab["pc2"].run("sha256sum", *kept) == before
    assert lab["pc2"].run("cat", "/etc/hotdesk-new") == "x\n"
    for name in ("/etc/sudoers.d/lab", "sshd_lab_config", "/etc/passwd"):
        assert any(name in text for text in warnings), warnings
    assert not any(item.endswith((" passwd", " shadow")) for item in done.results("pc2", "Mirror")[0]["items"])
    gets_in(desk)
