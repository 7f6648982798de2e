"""Starting an agent: chatty shells, missing and old interpreters, sudo."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.connections.base import Channel, Endpoint, Escalation, Secret
from hotdesk.connections.bulk import opening
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import BecomeError, ConnectError, LinkLost

from .conftest import marked

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = sorted(Path("~/.pyenv/versions").expanduser().glob("3.[67].*/bin/python3"))
NEW = sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3"))
root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("sudo"), reason="needs root and sudo")


class Shell(LocalConnection):
    """A connection whose login shell does something of its own with the command."""

    def __init__(self, login: Callable[[str], str], **endpoint: object) -> None:
        super().__init__(Endpoint(host="pc", kind="ssh", **endpoint))  # type: ignore[arg-type]
        self.login = login

    async def open(self, command: str) -> Channel:
        return await super().open(self.login(command))


async def test_a_login_shell_may_talk_first(run_id: str) -> None:
    """What start files print on stdout and stderr is skipped."""
    async with Shell(lambda command: f"echo Welcome; echo 'no newline' >&2; printf 12; {command}") as connection:
        link = await Link.start(connection, run=run_id)
        assert (await link.run(["echo", "hi"], task="t")).stdout == b"hi\n"
        async with opening(link) as bridge, await link.bulk(["echo", "straight"], bridge, task="t") as bulk:
            assert await bulk.channel.read() == b"straight\n"
        await link.aclose()


async def test_a_login_shell_without_end_is_refused(run_id: str) -> None:
    """Bounded: one clear error."""
    async with Shell(lambda _: "exec yes") as connection:
        with pytest.raises(ConnectError, match="prints without end"):
            await Link.start(connection, run=run_id)


async def test_output_that_is_closed_before_the_agent_speaks_is_a_lost_link(run_id: str) -> None:
    """Nobody waits for the rest of the start's limit: nothing can come any more."""
    async with Shell(lambda _: "exec >&- 2>&-; exec sleep 60") as connection:
        with pytest.raises(LinkLost, match="ended while the agent was starting"):
            await Link.start(connection, run=run_id)


@pytest.mark.parametrize("shell", ["bash", "dash", "fish", "tcsh", "csh", "zsh", "busybox"])
async def test_every_login_shell_understands_the_command(run_id: str, shell: str) -> None:
    """The line means the same in all of them."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    prefix = f"{found} sh" if shell == "busybox" else found
    async with Shell(
        lambda command: f"exec {prefix} -c '{command.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'"
    ) as connection:
        link = await Link.start(connection, run=run_id)
        await link.aclose()


async def test_no_python_is_one_clear_error(run_id: str) -> None:
    """It names the host and the remedy."""
    async with Shell(lambda command: command, python="/no/python") as connection:
        with pytest.raises(ConnectError, match=r"^pc: no Python was found there \(/no/python\)") as caught:
            await Link.start(connection, run=run_id)
    assert "ansible_python_interpreter" in caught.value.remedy


@pytest.mark.skipif(not OLD, reason="no Python older than 3.8 here")
async def test_an_old_python_is_one_clear_error(run_id: str) -> None:
    """It says which version stands where."""
    async with Shell(lambda command: command, python=str(OLD[0])) as connection:
        with pytest.raises(ConnectError, match=r"pc: Python 3\.8 or newer is needed there: python 3\.[67] is too old"):
            await Link.start(connection, run=run_id)


@pytest.mark.skipif(not OLD, reason="no Python older than 3.8 here")
async def test_a_newer_python_beside_an_old_one_is_found(run_id: str, tmp_path: Path) -> None:
    """auto tries the versioned names when python3 is too old."""
    (tmp_path / "python3").symlink_to(OLD[0])
    newest = NEW[-1]
    (tmp_path / f"python3.{newest.parent.parent.name.split('.')[1]}").symlink_to(newest)
    async with Shell(lambda command: f"PATH={tmp_path}:$PATH; {command}") as connection:
        link = await Link.start(connection, run=run_id)
        assert link.info.python >= (3, 8)
        await link.aclose()


@pytest.mark.parametrize("python", NEW, ids=lambda path: path.parent.parent.name)
async def test_the_agent_runs_on_every_python_from_3_8(run_id: str, python: Path) -> None:
    """Shipped, compiled there, and able to do everything."""
    if tuple(map(int, python.parent.parent.name.split(".")[:2])) < (3, 8):
        pytest.skip("older than 3.8")
    async with Shell(lambda command: command, python=str(python)) as connection:
        link = await Link.start(connection, run=run_id)
        assert link.info.executable == str(python)
        assert (await link.run(["echo", "hi"], task="t")).stdout == b"hi\n"
        assert await link.call("def f():\n    yield 1\n    return 2\n", "f", task="t") == 2
        assert await link.disks(["/"])
        async with opening(link) as bridge, await link.bulk(["cat"], bridge, task="t") as bulk:
            await bulk.channel.write(b"x")
            assert await bulk.channel.read() == b"x"
        await link.aclose()
    assert marked(run_id) == []


async def test_a_command_that_says_why(run_id: str) -> None:
    """A login that is refused shows its own words."""
    async with Shell(lambda _: "echo This account is not available >&2; exit 1") as connection:
        with pytest.raises(ConnectError, match="This account is not available"):
            await Link.start(connection, run=run_id)


async def test_an_agent_that_never_starts_is_given_up(run_id: str) -> None:
    """The start has a deadline."""
    async with Shell(lambda _: "exec sleep 300") as connection:
        with pytest.raises(ConnectError, match=r"did not start within 0\.3 s"):
            await Link.start(connection, run=run_id, start_limit=0.3)


async def test_a_closed_connection_is_a_lost_link(run_id: str) -> None:
    """Nothing to start on."""
    connection = LocalConnection()
    await connection.aclose()
    with pytest.raises(LinkLost):
        await Link.start(connection, run=run_id)


@root
async def test_become_another_user(run_id: str) -> None:
    """An agent through sudo is that user, marked inside the boundary, and can be stopped."""
    async with LocalConnection(Endpoint(host="here", kind="local", python="/usr/bin/python3")) as connection:
        link = await Link.start(connection, run=run_id, escalation=Escalation(user="nobody"))
        assert link.info.user == "nobody"
        assert link.info.pid in marked(run_id)
        assert (await link.run(["id", "-un"], task="t")).stdout == b"nobody\n"
        async with opening(link) as bridge, await link.bulk(["id", "-un"], bridge, task="t") as bulk:
            assert await bulk.channel.read() == b"nobody\n"
        await link.aclose()
    assert marked(run_id) == []


@root
async def test_become_by_su_as_root(run_id: str) -> None:
    """su works for root; with a password it is refused by name."""
    endpoint = Endpoint(host="here", kind="local", python="/usr/bin/python3")
    async with LocalConnection(endpoint) as connection:
        link = await Link.start(connection, run=run_id, escalation=Escalation(user="nobody", method="su", flags=()))
        assert link.info.user == "nobody"
        await link.aclose()
        with pytest.raises(BecomeError, match="cannot be given a password"):
            await Link.start(connection, run=run_id, escalation=Escalation(method="su", password=Secret("x")))


@root
@pytest.mark.parametrize("method", ["sudo", "su"])
async def test_root_locks_where_the_user_does(
    run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """An embedded PC's folder of locks counts for its root too, though sudo clears the environment."""
    folder = tmp_path / "two words"
    folder.mkdir()
    monkeypatch.setenv("HOTDESK_LOCKS", str(folder))
    endpoint = Endpoint(host="here", kind="local", python="/usr/bin/python3")
    async with LocalConnection(endpoint) as connection:
        link = await Link.start(connection, run=run_id, escalation=Escalation(method=method, flags=()))
        await link.lock(run_id, {})
        await link.aclose()
    assert [path.name for path in folder.iterdir()] == [f"hotdesk-{run_id}.lock"]


