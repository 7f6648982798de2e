"""Login shells and sudo settings as they are found: the agent starts in all of them, or the refusal says what to do."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.lab import shells
from tests.lab.needs import need
from tests.lab.running import marked, until
from tests.lab.stubborn import all_there, desk, mark, stop, stubborn_play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.running import Desk

__all__ = ["desk", "mark"]

EVERYTHING = """
- name: Odd
  ansible.builtin.command:
    argv: [printf, "%s|", "a b", "$(id)", "it's", '"x"', "\\\\", "!!", "*"]
- name: Shell
  ansible.builtin.shell: echo $0 $((1 + 1))
- name: Root
  ansible.builtin.command: id -un
  become: true
- name: Mirror
  hotdesk.sync.folder:
    path: {path}
    dest: /tmp/{mark}
"""


@pytest.fixture
def login_shell(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """A chatty login shell for ada on every PC."""
    name = request.param
    need(shells.missing(name))
    for pc in lab:
        shells.give(pc, "ada", name)
    yield name
    for pc in lab:
        shells.take_back(pc, "ada", name)


@pytest.mark.parametrize("login_shell", shells.START_FILES, indirect=True)
def test_every_login_shell_even_a_chatty_one(desk: Desk, lab: Lab, tmp_path: Path, mark: str, login_shell: str) -> None:
    """Commands, sudo and a transfer mean the same in all of them; what start files print is no output of a task."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a file").write_text("content")
    done = desk.play(desk.playbook(EVERYTHING.format(path=tmp_path / "tree", mark=mark)))
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    for pc in lab:
        assert done.results(pc.name, "Odd")[0]["stdout"] == 'a b|$(id)|it\'s|"x"|\\|!!|*|'
        assert done.results(pc.name, "Shell")[0]["stdout"] == "/bin/sh 2"
        assert done.results(pc.name, "Root")[0]["stdout"] == "root"
        assert pc.run("cat", f"/tmp/{mark}/a file") == "content"


@pytest.mark.parametrize("login_shell", ["fish", "tcsh"], indirect=True)
def test_a_stop_with_another_login_shell(desk: Desk, lab: Lab, mark: str, login_shell: str) -> None:
    """Nothing is left there either."""
    with desk.playing(stubborn_play(desk, mark)) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        done = stop(run, signal.SIGINT)
    assert done.code == 130, done.stderr
    assert not marked(lab, mark)


@pytest.fixture
def sudoers(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """One more line of sudoers on every PC."""
    for pc in lab:
        pc.run(
            "sh", "-c", "cat >/etc/sudoers.d/test; chmod 440 /etc/sudoers.d/test", stdin=request.param.encode() + b"\n"
        )
    yield request.param
    for pc in lab:
        pc.run("rm", "/etc/sudoers.d/test")


SETTINGS = [
    "Defaults use_pty",
    "Defaults !use_pty",
    "Defaults log_output",
    'Defaults lecture="always"',
    "Defaults passwd_tries=1",
]


@pytest.mark.parametrize("sudoers", SETTINGS, indirect=True)
@pytest.mark.parametrize("user", ["ada", "bob"])
def test_sudo_with_and_without_a_password_under(desk: Desk, lab: Lab, tmp_path: Path, user: str, sudoers: str) -> None:
    """A terminal of sudo's own, its lectures and logs are no hindrance."""
    desk.inventory(user)
    (tmp_path / "sudo").write_text("bob-pw\n")
    book = desk.playbook("- name: Who\n  ansible.builtin.shell: id -un; head -c 300000 /dev/zero | wc -c\n")
    done = desk.play(book, "-b", "--become-password-file", str(tmp_path / "sudo"))
    assert done.code == 0, done.stdout[-2000:] + done.stderr
    assert {done.results(pc.name, "Who")[0]["stdout"] for pc in lab} == {"root\n300000"}
    assert "bob-pw" not in done.stdout + done.stderr


@pytest.mark.parametrize("sudoers", ["Defaults !use_pty", "Defaults log_output"], indirect=True)
def test_root_children_are_ended_under(desk: Desk, lab: Lab, mark: str, sudoers: str) -> None:
    """Whether sudo puts them in a session of their own or not."""
    with desk.playing(stubborn_play(desk, mark)) as run:
        until(all_there(lab, mark), 30, "every kind of process on every PC")
        done = stop(run, signal.SIGINT)
    assert done.code == 130, done.stderr
    assert not marked(lab, mark)


@pytest.mark.parametrize("sudoers", ["Defaults requiretty"], indirect=True)
@pytest.mark.parametrize("user", ["ada", "bob"])
def test_a_sudo_that_insists_on_a_terminal_is_refused(desk: Desk, tmp_path: Path, user: str, sudoers: str) -> None:
    """With sudo's words and the remedy, at once."""
    desk.inventory(user)
    (tmp_path / "sudo").write_text("bob-pw\n")
    done = desk.play(
        desk.playbook("- ansible.builtin.command: id\n"), "-b", "--become-password-file", str(tmp_path / "sudo")
    )
    assert done.code == 4, done.stdout[-2000:] + done.stderr
    message = done.results("pc1")[0]["msg"]
    assert "must have a tty" in message
    assert "requiretty" in message


@pytest.mark.parametrize("sudoers", ["bob ALL=(ALL:ALL) !ALL"], indirect=True)
def test_a_user_who_may_not_use_sudo(desk: Desk, tmp_path: Path, sudoers: str) -> None:
    """The right password does not help."""
    desk.inventory("bob")
    (tmp_path / "sudo").write_text("bob-pw\n")
    done = desk.play(
        desk.playbook("- ansible.builtin.command: id\n"), "-b", "--become-password-file", str(tmp_path / "sudo")
    )
    assert done.code == 4, done.stdout[-2000:] + done.stderr
    assert "not allowed" in done.results("pc1")[0]["msg"]
