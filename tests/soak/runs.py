"""Runs of the soak: in the long-lived process or by themselves, with a fault, and the PCs brought to rest afterwards."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.lab.running import Desk, at_rest, local_marked, marked
from tests.soak.faults import FATAL, FAULTS, LEASE
from tests.soak.stock import Stock, paths_in, paths_on
from tests.soak.work import FAILS, WORK, materials

if TYPE_CHECKING:
    import random
    from types import TracebackType

    from tests.lab.lab import PC, Lab

ROOT = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds after which a run counts as hung."""
LATEST = 4.0
"""Seconds into a run at which a fault begins at the latest."""
ALL = {**FAULTS, **FATAL}
ONE_HEAP = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(256 << 10)}
"""For the long-lived process: else glibc gives each thread a heap and puts ever larger blocks on it (mallopt(3)), and the holes between what lives
grow to 10 MiB in an hour while what is in use stays the same. So the memory of the process is what it holds."""


class Hung(Exception):
    """A run did not end."""


class Runs:
    """A context manager: the long-lived process, and the directory that all runs share."""

    def __init__(self, lab: Lab, directory: Path, dice: random.Random) -> None:
        self.lab, self.dice = lab, dice
        self.desk = Desk(lab, directory)
        self.desk.inventory(extra=f"hotdesk_lease: {LEASE:g}")
        (directory / "tmp").mkdir()
        materials(directory)
        for name, tasks in WORK.items():
            self.desk.playbook(tasks, name=name)
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        self.environment = {**self.desk.environment, "TMPDIR": str(directory / "tmp"), "PYTHONPATH": path}
        self.wrong: list[str] = []
        self._codes: Counter[int] = Counter()
        self._held: dict[str, int] = {}
        self._alone: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._errors = (self.desk.directory / "resident.err").open("wb")
        self._resident = self._started(["tests.soak.resident"], ONE_HEAP, stdout=subprocess.PIPE, stderr=self._errors)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resident.kill()
        self._resident.communicate()
        self._errors.close()

    def do(self, work: str, fault: str, *, resident: bool) -> None:
        """One run and its fault; afterwards nothing of it may be left, and its exit code must be one that fits."""
        pc = self.dice.choice(list(self.lab))
        answer = self._in_resident(work, fault, pc) if resident else self._alone_run(work, fault, pc)
        self._codes[answer["code"]] += 1
        allowed = ALL[fault].codes
        if work in FAILS:
            allowed = frozenset({2}) if fault == "nothing" else allowed | {2}
        if answer["code"] not in allowed:
            self.wrong.append(f"{work} with {fault} on {pc.name}: exit code {answer['code']}: {answer.get('said', '')}")
        try:
            at_rest(self.lab)
        except AssertionError as exc:
            self.wrong.append(f"{work} with {fault} on {pc.name}: {exc}: {marked(self.lab, 'HOTDESK_RUN=')}")

    def stock(self) -> Stock:
        """What there is now."""
        directory = self.desk.directory
        local = set().union(*(paths_in(directory / name) for name in ("home", "state", "tmp")))
        logs = {path for path in local if path.endswith(".jsonl")}
        return Stock(
            resident=self._held,
            alone=dict(self._alone),
            processes=sum(len(pc.processes()) for pc in self.lab),
            marked=len(marked(self.lab, "HOTDESK_RUN=")) + len(local_marked(str(directory))),
            remote=frozenset().union(*(paths_on(pc) for pc in self.lab)),
            local=frozenset(local - logs),
            logs=len(logs),
        )

    def told(self) -> str:
        """How many runs there were, by exit code."""
        codes = ", ".join(f"{times} of {code}" for code, times in sorted(self._codes.items()))
        return f"{self._codes.total()} runs ({codes}), {len(self.wrong)} wrong"

    def _in_resident(self, work: str, fault: str, pc: PC) -> dict[str, Any]:
        job = {"inventory": str(self.desk.directory / "inventory.yml"), "playbook": str(self._playbook(work))}
        assert self._resident.stdin is not None
        self._resident.stdin.write(json.dumps(job).encode() + b"\n")
        self._resident.stdin.flush()
        self._disturb(self._resident.pid, fault, pc)
        answer: dict[str, Any] = json.loads(self._line())
        self._held = {name: answer[name] for name in ("descriptors", "tasks", "threads", "objects", "memory")}
        return {"code": answer["code"], "said": "; ".join(answer["told"])[-4000:]}

    def _line(self) -> bytes:
        stream = self._resident.stdout
        assert stream is not None
        if not select.select([stream], [], [], LIMIT)[0]:
            raise Hung(f"the long-lived process gave no answer within {LIMIT:g} s")
        line = stream.readline()
        if not line:
            said = (self.desk.directory / "resident.err").read_text(errors="replace")[-2000:]
            raise Hung(f"the long-lived process has ended with {self._resident.wait()}: {said}")
        return line

    def _alone_run(self, work: str, fault: str, pc: PC) -> dict[str, Any]:
        report, output = self.desk.directory / "report.json", self.desk.directory / "output"
        report.unlink(missing_ok=True)
        words = self.desk.argv(self._playbook(work))[1:]
        with output.open("wb") as stream:
            process = self._started(["tests.load.measured", str(report), *words], {}, stdout=stream, stderr=stream)
        try:
            self._disturb(process.pid, fault, pc)
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise Hung(f"{work} with {fault} on {pc.name} did not end within {LIMIT:g} s") from None
        finally:
            process.kill()
            process.communicate()
        if fault == "nothing":
            self._alone[work] = json.loads(report.read_text())["memory"]
        said = output.read_text(errors="replace")
        if code == 1 and '"event"' not in said and said.endswith("KeyboardInterrupt\n"):
            code = -signal.SIGINT  # Python itself was still starting
        return {"code": code, "said": "\n".join(filter(_tells, said.splitlines()))[-4000:] or said[-1000:]}

    def _playbook(self, work: str) -> Path:
        return self.desk.directory / f"{work}.yml"

    def _disturb(self, pid: int, fault: str, pc: PC) -> None:
        if fault != "nothing":
            time.sleep(self.dice.uniform(0.1, LATEST))
            ALL[fault].do(pid, pc, self.dice)

    def _started(self, module: list[str], extra: dict[str, str], **streams: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", *module],
            env=self.environment | extra, cwd=self.desk.directory, stdin=subprocess.PIPE, start_new_session=True, **streams,
        )  # fmt: skip


def _tells(line: str) -> bool:
    """Is it no event, or one of something that did not go well?"""
    return not line.startswith('{"event"') or '"failed": true' in line or '"unreachable": true' in line
