from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from hotdesk.connections.base import Endpoint, Secret
from hotdesk.connections.endpoint import endpoint_for
from hotdesk.connections.ssh import SSHConnection
from hotdesk.connections.ssh_channel import HIGH
from hotdesk.connections.ssh_errors import translate
from hotdesk.connections.ssh_options import WINDOW
from hotdesk.errors import AuthenticationError, ConnectError, HostKeyError, LinkLost, Unreachable
from hotdesk.settings import Settings
from tests.sshd import Sshd, sshd

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Sshd]:
    async with sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def endpoint(server: Sshd) -> Endpoint:
    return endpoint_for("desk", server.variables(), Settings())


async def everything(connection: SSHConnection, command: str) -> tuple[bytes, int | None]:
    channel = await connection.open(command)
    data = b""
    while chunk := await channel.read():
        data += chunk
    return data, await channel.wait()


@pytest.mark.sshd
async def test_a_login_of_a_test_is_no_first_shell(endpoint: Endpoint) -> None:
    """Else bash would read the user's own ~/.bashrc, which may hang."""
    async with await SSHConnection.connect(endpoint) as connection:
        said, status = await everything(connection, "set")
    assert status == 0
    assert b"SHLVL=" in said
    assert b"PYENV_SHELL=" not in said  # a common example of what stands there


@pytest.mark.sshd
async def test_bytes_and_status_come_back(endpoint: Endpoint) -> None:
    """Whatever the bytes are: output that is not UTF-8 does not end the connection."""
    async with await SSHConnection.connect(endpoint) as connection:
        assert await everything(connection, "printf '\\377\\000x'; exit 3") == (b"\xff\x00x", 3)
        assert await everything(connection, "kill -TERM $$") == (b"", 143)
        channel = await connection.open("echo oops >&2; cat")
        await channel.write(b"x" * 3_000_000)
        await channel.write_eof()
        size = 0
        while chunk := await channel.read():
            size += len(chunk)
        assert size == 3_000_000
        assert await channel.read_stderr() == b"oops\n"
        assert await channel.wait() == 0


@pytest.mark.sshd
async def test_a_connection_ends_in_order(endpoint: Endpoint, server: Sshd) -> None:
    """sshd is told, also with a command under way: its log has a disconnection, not a reset."""
    async with await SSHConnection.connect(endpoint) as connection:
        await connection.open("sleep 300")
    await until(lambda: "disconnect" in server.log.read_text().lower())
    assert "Received disconnect from 127.0.0.1" in server.log.read_text()


@pytest.mark.sshd
async def test_a_reader_that_is_slow_holds_the_writer(endpoint: Endpoint) -> None:
    """What is received and not read stays bounded."""
    async with await SSHConnection.connect(endpoint) as connection:
        channel = await connection.open("head -c 200000000 /dev/zero")
        size = len(await channel.read(10))
        session = channel._session  # type: ignore[attr-defined]
        while chunk := await channel.read(1 << 20):
            size += len(chunk)
            assert session._unread() < 48 << 20
        assert size == 200_000_000


@pytest.mark.sshd
async def test_what_waits_for_a_slow_reader_is_bounded(endpoint: Endpoint) -> None:
    """However long it reads: at most what is held here, and two windows of asyncssh's."""
    most = 0
    async with await SSHConnection.connect(endpoint) as connection:
        channel: Any = await connection.open("cat /dev/zero")
        for _ in range(400):
            assert await channel.read()
            await asyncio.sleep(0.004)  # the slowness that is meant
            kept = channel._channel._recv_buf
            most = max(most, channel._session._unread() + sum(len(data) for data, _ in kept))
    assert most <= HIGH + 2 * WINDOW


@pytest.mark.sshd
async def test_closing_never_waits_for_the_command(endpoint: Endpoint) -> None:
    """Neither a channel nor the connection."""
    connection = await SSHConnection.connect(endpoint)
    channel = await connection.open("sleep 3")
    async with asyncio.timeout(2.5):
        await channel.aclose()
        await connection.aclose()
    assert connection.closed
    with pytest.raises(LinkLost):
        await connection.open("true")


