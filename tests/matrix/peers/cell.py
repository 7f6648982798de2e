"""One cell of a peer: start it, wait until the work is under way, strike, wait, judge from outside, and only then clean up."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.matrix.scene import SERVICE, NotReached, Run, Scene, indented, living, living_here

if TYPE_CHECKING:
    from tests.lab.lab import PC, Lab
    from tests.matrix.faults import Fault
    from tests.matrix.peers.tools import Peer
    from tests.matrix.works import Work

READY = 120.0
"""Seconds until the work must be seen on every PC."""
WATCH = 20.0
"""Seconds after the fault in which processes may still go: more than hotdesk has in any of the same cells of its matrix."""
HUNG = 60.0
"""Seconds after the fault until a peer that has not ended counts as hung."""
LOCAL = "HOTDESK_MATRIX_PEER"
"""The environment variable by which a peer's processes on the control node are known."""


class PeerScene(Scene):
    """The same scene, with a peer in hotdesk's place."""

    def __init__(self, lab: Lab, directory: Path, work: Work, fault: Fault, peer: Peer) -> None:
        super().__init__(lab, directory, work, fault)
        self.peer = peer
        self.judged: list[PC] = [self.faulted] if fault.one_host else self.hosts
        self._before = self._everything()

    def prepare(self) -> None:
        """Without the service of a finished task, which is not judged here."""
        super().prepare()
        book = self.directory / "matrix.yml"
        book.write_text(book.read_text().replace(self.written(indented(SERVICE, 4)), ""))

    def start(self, *options: str) -> Run:
        argv, added = self.peer.start(self)
        home = {"HOME": str(self.directory / "home"), "PYTHONUNBUFFERED": "1", LOCAL: self.mark}
        with (self.directory / "output").open("wb") as output:
            process = subprocess.Popen(
                [*argv, *options], env={**os.environ, **home, **added}, cwd=self.directory, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._run = Run(process, None)
        return self._run

    def output(self) -> str:
        return (self.directory / "output").read_text(errors="replace")

    def services(self) -> list[str]:
        """Those of hotdesk's cells are not started here: nobody shall miss them."""
        return [pc.name for pc in self.hosts]

    def left(self) -> dict[str, list[str]]:
        """The work's processes on the judged PCs: those with the mark, and for a copy, which has none, whatever the peer runs there."""
        if not self.work.signs:
            return self.besides()
        return {name: [*lines.values()] for name, lines in self.marked(self.judged).items()}

    def besides(self) -> dict[str, list[str]]:
        """What else is there and was not before; the SSH server's own processes are not counted."""
        found = {}
        for name, lines in self._everything().items():
            fresh = {pid: line for pid, line in lines.items() if pid not in self._before[name]}
            kept = [line for line in fresh.values() if self.mark not in line and not line.startswith("sshd:")]
            if kept and name in {pc.name for pc in self.judged}:
                found[name] = kept
        return found

    def here(self) -> list[str]:
        """What the peer runs on the control node; OpenSSH's shared connections, which are to stay for a minute, are not counted."""
        lines = living_here(f"{LOCAL}={self.mark}".encode()).values()
        return [line for line in lines if not line.startswith("ssh: ") and "[mux]" not in line]

    def clean(self) -> None:
        here = living_here(f"{LOCAL}={self.mark}".encode())
        there = {pid for name, lines in self._everything().items() for pid in lines if pid not in self._before[name]}
        for pid in [*here, *there]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pc in self.lab:
            pc.heal()
        super().clean()

    def _everything(self) -> dict[str, dict[int, str]]:
        return {pc.name: {} for pc in self.lab} | living(self.lab, (b"",))


@dataclass(slots=True)
class Verdict:
    """What was seen in one cell; ``ended`` and ``gone`` are seconds from the fault."""

    peer: str
    fault: str
    work: str
    faulted: str
    """The PC that a fault of one host hits."""
    judged: bool = False
    """False: the work never got under way, the cell says nothing."""
    exit: int | None = None
    """The peer's exit code; None: it hung."""
    ended: float | None = None
    said: dict[str, str] = field(default_factory=dict)
    """What it said of each host."""
    left: int = 0
    """Processes of the work on the judged PCs."""
    gone: float | None = None
    """When the last of them had gone."""
    files: list[str] = field(default_factory=list)
    """Files that are neither old nor new, and parts that stay."""
    detail: dict[str, Any] = field(default_factory=dict)
    """The processes by PC, what else was left there and here, and the end of the output."""


def play_out(peer: Peer, fault: Fault, work: Work, lab: Lab) -> dict[str, Any]:
    """One cell on three PCs; nothing of it is left there afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="hotdesk-peers-"))
    directory.chmod(0o755)
    scene = PeerScene(lab, directory, work, fault, peer)
    verdict = Verdict(peer.name, fault.name, work.name, scene.faulted.name)
    try:
        scene.prepare()
        scene.start()
        scene.until(lambda: scene.under_way() or scene.run.process.poll() is not None, READY, "the work is under way")
        if scene.run.process.poll() is None:
            _judge(scene, verdict)
    except NotReached:
        pass
    finally:
        output = scene.output()
        verdict.said = {pc.name: peer.said(output, pc.name) for pc in scene.hosts}
        verdict.detail["output"] = output[-5000:]
        scene.clean()
        shutil.rmtree(directory)
    return asdict(verdict)


def _judge(scene: PeerScene, verdict: Verdict) -> None:
    verdict.judged = True
    moment = scene.fault.strike(scene) or time.monotonic()
    if scene.fault.one_host:
        scene.release(scene.others)
    while True:
        now = max(0.0, time.monotonic() - moment)
        left = scene.left()
        verdict.gone = None if left else now if verdict.gone is None else verdict.gone
        if verdict.ended is None and scene.run.process.poll() is not None:
            verdict.exit, verdict.ended = scene.run.process.returncode, now
        if now > WATCH and scene.fault.kind == "network":
            scene.fault.mend(scene)
        if (verdict.ended is not None or now > HUNG) and (verdict.gone is not None or now > WATCH):
            break
        time.sleep(0.2 if now < 5 else 1.0)
    verdict.left = sum(map(len, left.values()))
    verdict.files = [*scene.work.after(scene)] if not scene.work.signs else []
    verdict.detail = {"left": left, "besides": scene.besides(), "here": scene.here()}
