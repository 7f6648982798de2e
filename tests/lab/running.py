"""hotdesk as a person runs it: the command line in a process of its own, judged by its exit code, its output and what is on the PCs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.lab import Lab
    from tests.lab.pc import PC

HOTDESK = Path(sys.executable).with_name("hotdesk")
NO_DISK_MINIMUM = "hotdesk_disk_watch: {preflight_minimum: 1%, runtime_minimum: 1%, warning: 1%}"
KEPT = ("/var/lib/hotdesk", "/home/ada/.local/state/hotdesk")
"""Where a PC remembers its syncs."""
LIMIT = 240
"""Seconds after which a run counts as hung."""


@dataclass(frozen=True, slots=True)
class Done:
    """A run that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """What ``--output json`` printed."""
        return [json.loads(line) for line in self.stdout.splitlines() if line.startswith("{")]

    @property
    def run_id(self) -> str:
        """What its processes carried as HOTDESK_RUN."""
        return str(next(event["run"] for event in self.events if event["event"] == "RunStarted"))

    def results(self, host: str, task: str = "") -> list[dict[str, Any]]:
        """The results on a host, of the task named (or of all)."""
        names = {event["task"]: event["name"] for event in self.events if event["event"] == "TaskStarted"}
        finished = [event for event in self.events if event["event"] == "TaskFinished" and event["host"] == host]
        return [event["result"] for event in finished if not task or names.get(event["task"]) == task]