@pytest.mark.sshd
async def test_a_lost_connection_is_never_a_result(endpoint: Endpoint, server: Sshd) -> None:
    """The server's process is killed: no status, and reading and writing say the link is lost."""
    async with await SSHConnection.connect(endpoint) as connection:
        channel = await connection.open("cat")
        for pid in server.children():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(LinkLost):
            await channel.read()
        assert await channel.wait() is None
        with pytest.raises(LinkLost):
            await channel.write(b"x")


@pytest.mark.sshd
async def test_more_channels_than_sshd_allows_wait_their_turn(endpoint: Endpoint) -> None:
    """Twenty commands at once on one connection (MaxSessions is 10) all run."""
    async with await SSHConnection.connect(endpoint) as connection, asyncio.TaskGroup() as group:
        runs = [group.create_task(everything(connection, f"echo {number}")) for number in range(20)]
    assert [run.result() for run in runs] == [(f"{number}\n".encode(), 0) for number in range(20)]


@pytest.mark.sshd
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10, 30])
async def test_a_cancelled_open_leaves_no_channel(endpoint: Endpoint, turns: int) -> None:
    """At whatever point the cancel comes, the places for channels are all free afterwards."""
    async with await SSHConnection.connect(endpoint) as connection:
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(connection.open("sleep 0.05"))
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(everything(connection, "true"))
        await until(lambda: connection._slots._value == 8)  # a channel ends a moment after its command


@pytest.mark.sshd
async def test_the_host_key_is_checked(endpoint: Endpoint, tmp_path: Path) -> None:
    """Unknown: refused with the remedy; accept-new: taken and written; changed: refused for ever."""
    file = tmp_path / "other_known_hosts"
    fresh = replace(endpoint, known_hosts=(str(file),), options=(*endpoint.options, ("GlobalKnownHostsFile", "none")))
    with pytest.raises(HostKeyError, match="not known"):
        await SSHConnection.connect(fresh)
    async with await SSHConnection.connect(replace(fresh, host_key_checking="accept-new")):
        assert f"[127.0.0.1]:{endpoint.port} ssh-" in file.read_text()
    async with await SSHConnection.connect(fresh):
        pass
    changed = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    file.write_text(f"[127.0.0.1]:{endpoint.port} {changed}")
    for checking in ("yes", "accept-new"):
        with pytest.raises(HostKeyError, match=r"has changed: .*:1 says"):
            await SSHConnection.connect(replace(fresh, host_key_checking=checking))
    async with await SSHConnection.connect(replace(fresh, host_key_checking="no")):
        pass


@pytest.mark.sshd
async def test_a_refused_key_says_what_to_do(endpoint: Endpoint, tmp_path: Path) -> None:
    """And a key file that is missing is named."""
    wrong = tmp_path / "wrong"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(wrong)
    with pytest.raises(AuthenticationError, match="refused the login") as caught:
        await SSHConnection.connect(replace(endpoint, private_key_files=(str(wrong),)))
    assert "ansible_ssh_private_key_file" in caught.value.remedy
    with pytest.raises(AuthenticationError, match="no_such_key"):
        await SSHConnection.connect(replace(endpoint, private_key_files=(str(tmp_path / "no_such_key"),)))


@pytest.mark.sshd
async def test_ssh_config_is_read(endpoint: Endpoint, server: Sshd, tmp_path: Path) -> None:
    """A Host alias gives address, port, user, key and known hosts; -o and variables win over it."""
    config = tmp_path / "config"
    config.write_text(
        f"Host desk\n HostName 127.0.0.1\n Port {server.port}\n User {endpoint.user}\n IdentityFile {server.identity}\n"
        f" IdentitiesOnly yes\n UserKnownHostsFile {server.known_hosts}\n"
    )
    plain = endpoint_for("desk", {"ansible_ssh_common_args": f"-F {config}"}, Settings())
    async with await SSHConnection.connect(plain) as connection:
        assert await everything(connection, "echo hi") == (b"hi\n", 0)
    with pytest.raises(ConnectError, match="nothing listens"):
        await SSHConnection.connect(replace(plain, port=1))


