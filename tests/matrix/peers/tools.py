"""How each peer is asked for the work of a scene, with the best options its documentation has for it, and what it said of a host.

ansible-playbook and Mitogen get hotdesk's own playbook and inventory; for pyinfra the playbook is translated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.matrix.peers.faults import TIMEOUT
from tests.matrix.peers.works import BIG_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.matrix.scene import Scene

VENV = Path(__file__).parents[3] / ".venv-peers"
INTERVAL, COUNT = 5, 2
"""Each peer asks the other side every so many seconds whether it is there, and gives up after so many questions without an answer."""
CONNECT = 60
"""Seconds they may take to connect: on a small machine several cells side by side are slow."""
Start = tuple[list[str], dict[str, str]]
"""Command line, and variables added to the environment."""


@dataclass(frozen=True, slots=True)
class Peer:
    """``start`` writes what the peer needs into the scene's directory."""

    name: str
    title: str
    start: Callable[[Scene], Start]
    said: Callable[[str, str], str]
    """(output, host) -> ok, failed, unreachable, or nothing."""
    faults: tuple[str, ...] = ()
    """The only ones it is asked for; empty for all."""
    cannot: tuple[str, ...] = ()
    """Kinds of work that it has not."""


def _ansible(scene: Scene, **environment: str) -> Start:
    """https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/ssh_connection.html"""
    alive = f"-o ServerAliveInterval={INTERVAL} -o ServerAliveCountMax={COUNT}"
    argv = [
        str(VENV / "bin/ansible-playbook"),
        "-i",
        str(scene.directory / "inventory.yml"),
        str(scene.directory / "matrix.yml"),
    ]
    if scene.work.user == "bob":
        argv += ["--become-password-file", str(scene.directory / "sudo")]
    return argv, {
        "ANSIBLE_HOME": str(scene.directory / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_TIMEOUT": str(CONNECT),
        "ANSIBLE_SSH_ARGS": f"-o ControlMaster=auto -o ControlPersist=60s {alive}",
        **environment,
    }


def plain(scene: Scene) -> Start:
    """As it comes: a module is copied, then run on a terminal of its own (``ssh -tt``)."""
    return _ansible(scene)


def pipelining(scene: Scene) -> Start:
    """A module goes through the standard input, and there is no terminal."""
    return _ansible(scene, ANSIBLE_PIPELINING="1")


def asynchronous(scene: Scene) -> Start:
    """``async`` and ``poll`` instead of ``timeout``: a wrapper on the PC watches the time.

    https://docs.ansible.com/ansible-core/2.19/playbook_guide/playbooks_async.html
    """
    book = scene.directory / "matrix.yml"
    book.write_text(re.sub(r"^( +)timeout: (.*)$", r"\1async: \2\n\1poll: 1", book.read_text(), flags=re.MULTILINE))
    return _ansible(scene, ANSIBLE_PIPELINING="1")


def mitogen(scene: Scene) -> Start:
    """https://mitogen.networkgenomics.com/ansible_detailed.html"""
    plugins = next(VENV.glob("lib/python3*/site-packages/ansible_mitogen/plugins/strategy"))
    argv, environment = _ansible(scene, ANSIBLE_STRATEGY_PLUGINS=str(plugins), ANSIBLE_STRATEGY="mitogen_linear")
    alive = [f"mitogen_ssh_keepalive_interval={INTERVAL}", f"mitogen_ssh_keepalive_count={COUNT}"]
    return [*argv, *(word for each in alive for word in ("-e", each))], environment


def pyinfra(scene: Scene) -> Start:
    """https://docs.pyinfra.com/en/3.x/arguments.html; its questions to the other side come from ssh_config."""
    config, inventory, deploy = (scene.directory / name for name in ("ssh_config", "inventory.py", "deploy.py"))
    config.write_text(f"Host *\n  ServerAliveInterval {INTERVAL}\n  ServerAliveCountMax {COUNT}\n")
    (scene.directory / "config.py").write_text(f"CONNECT_TIMEOUT = {CONNECT}\n")
    data = {
        "ssh_user": scene.work.user,
        "ssh_key": str(scene.lab.key),
        "ssh_known_hosts_file": str(scene.lab.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "ssh_config_file": str(config),
    }
    hosts = [(pc.name, {**data, "ssh_hostname": pc.address}) for pc in scene.hosts]
    inventory.write_text(f"hosts = {hosts!r}\n")
    (play,) = yaml.safe_load((scene.directory / "matrix.yml").read_text())
    calls = [_operation(task, scene, root=bool(play["become"])) for task in play["tasks"]]
    deploy.write_text(
        "from pyinfra import host\nfrom pyinfra.operations import files, server\n\n" + "\n".join(calls) + "\n"
    )
    return [str(VENV / "bin/pyinfra"), "-y", str(inventory), str(deploy)], {}


def _operation(task: dict[str, Any], scene: Scene, *, root: bool) -> str:
    """A task as a call of the operation that does the same."""
    options: dict[str, Any] = {"name": task["name"]}
    if "ansible.builtin.copy" in task:
        copy = task["ansible.builtin.copy"]
        function, options["src"], options["dest"], options["mode"] = "files.put", copy["src"], copy["dest"], "644"
    elif "ansible.builtin.command" in task:
        function, options["commands"] = "server.shell", [task["ansible.builtin.command"]]
    else:
        shell = task["ansible.builtin.shell"]
        words = [shell if isinstance(shell, str) else shell["cmd"]]
        function, options["commands"], options["_shell_executable"] = "server.shell", words, "bash"
    options |= {"_sudo": True} if root else {}
    options |= {"_use_sudo_password": f"{scene.work.user}-pw"} if root and scene.work.user == "bob" else {}
    words = [f"{name}={value!r}" for name, value in options.items()]
    if "timeout" in task:
        words.append(f"_timeout={TIMEOUT} if host.name == {scene.faulted.name!r} else 600")
    return f"{function}({', '.join(words)})"


def ansible_said(output: str, host: str) -> str:
    """The last that was printed for the host after the task Work had begun."""
    work = output.partition("TASK [Work]")[2]
    found = re.findall(rf"^(ok|changed|fatal|failed): \[{host}\](: UNREACHABLE!)?", work, re.MULTILINE)
    if not found:
        return "nothing"
    word, unreachable = found[-1]
    return "unreachable" if unreachable else "ok" if word in ("ok", "changed") else "failed"


def pyinfra_said(output: str, host: str) -> str:
    """The same for pyinfra."""
    work = output.rpartition("Starting operation: Work")[2]
    lines = [line for line in work.splitlines() if f"[{host}]" in line]
    if any("Error" in line for line in lines):
        return "failed"
    return "ok" if any("Success" in line or "No changes" in line for line in lines) else "nothing"


PEERS = {
    peer.name: peer
    for peer in (
        Peer("ansible", "ansible-playbook", plain, ansible_said),
        Peer("pipelining", "ansible-playbook with pipelining", pipelining, ansible_said),
        # "This action (ansible.builtin.copy) does not support async."
        Peer("async", "ansible-playbook with `async`", asynchronous, ansible_said, ("timeout",), (BIG_FILE.name,)),
        Peer("mitogen", "Mitogen", mitogen, ansible_said),
        Peer("pyinfra", "pyinfra", pyinfra, pyinfra_said),
    )
}
