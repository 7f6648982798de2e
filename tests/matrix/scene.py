"""One run on three PCs with one kind of work under way, as seen and steered from outside.

Nothing here asks hotdesk how it is: processes are found in /proc by their mark, files and locks are looked at as root inside the PC.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.lab.running import Desk
from tests.matrix.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.lab.lab import PC, Lab
    from tests.matrix.faults import Fault
    from tests.matrix.works import Work

LEASE = 5.0
"""Seconds of ``hotdesk_lease`` in the matrix, unless the fault says otherwise."""
READY_LIMIT = 60.0
"""Seconds until the work must be well under way."""
RUN_LIMIT = 120.0
"""Seconds after which a run counts as hung."""
SERVICE = """\
- name: Service
  ansible.builtin.shell: setsid bash -c 'exec -a MARK-service sleep 3600' >/dev/null 2>&1 &
  args: {executable: /bin/bash}
"""
LOCK = "hotdesk-sync.lock"


class NotReached(Exception):
    """The moment for the fault, or the end of a run, did not come: the cell shows nothing."""


@dataclass(slots=True)
class Run:
    """A run of the command line under way, its output on a terminal of its own or in files."""

    process: subprocess.Popen[bytes]
    terminal: Terminal | None

    def ended(self, limit: float = RUN_LIMIT) -> int:
        """Its exit code (as subprocess tells it: -9 for a KILL)."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise NotReached(f"the run had not ended after {limit:g} s") from None

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.terminal is not None:
            self.terminal.close()