async def test_a_silent_port_is_given_up_in_time() -> None:
    """A server that accepts and says nothing: ConnectError within the limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint(
            host="desk", address="127.0.0.1", port=silent.getsockname()[1], connect_timeout=0.3, ssh_config=("none",)
        )
        with pytest.raises(ConnectError, match=r"within 0\.3 s"):
            await SSHConnection.connect(endpoint)


async def test_a_password_logs_in_by_either_method(tmp_path: Path) -> None:
    """Plain password and keyboard-interactive; a wrong one is an AuthenticationError that does not show it."""

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return password == "secret-word"

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=lambda process: process.exit(5),
    )
    base = Endpoint(
        host="desk",
        address="127.0.0.1",
        port=server.get_port(),
        user="ada",
        ssh_config=("none",),
        host_key_checking="no",
        password=Secret("secret-word"),
        options=(("PubkeyAuthentication", "no"),),
    )
    try:
        for method in ("password", "keyboard-interactive"):
            chosen = replace(base, options=(*base.options, ("PreferredAuthentications", method)))
            async with await SSHConnection.connect(chosen) as connection:
                assert (await everything(connection, "x"))[1] == 5
        with pytest.raises(AuthenticationError) as caught:
            await SSHConnection.connect(replace(base, password=Secret("wrong-word")))
        assert "wrong-word" not in caught.value.explain()
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.sshd
async def test_the_agents_keys_are_tried_after_the_named_one(
    endpoint: Endpoint, server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named key that is refused does not keep the agent's from being asked; IdentitiesOnly does."""
    wrong = tmp_path / "wrong"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(wrong)
    path = tmp_path / "agent"
    agent = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", str(path), stdout=asyncio.subprocess.PIPE)
    try:
        assert agent.stdout is not None
        async with asyncio.timeout(10):
            await agent.stdout.readline()  # it says where it listens once it does
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        async with asyncssh.connect_agent() as client:
            await client.add_keys([asyncssh.read_private_key(server.identity)])
        both = replace(endpoint, private_key_files=(str(wrong),), options=())
        async with await SSHConnection.connect(both) as connection:
            assert await everything(connection, "echo hi") == (b"hi\n", 0)
        with pytest.raises(AuthenticationError):
            await SSHConnection.connect(replace(both, options=(("IdentitiesOnly", "yes"),)))
    finally:
        agent.terminate()
        await agent.wait()


@pytest.mark.sshd
async def test_a_key_with_a_passphrase(endpoint: Endpoint, server: Sshd, tmp_path: Path) -> None:
    """Opened with the variable's passphrase; without one the remedy is named."""
    locked = tmp_path / "locked"
    asyncssh.read_private_key(server.identity).write_private_key(locked, passphrase="open", rounds=64)
    keyed = replace(endpoint, private_key_files=(str(locked),), options=(("IdentityAgent", "none"),))
    async with await SSHConnection.connect(replace(keyed, key_passphrase=Secret("open"))) as connection:
        assert await everything(connection, "echo hi") == (b"hi\n", 0)
    with pytest.raises(AuthenticationError) as caught:
        await SSHConnection.connect(keyed)
    assert "ansible_ssh_private_key_passphrase" in caught.value.remedy


def test_every_exception_of_asyncssh_is_translated() -> None:
    """Whatever class a new version brings has a meaning here; none of them reaches a user as it is."""
    endpoint = Endpoint(host="desk")
    classes = [
        value
        for value in vars(asyncssh).values()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__.startswith("asyncssh")
    ]
    assert len(classes) > 30
    for kind in classes:
        error = kind.__new__(kind)
        vars(error).update(reason="why", code=2, lang="")
        found = translate(error, endpoint, "desk:22")
        assert isinstance(found, Unreachable), kind
        assert "desk" in found.message
