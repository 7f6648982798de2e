"""What runs in the sandbox: one target, as ansible-test would run it on this machine as root. Standard library only.

``inside.py ORDER``: ORDER is JSON with ``target``, ``source`` (of the suite), ``targets`` (their directory), ``collections``, ``roles`` and
``libraries`` (directories with a colon between them, may be empty), ``venv`` (where ansible-core is installed), ``engine`` (the command line
in the place of ansible-playbook; empty: ansible-playbook) and ``limit`` (seconds).
Writes /conformance_out/log and /conformance_out/result.json. How ansible-test sets things up:
test/lib/ansible_test/_internal/ansible_util.py of the source.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

OUT = Path("/conformance_out")
HOME = Path("/conformance")
"""What is made for the target in the sandbox: commands, a path for Python."""
SCRATCH = Path("/root/ansible_test_tmp")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMANDS = {
    "ansible": "adhoc", "ansible-config": "config", "ansible-console": "console", "ansible-doc": "doc", "ansible-galaxy": "galaxy",
    "ansible-inventory": "inventory", "ansible-playbook": "playbook", "ansible-pull": "pull", "ansible-vault": "vault",
}  # fmt: skip
STUB = """#!/usr/bin/env python
import sys
from ansible.cli.{module} import main
main()
"""
WEB = Path(__file__).parent / "web.py"
SETUP_LIMIT = 300
"""Seconds for each target that another one needs before it."""
PR_SET_NAME = 15


def as_init(work) -> int:  # type: ignore[no-untyped-def]
    """Process 1 of the sandbox: do ``work`` in a child, bury every orphan, give the child's exit code."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"init", 0, 0, 0)
    child = os.fork()
    if child == 0:
        os._exit(work())
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def written(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


class Machine:
    """The sandbox, made ready for a target."""

    def __init__(self, order: dict[str, str]) -> None:
        self.target = order["target"]
        self.source = Path(order["source"])
        self.targets = Path(order["targets"])
        self.collections = order["collections"]
        self.roles = order["roles"]
        self.libraries = order["libraries"]
        self.engine = order["engine"]
        self.venv = Path(order["venv"])
        self.limit = float(order["limit"])
        self.library = next((self.venv / "lib").glob("python3*/site-packages"))
        suffix = "-ansible" if "no/temp_unicode" in self.aliases(self.target) else "-ÅÑŚÌβŁÈ"
        self.tree = SCRATCH / f"{self.target}{suffix}"
        self.integration = self.tree / "test" / "integration"
        self.ssh = "needs/ssh" in self.aliases(self.target)
        self.web = "needs/httptester" in self.aliases(self.target)
        self.log = (OUT / "log").open("wb", buffering=0)

    def aliases(self, target: str) -> list[str]:
        """What the suite notes about a target: ``needs/...``, ``setup/...``, ``env/set/...``."""
        file = self.targets / target / "aliases"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [word for line in lines if (word := line.partition("#")[0].strip())]

    def make_ready(self) -> None:
        init = Path("/sbin/init")
        if init.is_symlink():  # facts must not take what is process 1 here for systemd
            init.unlink()
            written(init, "#!/bin/sh\nexit 1\n", 0o755)
        self._commands()
        self._tree()
        base = subprocess.run(
            [self.venv / "bin" / "python", "-c", "import sys,sysconfig;print(sysconfig.get_path('purelib', vars={'base': sys.base_prefix}))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        if Path(base).is_dir():  # targets make venvs that see the system's packages: these must be ansible-core's too
            written(Path(base) / "conformance.pth", f"{self.library}\n")
        if self.libraries:
            written(self.library / "conformance.pth", self.libraries.replace(":", "\n") + "\n")
        if self.ssh:
            Path("/run/sshd").mkdir(exist_ok=True)
            options = ("PermitRootLogin=yes", "MaxStartups=200", "MaxSessions=100")
            subprocess.run(["/usr/sbin/sshd", *(word for option in options for word in ("-o", option))], check=True)
        if self.web:
            self._serve()

    def _serve(self) -> None:
        """The web server of the suite, under the names by which targets know it."""
        names = runpy.run_path(str(WEB))["HOSTS"]
        with Path("/etc/hosts").open("a", encoding="ascii") as hosts:
            hosts.write(f"127.0.0.1 {' '.join(names)}\n")
        words = [sys.executable, str(WEB), str(HOME / "web")]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL)
        assert server.stdout is not None
        if not server.stdout.readline():
            raise SystemExit(f"the web server ended with {server.wait()}")

    def _commands(self) -> None:
        """Ansible's commands for whichever ``python`` comes first (targets make venvs), the engine before them."""
        for name, module in COMMANDS.items():
            written(HOME / "commands" / name, STUB.format(module=module), 0o755)
        if self.engine:
            written(
                HOME / "engine" / "ansible-playbook", f'#!/bin/bash\nexec env -u PYTHONPATH {self.engine} "$@"\n', 0o755
            )
        injector = self.library / "ansible_test" / "_util" / "target" / "injector"
        for script in injector.glob("*.sh"):
            shutil.copy(script, HOME / "commands")
        text = (
            (injector / "python.py").read_text(encoding="utf-8").replace("# auto-shebang", "#!/usr/bin/env python", 1)
        )
        written(HOME / "commands" / "python.py", text, 0o755)
        (HOME / "python").mkdir()
        (HOME / "python" / "ansible").symlink_to(self.library / "ansible")
        for info in self.library.glob("ansible_core-*.dist-info"):
            (HOME / "python" / info.name).symlink_to(info)

    def _tree(self) -> None:
        shutil.copytree(self.targets, self.integration / "targets", symlinks=True)
        for file in ("test/lib/ansible_test/_data/requirements/constraints.txt", "lib/ansible/modules/ping.py"):
            if (self.source / file).exists():
                (self.tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.source / file, self.tree / file)
        variables = {
            "ansible_connection": "local",
            "ansible_pipelining": "yes",
            "ansible_python_interpreter": self.venv / "bin" / "python",
        }
        if self.ssh and "context/controller" not in self.aliases(self.target):
            variables |= {
                "ansible_connection": "ssh", "ansible_host": "localhost", "ansible_user": "root",
                "ansible_ssh_private_key_file": "/root/.ssh/id_rsa",
                "ansible_ssh_extra_args": "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            }  # fmt: skip
        line = " ".join(f'{name}="{value}"' for name, value in variables.items())
        written(self.integration / "inventory", f"[testgroup]\ntesthost {line}\n")
        written(self.tree / "ansible.cfg", "")

    def environment(self, target: str, *, peer: bool) -> dict[str, str]:
        """ansible-test's environment. ``peer``: with ansible-playbook itself."""
        commands = f"{HOME}/commands:{self.venv}/bin:{SYSTEM_PATH}"
        found = {
            "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash", "TERM": "xterm", "LC_ALL": "en_US.UTF-8",
            "PATH": commands if peer else f"{HOME}/engine:{commands}", "PYTHONPATH": f"{HOME}/python", "PAGER": "/bin/cat",
            "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_FORCE_HANDLERS": "true", "ANSIBLE_HOST_PATTERN_MISMATCH": "error",
            "ANSIBLE_INVENTORY": "/dev/null", "ANSIBLE_DEPRECATION_WARNINGS": "false", "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_RETRY_FILES_ENABLED": "false", "ANSIBLE_DISPLAY_TRACEBACK": "never", "ANSIBLE_DEVEL_WARNING": "false",
            "ANSIBLE_CONFIG": str(self.tree / "ansible.cfg"), "ANSIBLE_PYTHON_MODULE_RLIMIT_NOFILE": "1024",
            "ANSIBLE_LIBRARY": str(self.source / "test/support/integration/plugins/modules"),
            "ANSIBLE_PYTHON_INTERPRETER": "/set/ansible_python_interpreter/in/inventory",
            "ANSIBLE_TEST_ANSIBLE_LIB_ROOT": str(self.library / "ansible"), "ANSIBLE_TEST_CI": "", "ANSIBLE_TEST_COVERAGE": "",
            "ANSIBLE_TEST_PYTHON_VERSION": f"{sys.version_info[0]}.{sys.version_info[1]}",
            "ANSIBLE_TEST_PYTHON_INTERPRETER": str(self.venv / "bin" / "python"),
            "ANSIBLE_TEST_ANSIBLE_VERSION": self.source.name.partition("-")[2], "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "OUTPUT_DIR": str(SCRATCH / "output_dir"), "INVENTORY_PATH": str(self.integration / "inventory"),
            "JUNIT_OUTPUT_DIR": str(SCRATCH / "junit"), "JUNIT_TASK_RELATIVE_PATH": str(self.tree),
        }  # fmt: skip
        if self.web:
            found |= {"HTTPTESTER": "1", "KRB5_PASSWORD": ""}
        if self.collections:
            found["ANSIBLE_COLLECTIONS_PATH"] = self.collections
        for alias in self.aliases(target):
            if match := re.match(r"env/set/([^/]+)/(.*)", alias):
                found[match[1]] = match[2]
        return found

    def run(self, target: str, limit: float, *, peer: bool = False) -> int | None:
        """A target's exit code; None when it took too long. A playbook is run twice: the second time it has little to change."""
        folder, environment = self.integration / "targets" / target, self.environment(target, peer=peer)
        shutil.rmtree(SCRATCH / "output_dir", ignore_errors=True)
        (SCRATCH / "output_dir").mkdir(parents=True)
        where, runs, command = folder, 1, ["ansible-playbook", "-i", str(self.integration / "inventory")]
        if (folder / "runme.sh").exists():
            command = ["./runme.sh"]
        elif (folder / "playbook.yml").exists():
            command += ["-i", str(self.integration / "targets" / "groups.ini"), "playbook.yml"]
            runs = 2
            del environment["ANSIBLE_HOST_PATTERN_MISMATCH"]  # as people have it
        else:
            where, play = self.integration, {
                "hosts": "testhost", "gather_facts": "gather_facts/no" not in self.aliases(target), "roles": [target],
                "vars": {"output_dir": environment["OUTPUT_DIR"]},
            }  # fmt: skip
            written(self.integration / f"{target}.yml", json.dumps([play]))
            command.append(f"{target}.yml")
        if command[0] == "ansible-playbook":
            environment["ANSIBLE_ROLES_PATH"] = ":".join(filter(None, (str(self.integration / "targets"), self.roles)))
        environment["ANSIBLE_PLAYBOOK_DIR"] = str(where)
        for _ in range(runs):
            self.log.write(f"### {target}: {' '.join(command)}\n".encode())
            if (code := self._call(command, where, environment, limit)) != 0:
                break
        return code

    def _call(self, command: list[str], where: Path, environment: dict[str, str], limit: float) -> int | None:
        child = subprocess.Popen(
            command, cwd=where, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )  # fmt: skip
        try:
            return child.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return None

    def all(self) -> dict[str, object]:
        """The targets this one needs before it (they use ansible-playbook), then the target."""
        self.make_ready()
        for alias in self.aliases(self.target):
            if (match := re.match(r"setup/(?:once|always)/(.*)", alias)) and self.run(
                match[1], SETUP_LIMIT, peer=True
            ) != 0:
                return {"code": 1, "why": f"the target {match[1]}, which it needs, failed under ansible-playbook"}
        return {"code": self.run(self.target, self.limit)}


def main() -> int:
    result = Machine(json.loads(sys.argv[1])).all()
    (OUT / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(as_init(main))