class Scene:
    """Three PCs, an inventory of them, a mark that is in every process of the work, and a gate on each PC that holds the work.

    The gate is a fifo at ``gate``: what reads it waits. ``release`` lets the readers of one PC go on, and all that come later.
    ``source`` is the PC that transfers come from, ``faulted`` the one that a fault of one host strikes.
    """

    def __init__(self, lab: Lab, directory: Path, work: Work, fault: Fault) -> None:
        self.lab, self.directory, self.work, self.fault = lab, directory, work, fault
        self.source, self.faulted, self.other = lab
        self.mark = f"hd{secrets.token_hex(5)}"
        self.folder = f"/run/{self.mark}"
        self.gate = f"{self.folder}/gate"
        self.lease = fault.lease or LEASE
        self.desk = Desk(lab, directory)
        self.desk.environment["HOTDESK_LEASE"] = f"{self.lease:g}"  # of this machine's own agent too
        self.desk.environment["HOTDESK_LOCKS"] = str(
            directory
        )  # this machine's own lock: several scenes stand side by side
        self.struck = 0.0
        self._run: Run | None = None
        self._seen: set[str] = set()
        self._logs: list[Path] = []

    # --- who takes part

    @property
    def hosts(self) -> list[PC]:
        """The PCs that the work is done on."""
        return [self.faulted, self.other] if self.work.transfers else list(self.lab)

    @property
    def others(self) -> list[PC]:
        """Those of them that a fault of one host does not concern."""
        return [pc for pc in self.hosts if pc is not self.faulted]

    # --- before the run

    def prepare(self) -> None:
        """Gates closed, files as the work and the fault want them, inventory and playbook written."""
        for pc in self.lab:
            pc.run("sh", "-c", f"mkdir -m 755 {self.folder} && mkfifo -m 644 {self.gate}")
        self.work.prepare(self)
        slow, soon = ("2m", "6m") if self.fault.one_host else ("1m", "1m")
        rates = {pc.name: f"matrix_rate: {slow if pc is self.faulted else soon}" for pc in self.lab}
        self.desk.inventory(self.work.user, f"hotdesk_source: {self.source.name}", rates)
        (self.directory / "sudo").write_text("bob-pw\n")
        self._add_aliases()
        self.fault.before(self)
        self._book = self.directory / "matrix.yml"
        self._book.write_text(self._playbook())

    def _aliases(self) -> dict[str, PC]:
        return {f"{pc.name}-{number}": pc for number in range(self.fault.aliases) for pc in self.hosts}

    def _add_aliases(self) -> None:
        with (self.directory / "inventory.yml").open("a") as inventory:
            for name, pc in self._aliases().items():
                inventory.write(f"    {name}:\n      ansible_host: {pc.address}\n")

    def _playbook(self) -> str:
        names = [*(pc.name for pc in self.hosts), *self._aliases()]
        head = f"- name: Matrix\n  hosts: {','.join(names)}\n  gather_facts: false\n"
        head += f"  become: {str(self.work.become).lower()}\n{indented(self.fault.head, 2)}"
        work = f"- name: Work\n{indented(self.work.task + self.fault.keywords, 2)}"
        if self.fault.always:
            work = f"- block:\n{indented(work, 4)}  always:\n{indented(self.fault.always, 4)}"
        tasks = SERVICE + self.fault.first + work + self.fault.last
        return self.written(f"{head}  tasks:\n{indented(tasks, 4)}")

    def written(self, text: str) -> str:
        """A text of a work or fault with this scene's names in it."""
        for word, value in (
            ("MARK", self.mark),
            ("GATE", self.gate),
            ("FOLDER", self.folder),
            ("FAULTED", self.faulted.name),
        ):
            text = text.replace(word, value)
        return text.replace("DIRECTORY", str(self.directory))

    # --- the run

    def start(self, *options: str) -> Run:
        """Start ``hotdesk play``, on a terminal if the fault wants one."""
        self._logs.append(self.directory / f"run-{len(self._logs)}")
        self.desk.environment["XDG_STATE_HOME"] = str(self._logs[-1])
        if self.work.user == "bob":
            options = (*options, "--become-password-file", str(self.directory / "sudo"))
        argv = self.desk.argv(self._book, *options)
        if not self._log_is_lost():
            argv = [word for word in argv if word not in ("--output", "json")]
        if self.fault.terminal and len(self._logs) == 1:
            terminal = Terminal()
            process = terminal.start(argv, self.desk.environment, self.directory)
            self._run = Run(process, terminal)
        else:
            with (self.directory / f"output-{len(self._logs)}").open("wb") as output:
                process = subprocess.Popen(
                    argv, env=self.desk.environment, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=output, start_new_session=True,
                )  # fmt: skip
            self._run = Run(process, None)
        return self._run

    @property
    def run(self) -> Run:
        assert self._run is not None
        return self._run

    def signal(self, number: int) -> None:
        """Send a signal to the runner alone."""
        os.kill(self.run.process.pid, number)

    def output(self) -> str:
        """What the latest run has printed."""
        if self.run.terminal is not None:
            return self.run.terminal.text()
        return (self.directory / f"output-{len(self._logs)}").read_text(errors="replace")

    # --- the run log

    def _log_is_lost(self) -> bool:
        return self.fault.log_is_lost and len(self._logs) == 1

    def log_text(self) -> str:
        """The latest run's log so far; what it printed instead where the log is to be lost."""
        if self._log_is_lost():
            return "".join(line for line in self.output().splitlines(keepends=True) if line.startswith("{"))
        found = sorted(self._logs[-1].glob("hotdesk/runs/*.jsonl"))
        return found[-1].read_text() if found else ""

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Its events, of one kind or all. Raises ValueError when a line is no JSON."""
        text = self.log_text()
        lines = text[: text.rfind("\n") + 1].splitlines()  # the last line may be in the middle of being written
        found = [json.loads(line) for line in lines]
        return [event for event in found if not kind or event["event"] == kind]

    def results(self, task: str = "Work") -> Mapping[str, dict[str, Any]]:
        """Host name -> the final result of a task there; hosts without one left out."""
        tasks = {event["task"] for event in self.events("TaskStarted") if event["name"] == task}
        return {event["host"]: event["result"] for event in self.events("TaskFinished") if event["task"] in tasks}

    def started_at(self, pc: PC) -> float:
        """When the work began on a PC, by the run log, on the clock of ``time.monotonic``; 0.0 before that."""
        tasks = {event["task"] for event in self.events("TaskStarted") if event["name"] == "Work"}
        for event in self.events("HostStarted"):
            if event["host"] == pc.name and event["task"] in tasks:
                return time.monotonic() - time.time() + datetime.fromisoformat(event["time"]).timestamp()
        return 0.0

    def run_id(self) -> str:
        """What the latest run's processes carry as HOTDESK_RUN."""
        return next((str(event["run"]) for event in self.events("RunStarted")), "no run")

    # --- seen from outside

    def until(self, true: Callable[[], object], limit: float, what: str) -> None:
        """Wait until ``true()``. Raises NotReached; also when the run ends meanwhile and what was waited for never came."""
        deadline = time.monotonic() + limit
        while not true():
            if time.monotonic() > deadline:
                raise NotReached(f"not within {limit:g} s: {what}")
            if self.run.process.poll() is not None and not true():
                raise NotReached(f"the run has ended ({self.run.process.returncode}) before: {what}")
            time.sleep(0.05)

    def marked(self, pcs: Iterable[PC] = (), *, agents: bool = True) -> dict[str, dict[int, str]]:
        """PC -> processes of the work and of hotdesk there (pid -> command line), services of finished tasks left out."""
        found = living(
            [*pcs] or list(self.lab), (self.mark.encode(), b"HOTDESK_RUN=") if agents else (self.mark.encode(),)
        )
        return without_services(found, f"{self.mark}-service")

    def marked_here(self) -> dict[int, str]:
        """The processes of this run on the control node."""
        return living_here(f"HOTDESK_RUN={self.run_id()}".encode())

    def under_way(self, pcs: Sequence[PC] = ()) -> bool:
        """Every sign of the work has been seen on each of the PCs (a quick one may have finished when a slow one begins)."""
        signs = [self.written(sign) for sign in self.work.signs]
        pcs = pcs or self.hosts
        found, served = living(pcs, (self.mark.encode(),)), set(self.services())
        for pc in pcs:
            lines = found.get(pc.name, {}).values()
            there = pc.name in served and all(any(sign in line for line in lines) for sign in signs)
            if there and self.work.begun(self, pc):
                self._seen.add(pc.name)
        return {pc.name for pc in pcs} <= self._seen

    def everywhere(self, word: str) -> bool:
        """A process with ``word`` in its command line is on each of the work's PCs."""
        found = living(self.hosts, (word.encode(),))
        return all(any(word in line for line in found.get(pc.name, {}).values()) for pc in self.hosts)

    def services(self) -> list[str]:
        """The PCs on which the finished task's service lives."""
        found = living(self.hosts, (f"{self.mark}-service".encode(),))
        return [name for name, lines in found.items() if any(line.startswith(self.mark) for line in lines.values())]

    def locked(self) -> list[str]:
        """Where the lock of a sync is held: PCs that are on, and "here"."""
        held = []
        for pc in self.lab:
            if pc.init is not None:
                text = pc.run(
                    "sh", "-c", f"cd /run/lock && test -e {LOCK} && ! flock -n {LOCK} true && echo held; true"
                )
                held += [pc.name] if "held" in text else []
        here = self.directory / LOCK
        if here.exists() and subprocess.run(["flock", "-n", str(here), "true"], check=False).returncode:
            held.append("here")
        return held

    # --- steering

    def release(self, pcs: Iterable[PC]) -> None:
        """Open the gate of these PCs: what waits goes on, what comes later does not wait."""
        for pc in pcs:
            pc.run(
                "sh",
                "-c",
                f"mkdir -p -m 755 {self.folder}; cd {self.folder}; mv gate was 2>/dev/null; : >gate; chmod 644 gate",
            )
            with contextlib.suppress(OSError):  # nobody waits
                os.close(os.open(f"/proc/{pc.init}/root{self.folder}/was", os.O_WRONLY | os.O_NONBLOCK))

    def clean(self) -> None:
        """After everything has been judged: nothing of this scene stays on the PCs."""
        if self._run is not None:
            self._run.close()
        self.fault.mend(self)
        self.fault.restore(self)
        self.work.clean(self)
        for pc in self.lab:
            for pid in living([pc], (self.mark.encode(), b"HOTDESK_RUN=")).get(pc.name, {}):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            pc.run("rm", "-rf", self.folder)


