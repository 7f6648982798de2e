"""The peers: how each is asked to do a work on so many hosts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.matrix.peers import tools as matrix_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.sshd import Server
    from tests.bench.works import Work

    Start = tuple[list[str], dict[str, str]]
    """Its command line, and what it needs in its environment."""

BIN = Path(sys.executable).parent
HERE = Path(__file__).parent
PEERS_VENV = matrix_tools.VENV


def _playbook(at: Server, work: Work) -> Path:
    path = at.directory / "work.yml"
    path.write_text(work.playbook)
    return path


def hotdesk(at: Server, work: Work, hosts: int) -> Start:
    """The one under test."""
    argv = [BIN / "hotdesk", "play", "-i", at.inventory(hosts), "--output", "plain", _playbook(at, work)]
    return [*map(str, argv)], {}


def ansible(at: Server, work: Work, hosts: int) -> Start:
    """ansible-playbook with pipelining, forks 50."""
    return _ansible(at, work, hosts, BIN)


def mitogen(at: Server, work: Work, hosts: int) -> Start:
    """The same under Mitogen: https://mitogen.networkgenomics.com/ansible_detailed.html"""
    argv, environment = _ansible(at, work, hosts, PEERS_VENV / "bin")
    plugins = next(PEERS_VENV.glob("lib/python3*/site-packages/ansible_mitogen/plugins/strategy"))
    return argv, {**environment, "ANSIBLE_STRATEGY_PLUGINS": str(plugins), "ANSIBLE_STRATEGY": "mitogen_linear"}


def _ansible(at: Server, work: Work, hosts: int, where: Path) -> Start:
    environment = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": "50", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_SSH_RETRIES": "3"}
    return [str(where / "ansible-playbook"), "-i", str(at.inventory(hosts)), str(_playbook(at, work))], environment


def pyinfra(at: Server, work: Work, hosts: int) -> Start:
    """pyinfra with the same operations."""
    inventory, deploy = at.directory / f"pyinfra-{hosts}.py", at.directory / "deploy.py"
    data = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": at.port,
        "ssh_user": at.user,
        "ssh_key": str(at.key),
        "ssh_known_hosts_file": str(at.directory / "known_hosts"),
    }
    inventory.write_text(f"hosts = {[(f'h{number}', data) for number in range(1, hosts + 1)]!r}\n")
    deploy.write_text(work.pyinfra)
    return [str(BIN / "pyinfra"), "-y", str(inventory), str(deploy)], {}


def bare(at: Server, work: Work, hosts: int) -> Start:
    """A bare asyncssh loop."""
    words = (HERE / "bare.py", at.port, at.user, at.key, at.directory / "known_hosts", hosts, work.count)
    return [sys.executable, *map(str, words)], {}


PEERS: Mapping[str, Callable[[Server, Work, int], Start]] = {
    "hotdesk": hotdesk,
    "bare": bare,
    "pyinfra": pyinfra,
    "mitogen": mitogen,
    "ansible": ansible,
}
