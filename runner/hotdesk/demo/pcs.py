"""Embedded PCs: a process of its own that serves SSH for several make-believe PCs on the loopback, without root.

``python -m hotdesk.demo.pcs --directory DIR NAME...`` prints one line of JSON when all of them answer and serves until its
stdin ends or SIGTERM comes; then nothing it started is left. Every PC has a home directory, a host key and a port of its own;
all share the user who started them, so a PC's state is what is below its HOME.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import secrets
import shlex
import signal
import sys
from pathlib import Path

import yaml

from hotdesk.connections.library import asyncssh
from hotdesk.demo.session import CommandSession, kill_marked
from hotdesk.frozen import frozen

MARK = "HOTDESK_DEMO"
"""In the environment of everything that an embedded PC runs: how the last of it is found and ended."""
CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"]


@frozen
class PC:
    """One make-believe PC; ``top`` holds its ``home``."""

    name: str
    top: Path
    key: asyncssh.SSHKey
    mark: str

    @property
    def home(self) -> Path:
        return self.top / "home"

    def environment(self) -> dict[str, str]:
        """What a login on this PC finds in its environment."""
        user = getpass.getuser()
        return {
            "HOME": str(self.home),
            "USER": user,
            "LOGNAME": user,
            "SHELL": "/bin/sh",
            "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.top / "run"),
            "HOTDESK_LOCKS": str(self.top / "run"),
            "HOTDESK_PC": self.name,
            MARK: self.mark,
        }


class Server(asyncssh.SSHServer):
    """One client's connection to a PC: any command, SFTP, and connections to other loopback ports (so a PC can be a jump host)."""

    def __init__(self, pc: PC, group: asyncio.TaskGroup) -> None:
        self._pc = pc
        self._group = group

    def begin_auth(self, username: str) -> bool:
        return True

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return CommandSession(self._pc.environment(), self._pc.home, self._group)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return dest_host in {"127.0.0.1", "localhost", "::1"}


def load_key(path: Path) -> asyncssh.SSHKey:
    """The key in ``path``; made first when it is not there, so that a demo started again is still the same PCs."""
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519", comment="hotdesk demo")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        key.write_private_key(path)
        key.write_public_key(path.with_name(path.name + ".pub"))
    return asyncssh.read_private_key(path)


async def listen(pc: PC, authorized: str, group: asyncio.TaskGroup) -> asyncssh.SSHAcceptor:
    """Serve ``pc`` on a free port of 127.0.0.1."""
    return await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: Server(pc, group),
        server_host_keys=[pc.key],
        authorized_client_keys=asyncssh.import_authorized_keys(authorized),
        encoding=None,
        encryption_algs=CIPHERS,
        compression_algs=None,
        window=16 * 1024 * 1024,
        max_pktsize=128 * 1024,
        gss_host=None,
        agent_forwarding=False,
        keepalive_interval=15,
        login_timeout=30,
    )


def write_client_files(top: Path, ports: dict[str, int], pcs: list[PC]) -> dict[str, object]:
    """known_hosts, ssh_config and an inventory for these PCs; the ready line's content is returned."""
    identity, known_hosts, config, inventory = (
        top / name for name in ("id_ed25519", "known_hosts", "ssh_config", "inventory.yml")
    )
    lines = [f"[127.0.0.1]:{ports[pc.name]} {pc.key.export_public_key().decode().strip()}\n" for pc in pcs]
    known_hosts.write_text("".join(lines), encoding="utf-8")
    user = getpass.getuser()
    blocks = [f"Host {pc.name}\n  HostName 127.0.0.1\n  Port {ports[pc.name]}\n" for pc in pcs]
    common = (
        f'Host *\n  User {user}\n  IdentityFile "{identity}"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{known_hosts}"\n  StrictHostKeyChecking yes\n'
    )
    config.write_text("".join(blocks) + common, encoding="utf-8")
    hosts = {pc.name: {"ansible_port": ports[pc.name], "hotdesk_demo_home": str(pc.home)} for pc in pcs}
    variables = {
        "ansible_host": "127.0.0.1",
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(identity),
        "ansible_ssh_common_args": shlex.join(
            ["-o", "IdentitiesOnly=yes", "-o", f'UserKnownHostsFile="{known_hosts}"']
        ),
        "ansible_python_interpreter": sys.executable,
    }
    text = yaml.safe_dump({"all": {"children": {"pcs": {"hosts": hosts, "vars": variables}}}}, sort_keys=False)
    inventory.write_text(text, encoding="utf-8")
    return {
        "directory": str(top),
        "known_hosts": str(known_hosts),
        "ssh_config": str(config),
        "inventory": str(inventory),
        "identity": str(identity),
        "user": user,
        "ports": ports,
        "homes": {pc.name: str(pc.home) for pc in pcs},
    }


async def serve(top: Path, names: list[str]) -> None:
    """Serve until stdin ends or a signal comes."""
    load_key(top / "id_ed25519")
    authorized = (top / "id_ed25519.pub").read_text(encoding="utf-8")
    mark = f"{os.getpid()}-{secrets.token_hex(4)}"
    pcs = [PC(name, top / name, load_key(top / "host_keys" / name), mark) for name in names]
    for pc in pcs:
        pc.home.mkdir(parents=True, exist_ok=True)
        (pc.top / "run").mkdir(mode=0o700, exist_ok=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    loop.add_reader(0, lambda: None if os.read(0, 4096) else stop.set())
    acceptors: list[asyncssh.SSHAcceptor] = []
    try:
        async with asyncio.TaskGroup() as group:
            for pc in pcs:
                acceptors.append(await listen(pc, authorized, group))
            ports = {pc.name: acceptor.get_port() for pc, acceptor in zip(pcs, acceptors, strict=True)}
            print(json.dumps(write_client_files(top, ports, pcs)), flush=True)
            await stop.wait()
            loop.remove_reader(0)
            for acceptor in acceptors:
                acceptor.close()
            kill_marked(MARK, mark)
    finally:
        while kill_marked(MARK, mark):  # noqa: ASYNC110 - one that was just forked was not in the list yet
            await asyncio.sleep(0.02)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hotdesk.demo.pcs", description="Serve embedded PCs over SSH.")
    parser.add_argument("--directory", type=Path, required=True, help="where homes, keys and the client's files go")
    parser.add_argument("names", nargs="+", metavar="NAME")
    arguments = parser.parse_args(argv)
    top = arguments.directory.resolve()
    top.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(top, arguments.names))


if __name__ == "__main__":
    main()
