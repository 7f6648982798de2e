"""A real OpenSSH server of our own on a free loopback port, run by whoever runs the tests; no PAM, no system files."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import signal
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """A running sshd and how to log in."""

    port: int
    identity: Path
    known_hosts: Path
    process: asyncio.subprocess.Process
    log: Path

    def variables(self) -> dict[str, object]:
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": getpass.getuser(),
            "ansible_ssh_private_key_file": str(self.identity),
            "ansible_ssh_common_args": f"-o IdentitiesOnly=yes -o UserKnownHostsFile={self.known_hosts} -F none",
        }

    def children(self) -> list[int]:
        """The sshd processes that serve connections."""
        return _children(self.process.pid)

    def logins(self) -> list[int]:
        """One process for each connection."""
        return [pid for pid in self.children() if _parent(pid) == self.process.pid]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _children(pid: int) -> list[int]:
    """Everything below ``pid``: for an ordinary user sshd has a monitor and, below it, the process that holds the connection."""
    try:
        direct = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*direct, *(below for child in direct for below in _children(child))]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def find_sshd() -> str:
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("sshd is not installed")
        pytest.skip("sshd is not installed")
    return found


@asynccontextmanager
async def sshd(directory: Path, *options: str) -> AsyncIterator[Sshd]:
    """Run sshd for the length of the block; ``options`` are sshd_config lines that win over ours."""
    program = find_sshd()
    port = _configure(directory, options)
    log = directory / "log"
    process = await asyncio.create_subprocess_exec(
        program, "-D", "-f", str(directory / "sshd_config"), "-E", str(log), start_new_session=True
    )
    try:
        async with asyncio.timeout(20):
            await _answers(port, process)
        yield Sshd(
            port=port, identity=directory / "identity", known_hosts=directory / "known_hosts", process=process, log=log
        )
    finally:
        await _end(process)


def _configure(directory: Path, options: tuple[str, ...]) -> int:
    """Keys and sshd_config; the port."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host_key", "identity"):
        if (directory / name).exists():  # made, and perhaps signed, by the test
            continue
        key = asyncssh.generate_private_key("ssh-ed25519")
        (directory / name).touch(mode=0o600)
        key.write_private_key(directory / name)
        key.write_public_key(directory / f"{name}.pub")
    port = free_port()
    host_key = (directory / "host_key.pub").read_text()
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    config = [
        *options,
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {directory / 'host_key'}",
        f"AuthorizedKeysFile {directory / 'identity.pub'}",
        f"PidFile {directory / 'pid'}",
        "UsePAM no",
        "StrictModes no",
        "PermitRootLogin yes",
        "PasswordAuthentication no",
        # bash takes a command from sshd for a login and reads ~/.bashrc, unless it is not the first shell (bash(1), INVOCATION);
        # what the user keeps there (a pyenv rehash, an ssh-agent) may take seconds, or wait for a lock.
        "SetEnv SHLVL=1",
    ]
    (directory / "sshd_config").write_text("\n".join(config) + "\n")
    return port


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    while True:
        assert process.returncode is None, "sshd did not start"
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        await reader.readline()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return


async def _end(process: asyncio.subprocess.Process) -> None:
    """sshd's children outlive it by design: they are ended first."""
    for pid in _children(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    async with asyncio.timeout(10):
        await process.wait()