async def test_unknown_ways_of_becoming_are_refused_by_name(run_id: str) -> None:
    """doas is not sudo; a user name is no shell text."""
    async with LocalConnection() as connection:
        with pytest.raises(BecomeError, match="doas is not supported"):
            await Link.start(connection, run=run_id, escalation=Escalation(method="doas"))
        with pytest.raises(BecomeError, match="safely"):
            await Link.start(connection, run=run_id, escalation=Escalation(user="x; reboot"))
        with pytest.raises(BecomeError, match="no-such-sudo is not installed"):
            await Link.start(connection, run=run_id, escalation=Escalation(exe="no-such-sudo"))


FAKE_SUDO = """#!/bin/sh
# Like sudo -S -p PROMPT: asks on stderr, reads one line from stdin, at most three times.
shift 2; prompt=$2; shift 2
while [ "$1" != env ]; do shift; done
[ -n "$NEVER_ASK" ] && exec "$@"
for try in 1 2 3; do
  printf %s "$prompt" >&2
  IFS= read -r word || exit 1
  [ "$word" = "open sesame" ] && exec "$@"
  echo "Sorry, try again." >&2
done
exit 1
"""


@pytest.fixture
def asking(tmp_path: Path) -> Escalation:
    """A sudo that asks for a password (the real one needs an account for it)."""
    path = tmp_path / "sudo"
    path.write_text(FAKE_SUDO)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Escalation(exe=str(path), password=Secret("open sesame"))


async def test_the_password_goes_to_the_prompt_only(run_id: str, asking: Escalation) -> None:
    """Asked: it is answered, and no process line shows it."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id, escalation=asking)
        lines = (await link.run(["ps", "axeww"], task="t")).stdout
        assert b"sesame" not in lines
        await link.aclose()


async def test_a_password_nobody_asked_for_is_not_sent(
    run_id: str, asking: Escalation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not asked: the agent's first bytes are its own."""
    monkeypatch.setenv("NEVER_ASK", "1")
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id, escalation=asking)
        assert (await link.run(["cat"], task="t")).stdout == b""
        await link.aclose()


async def test_a_wrong_password_is_one_clear_error(run_id: str, asking: Escalation) -> None:
    """With the words of sudo, without the password."""
    async with LocalConnection() as connection:
        with pytest.raises(BecomeError, match=r"the become password is wrong \(Sorry, try again\.\)") as caught:
            await Link.start(connection, run=run_id, escalation=replace(asking, password=Secret("guess")))
    assert "guess" not in str(caught.value)
