"""OpenSSH's sshd on a loopback port for the benchmarks, with an ordinary user to log in as."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "hotdesk-bench"
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
PidFile {directory}/sshd.pid
AuthorizedKeysFile {directory}/id.pub
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
MaxStartups 500
MaxSessions 100
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running sshd; every inventory name of a benchmark leads to it."""

    directory: Path
    port: int
    user: str
    home: Path

    @property
    def key(self) -> Path:
        return self.directory / "id"

    def inventory(self, count: int) -> Path:
        """An inventory of ``count`` names, for hotdesk and ansible-playbook alike."""
        path = self.directory / f"hosts-{count}.yml"
        options = f"-o UserKnownHostsFile={self.directory}/known_hosts -o ControlMaster=auto -o ControlPersist=60s"
        names = "".join(f"    h{number}:\n" for number in range(1, count + 1))
        path.write_text(
            f"all:\n  vars:\n    ansible_host: 127.0.0.1\n    ansible_port: {self.port}\n    ansible_user: {self.user}\n"
            f"    ansible_ssh_private_key_file: {self.key}\n    ansible_ssh_common_args: {options}\n"
            f"    ansible_python_interpreter: /usr/bin/python3\n  hosts:\n{names}"
        )
        return path


@contextmanager
def server() -> Iterator[Server]:
    """Start it, and remove it with all it made."""
    directory = Path(tempfile.mkdtemp(prefix="hotdesk-bench-"))
    directory.chmod(0o755)
    user, home = _user()
    for name in ("id", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    public = (directory / "host.pub").read_text().split()
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    (directory / "sshd_config").write_text(CONFIG.format(port=port, host_key=directory / "host", directory=directory))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "sshd"
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # through the finally
    process = subprocess.Popen([sshd, "-D", "-e", "-f", str(directory / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield Server(directory, port, user, home)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)
        if user == USER:
            subprocess.run(["userdel", "-r", USER], check=False, stderr=subprocess.DEVNULL)
        signal.signal(signal.SIGTERM, before)


def _user() -> tuple[str, Path]:
    if os.geteuid() != 0:
        return getpass.getuser(), Path.home()
    subprocess.run(["userdel", "-rf", USER], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["useradd", "-m", "-s", "/bin/bash", "-p", "*", USER], check=True)
    home = Path(f"~{USER}").expanduser()
    (home / ".hushlogin").touch()
    return USER, home


def _wait(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("bench: sshd does not answer")
