"""Every way of getting in: keys, agent, password, ssh_config, jump host, both kinds of sudo, root; host keys are checked."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import Desk, Done

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

WHO = "- name: Who\n  ansible.builtin.command: id -un\n"
WHENCE = "- name: Whence\n  ansible.builtin.shell: echo $SSH_CONNECTION\n"


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Desk:
    """An inventory of the three PCs."""
    return Desk(lab, tmp_path)


def who(done: Done) -> set[str]:
    """What ``id -un`` said on all PCs."""
    assert done.code == 0, done.stdout[-2000:] + done.stderr
    return {done.results(pc, "Who")[0]["stdout"] for pc in ("pc1", "pc2", "pc3")}


@pytest.mark.parametrize(
    ("user", "become", "expected"),
    [("ada", False, "ada"), ("ada", True, "root"), ("root", False, "root"), ("root", True, "root")],
)
def test_a_key_file_and_sudo_without_password(desk: Desk, user: str, become: bool, expected: str) -> None:
    """Ordinary user, with become through sudo -n, and root login."""
    desk.inventory(user)
    assert who(desk.play(desk.playbook(WHO), *(["-b"] if become else []))) == {expected}


def test_sudo_with_a_password(desk: Desk, tmp_path: Path) -> None:
    """The password reaches sudo and nothing else: it is in no output and no log."""
    desk.inventory("bob")
    (tmp_path / "sudo").write_text("bob-pw\n")
    done = desk.play(desk.playbook(WHO), "-b", "--become-password-file", str(tmp_path / "sudo"), "-vvvv")
    assert who(done) == {"root"}
    logs = "".join(path.read_text() for path in (tmp_path / "state").rglob("*.jsonl"))
    assert "bob-pw" not in done.stdout + done.stderr + logs


def test_a_wrong_sudo_password_is_said_as_such(desk: Desk, tmp_path: Path) -> None:
    """Exit 4, and no second try that would lock the account."""
    desk.inventory("bob")
    (tmp_path / "sudo").write_text("wrong-pw\n")
    done = desk.play(desk.playbook(WHO), "-b", "--become-password-file", str(tmp_path / "sudo"))
    assert done.code == 4
    assert "password is wrong" in done.results("pc1")[0]["msg"]
    assert "wrong-pw" not in done.stdout + done.stderr


def test_sudo_that_wants_a_password_it_does_not_get(desk: Desk) -> None:
    """Never a hang: the remedy is named."""
    desk.inventory("bob")
    done = desk.play(desk.playbook(WHO), "-b")
    assert done.code == 4
    assert "--ask-become-pass" in done.results("pc1")[0]["msg"]


def test_a_login_password(desk: Desk, tmp_path: Path) -> None:
    """ansible_password, with the key taken away."""
    desk.inventory("bob", "ansible_password: bob-pw")
    path = tmp_path / "inventory.yml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "private_key" not in line) + "\n")
    done = desk.play(desk.playbook(WHO), "-vvvv")
    assert who(done) == {"bob"}
    assert "bob-pw" not in done.stdout + done.stderr


@pytest.fixture
def agent(desk: Desk, lab: Lab) -> Iterator[Desk]:
    """An ssh-agent that holds the lab's key."""
    socket = str(desk.directory / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    from tests.lab.running import until

    until((desk.directory / "agent").exists, 5, "ssh-agent listens")
    desk.environment["SSH_AUTH_SOCK"] = socket
    subprocess.run(["ssh-add", "-q", str(lab.key)], env=desk.environment, check=True)
    yield desk
    process.terminate()
    process.wait()


def test_keys_of_an_ssh_agent(agent: Desk, tmp_path: Path) -> None:
    """No key file anywhere."""
    path = tmp_path / "inventory.yml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "private_key" not in line) + "\n")
    assert who(agent.play(agent.playbook(WHO))) == {"ada"}


def test_entries_of_the_users_ssh_config(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    """Names, users, keys and known_hosts come from ~/.ssh/config alone."""
    (tmp_path / "home" / ".ssh").mkdir(mode=0o700)
    (tmp_path / "home" / ".ssh" / "config").write_text(lab.ssh_config.read_text())
    (tmp_path / "inventory.yml").unlink()
    (tmp_path / "inventory").write_text("[all]\npc1\npc2\npc3\n")
    done = desk.play(desk.playbook(WHO), inventory="inventory")
    assert who(done) == {"ada"}


def test_a_jump_host(desk: Desk, lab: Lab) -> None:
    """pc2 and pc3 are reached through pc1, as they see it themselves; its host key is checked too."""
    options = f"-o UserKnownHostsFile={lab.known_hosts} -o ProxyJump=ada@{lab['pc1'].address}"
    desk.inventory("ada", hosts=dict.fromkeys(("pc2", "pc3"), f'ansible_ssh_common_args: "{options}"'))
    done = desk.play(desk.playbook(WHENCE))
    assert done.code == 0, done.stdout[-2000:] + done.stderr
    whence = {pc: done.results(pc, "Whence")[0]["stdout"].split()[0] for pc in ("pc1", "pc2", "pc3")}
    assert (whence["pc2"], whence["pc3"]) == (lab["pc1"].address,) * 2
    assert whence["pc1"] != lab["pc1"].address


def test_an_unknown_host_key_is_refused_then_accepted_on_request_and_never_when_changed(
    desk: Desk, lab: Lab, tmp_path: Path
) -> None:
    """Strict by default; accept-new remembers; a changed key is refused whatever is asked."""
    known = tmp_path / "known_hosts"
    path = desk.inventory("ada")
    path.write_text(path.read_text().replace(str(lab.known_hosts), str(known)))
    book = desk.playbook(WHO)
    refused = desk.play(book)
    assert refused.code == 4
    assert "--accept-new" in refused.stdout
    assert not known.exists()
    assert who(desk.play(book, "--accept-new")) == {"ada"}
    assert who(desk.play(book)) == {"ada"}
    other = lab["pc2"].run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    mine = lab["pc1"].run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    known.write_text(known.read_text().replace(mine, other))
    changed = desk.play(book, "--accept-new")
    assert changed.code == 4
    assert "changed" in changed.results("pc1")[0]["msg"]
    assert not changed.results("pc3")[0]["failed"]