def indented(text: str, by: int) -> str:
    """``text`` with every line moved right."""
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def living(pcs: Iterable[PC], words: Sequence[bytes]) -> dict[str, dict[int, str]]:
    """PC -> its processes (host pid -> command line) with one of ``words`` in command line or environment; one look at /proc."""
    names = {pc.namespace: pc.name for pc in pcs if pc.init is not None}
    found: dict[str, dict[int, str]] = {}
    for pid, space, line, environment in _processes():
        name = names.get(space)
        if name is not None and any(word in line or word in environment for word in words):
            found.setdefault(name, {})[pid] = _shown(line)
    return found


def living_here(variable: bytes) -> dict[int, str]:
    """The control node's processes with ``variable`` in their environment."""
    own = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    return {
        pid: _shown(line) for pid, space, line, environment in _processes() if space == own and variable in environment
    }


def without_services(found: dict[str, dict[int, str]], service: str) -> dict[str, dict[int, str]]:
    kept = {name: {pid: line for pid, line in lines.items() if service not in line} for name, lines in found.items()}
    return {name: lines for name, lines in kept.items() if lines}


def _processes() -> Iterable[tuple[int, str, bytes, bytes]]:
    """(pid, pid namespace, command line, environment) of everything on this machine that is no zombie."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - hundreds of entries, several times a second
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:  # noqa: PTH123
                line = file.read()
            if not line:  # a kernel thread or a zombie
                continue
            with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                environment = file.read()
            yield int(name), os.readlink(f"/proc/{name}/ns/pid"), line, environment  # noqa: PTH115
        except OSError:
            continue


def _shown(line: bytes) -> str:
    return line.replace(b"\0", b" ").decode(errors="replace").strip()