class Desk:
    """A directory with an inventory of the lab's PCs, where playbooks are written and run."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.directory = directory
        self.limit = LIMIT
        self.environment = {
            **os.environ,
            "HOME": str(directory / "home"),
            "XDG_STATE_HOME": str(directory / "state"),
            "HOTDESK_LOCKS": str(directory),  # of this machine: other tests on it hold their own
            "NO_COLOR": "1",
            "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        }
        (directory / "home").mkdir()
        (directory / "ansible.cfg").write_text("[defaults]\n")
        self.inventory()

    def inventory(self, user: str = "ada", extra: str = "", hosts: Mapping[str, str] | None = None) -> Path:
        """Write the inventory: every PC by its address, strict host keys, the lab's key."""
        lines = ["all:", "  vars:", f"    ansible_user: {user}", f"    ansible_ssh_private_key_file: {self.lab.key}"]
        lines += [
            f'    ansible_ssh_common_args: "-o UserKnownHostsFile={self.lab.known_hosts}"',
            "    ansible_python_interpreter: /usr/bin/python3",
        ]
        lines += [f"    {NO_DISK_MINIMUM}", *(f"    {line}" for line in extra.splitlines()), "  hosts:"]
        for pc in self.lab:
            lines += [
                f"    {pc.name}:",
                f"      ansible_host: {pc.address}",
                *(f"      {line}" for line in (hosts or {}).get(pc.name, "").splitlines()),
            ]
        path = self.directory / "inventory.yml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def playbook(self, tasks: str, *, hosts: str = "all", head: str = "", name: str = "book") -> Path:
        """Write a playbook of one play; ``tasks`` and ``head`` are YAML indented as at the top level."""
        indent = "\n".join(f"    {line}" for line in tasks.strip("\n").splitlines())
        extra = "".join(f"  {line}\n" for line in head.strip("\n").splitlines() if line)
        path = self.directory / f"{name}.yml"
        path.write_text(f"- name: Play\n  hosts: {hosts}\n  gather_facts: false\n{extra}  tasks:\n{indent}\n")
        return path

    def argv(self, playbook: Path, *options: str, inventory: str = "inventory.yml") -> list[str]:
        """The command line."""
        return [
            str(HOTDESK),
            "play",
            "-i",
            str(self.directory / inventory),
            "--output",
            "json",
            str(playbook),
            *options,
        ]

    def play(self, playbook: Path, *options: str, inventory: str = "inventory.yml", stdin: str = "") -> Done:
        """Run to the end."""
        argv = self.argv(playbook, *options, inventory=inventory)
        done = subprocess.run(
            argv,
            env=self.environment,
            cwd=self.directory,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self.limit,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def allow(self, plan: Path) -> None:
        """Approve in a plan that the PCs meet for the first time; everything else stays as it was decided."""
        plan.write_text(re.sub(r"^  decision: skip$", "  decision: allow", plan.read_text(), flags=re.MULTILINE))

    def approve(self, plan: Path) -> dict[str, Any]:
        """The same, and all that is in it: removals, and what was changed on the target. What the plan says then."""
        document: dict[str, Any] = yaml.safe_load(plan.read_text())
        for host in document.get("topology", []):
            host["decision"] = "allow"
        for step in document["steps"]:
            for section, word in (("removals", "remove"), ("conflicts", "discard")):
                for change in step.get(section, []):
                    change["decision"] = word
        plan.write_text(yaml.safe_dump(document, sort_keys=False))
        return document

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``hotdesk WORDS`` with this inventory, to its end."""
        argv = [str(HOTDESK), words[0], "-i", str(self.directory / "inventory.yml"), *words[1:]]
        return subprocess.run(
            argv,
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.limit,
            check=False,
        )

    def ansible(self, playbook: Path, *options: str) -> tuple[int, str]:
        """The same playbook under ansible-playbook, by this checkout's collection: its exit code and all it said."""
        collections = self.directory / "collections" / "ansible_collections" / "hotdesk"
        if not collections.exists():
            collections.mkdir(parents=True)
            (collections / "sync").symlink_to(Path(__file__).parents[2] / "collection")
        inventory = str(self.directory / "inventory.yml")
        done = subprocess.run(
            [str(HOTDESK.with_name("ansible-playbook")), "-i", inventory, str(playbook), *options],
            env={
                **self.environment,
                "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
                "ANSIBLE_NOCOLOR": "1",
                "PYTHONWARNINGS": "",
                "PYTHONDEVMODE": "",
            },
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.limit,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @contextlib.contextmanager
    def playing(self, playbook: Path, *options: str) -> Iterator[Playing]:
        """Start a run, to be looked at and interrupted. It is killed at the end of the block if it is still there."""
        out, err = self.directory / "stdout", self.directory / "stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                self.argv(playbook, *options),
                env=self.environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            yield Playing(process, out, err)
        except BaseException:
            print(out.read_text(errors="replace")[-3000:], err.read_text(errors="replace")[-3000:], sep="\n")
            raise
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class Playing:
    """A run under way."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def run_id(self) -> str:
        """What its processes carry as HOTDESK_RUN."""
        return Done(0, self.out.read_text(), "").run_id

    def signal(self, signum: int) -> None:
        """Send a signal to the runner's pid alone, not to its group."""
        os.kill(self.process.pid, signum)

    def killed_with(self, *pcs: PC) -> None:
        """It and all that it has on those PCs are killed at one blow: none sees another's end, so nobody clears up."""
        everything = [self.process.pid, *(pid for pc in pcs for pid in pc.marked("HOTDESK_RUN="))]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in everything:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def ended(self, limit: float) -> Done:
        """Wait for its end. Fails when it takes longer than ``limit`` seconds."""
        code = self.process.wait(limit)
        return Done(code, self.out.read_text(errors="surrogateescape"), self.err.read_text(errors="surrogateescape"))


def until(true: Any, limit: float, what: str) -> float:
    """Wait until ``true()``; returns the seconds it took. Fails naming ``what`` after ``limit`` seconds."""
    begin = time.monotonic()
    while not true():
        assert time.monotonic() - begin < limit, f"not within {limit} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - begin


def started(pc: PC, limit: float = 120) -> None:
    """Wait until all is that systemd starts on it."""
    until(lambda: pc.run("systemctl", "is-system-running", check=False) == "running\n", limit, "it is running")


def at_rest(lab: Lab) -> None:
    """Every PC on and connected, with nothing of hotdesk running on it, whatever an earlier test did."""
    for pc in lab:
        if pc.init is None:
            pc.on()
            pc.wait_for_ssh()
        pc.unhang()
        pc.heal()
        pc.delay(0)
        until(lambda pc=pc: not pc.marked("HOTDESK_RUN="), 40, f"{pc.name} is rid of what an earlier test left")
        pc.run("sh", "-c", "rm -rf {0}/history.json {0}/manifests {1}/history.json {1}/manifests".format(*KEPT))


def marked(lab: Lab, text: str) -> dict[str, dict[int, str]]:
    """Processes on each PC whose command line or environment holds ``text``, PCs without any left out."""
    found = {pc.name: pc.marked(text) for pc in lab}
    return {name: processes for name, processes in found.items() if processes}


def local_marked(text: str) -> dict[int, str]:
    """The same on the control node: processes that carry a run's mark and ``text``."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if Path("/proc/self/ns/pid").readlink() != entry.joinpath("ns/pid").readlink():
                continue
            line, environment = entry.joinpath("cmdline").read_bytes(), entry.joinpath("environ").read_bytes()
        except OSError:
            continue
        if b"HOTDESK_RUN=" in environment and text.encode() in line + environment:
            found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")
    return found
