"""Which fault meets which work, and the judge of what is left: from outside only, and before anything is put away."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.matrix.fault import STOP
from tests.matrix.faults import DEFAULT_LEASE, FAULTS, Fault
from tests.matrix.scene import READY_LIMIT, RUN_LIMIT, NotReached, Scene
from tests.matrix.works import WORKS, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab


@dataclass(frozen=True, slots=True)
class Cell:
    """A fault that strikes a kind of work."""

    fault: Fault
    work: Work

    @property
    def name(self) -> str:
        return f"{self.fault.name}/{self.work.name}"

    @property
    def senseless(self) -> str:
        """Why there is no such cell; empty when there is one."""
        fault, work = self.fault, self.work
        if fault.name.startswith("stall") and not work.transfers:
            return "a command may be silent as long as its timeout: allows; hotdesk_stall_timeout is of transfers"
        if fault.released and work.name not in ACCOUNTS:
            return "the work is finished when the fault comes: one kind of each account shows it"
        if fault.lease and work.name != "term-ignoring":
            return "the default lease is proven with one kind of work; the matrix's own lease with all"
        if work.name == "dpkg" and fault.name not in ALONE:
            return "apt shows what becomes of packages; here dpkg has nobody above it who outlives the agent"
        if work.name == "elsewhere" and fault.name not in LOOKED_FOR:
            return "it is found by its mark, whatever the fault: one of each way to come to that look shows it"
        return fault.senseless(work)


ACCOUNTS = ("command", "sudo", "sudo-password", "root-login")
LOOKED_FOR = ("SIGINT", "SIGINT-twice", "timeout", "kill-9", "cut", "agent-killed", "agents-and-runner-killed")
ALONE = ("SIGINT", "timeout", "agent-killed", "out-of-memory")
CELLS = tuple(Cell(fault, work) for fault in FAULTS + DEFAULT_LEASE for work in WORKS)


def cells() -> list[Cell]:
    """Those that make sense."""
    return [cell for cell in CELLS if not cell.senseless]


def sample() -> list[Cell]:
    """Every fault with one kind of work and every kind of work with one fault at least: each takes the partner least used so far."""
    there = [cell for cell in cells() if cell.fault.sampled]
    chosen: list[Cell] = []
    for side in (FAULTS, WORKS):
        for each in side:
            possible = [cell for cell in there if each in (cell.fault, cell.work)]
            if possible and not any(each in (cell.fault, cell.work) for cell in chosen):
                chosen.append(min(possible, key=lambda cell: _uses(cell, chosen)))
    return chosen


def _uses(cell: Cell, chosen: list[Cell]) -> int:
    return sum((cell.fault is other.fault) + (cell.work is other.work) for other in chosen)


@dataclass(slots=True)
class Outcome:
    """What one round of a cell showed. ``seconds``: from the fault until nothing was left."""

    cell: Cell
    seconds: float = 0.0
    code: int | None = None
    problems: list[str] = field(default_factory=list)
    shown: str = ""
    """The end of what the run printed."""

    @property
    def ok(self) -> bool:
        return not self.problems


def play_out(cell: Cell, lab: Lab, *, slack: float = 1.0) -> Outcome:
    """One round on three PCs, from preparing it to the next run; nothing of it is left there afterwards.

    ``slack``: how many times the bound it may take, on a machine that has other things to do.
    """
    directory = Path(tempfile.mkdtemp(prefix="hotdesk-matrix-"))
    scene = Scene(lab, directory, cell.work, cell.fault)
    outcome = Outcome(cell)
    try:
        scene.prepare()
        if cell.fault.released:
            scene.release(scene.hosts)
        scene.start()
        scene.until(lambda: cell.fault.ready(scene), READY_LIMIT, "the moment for the fault")
        _strike(scene, outcome, cell.fault.bound * slack)
        outcome.problems += _problems(scene, outcome)
        outcome.shown = scene.output()[-2000:]
        cell.fault.mend(scene)
        _next_run(scene, outcome)
    except NotReached as exc:
        outcome.problems.append(str(exc))
        outcome.shown = outcome.shown or (scene.output() if scene._run else "")[-2000:]
    finally:
        scene.clean()
        shutil.rmtree(directory)
    return outcome


def _strike(scene: Scene, outcome: Outcome, bound: float) -> None:
    """The fault, the wait until nothing is left (``bound`` seconds at most), and the end of the run."""
    fault = scene.fault
    pcs = [scene.faulted] if fault.one_host else list(scene.lab)
    begin = fault.strike(scene) or time.monotonic()
    if fault.one_host:
        scene.release(scene.others)
    ends_with_run = fault.stops
    connected = fault.kind == "timeout"  # the agent stays, for the next task
    while True:
        ended = scene.run.process.poll() is not None
        left = scene.marked(pcs, agents=not connected) or (not fault.one_host and scene.marked_here())
        if not left:
            break
        if ends_with_run and ended and not (fault.unheard and left.keys() <= {scene.faulted.name}):
            outcome.problems.append(f"the run has ended and these have not: {left}")
            break
        if time.monotonic() - begin > bound:
            outcome.problems.append(f"left after {bound:g} s: {left}")
            break
        time.sleep(0.05)
    outcome.seconds = max(0.0, time.monotonic() - begin)
    fault.then(scene)
    outcome.code = scene.run.ended(RUN_LIMIT)
    if ends_with_run:
        outcome.seconds = time.monotonic() - begin
    if outcome.seconds > bound and not outcome.problems:
        outcome.problems.append(f"it took {outcome.seconds:.1f} s until all was gone; {bound:g} s are allowed")


def _problems(scene: Scene, outcome: Outcome) -> Iterator[str]:
    """Everything that is not as it must be once the run has ended."""
    fault, work = scene.fault, scene.work
    if outcome.code != fault.code:
        yield f"exit code {outcome.code}, not {fault.code}"
    if left := scene.marked(scene.hosts if fault.one_host else ()) or scene.marked_here():
        yield f"left after the run: {left}"
    lost = {name: result for name, result in scene.results("Service").items() if result.get("unreachable")}
    results = {**lost, **scene.results()}
    for pc in scene.hosts:
        wanted = fault.faulted if pc is scene.faulted else fault.others
        if (found := status(results.get(pc.name))) != wanted:
            yield f"{pc.name} is {found}, not {wanted}"
    if held := scene.locked():
        yield f"locks are held: {', '.join(held)}"
    yield from work.after(scene)
    rebooted = {scene.faulted.name} if fault.reboots else set()
    done = {name for name, result in scene.results("Service").items() if not result.get("failed")} - lost.keys()
    served = done & {pc.name for pc in scene.hosts}
    if dead := sorted(served - set(scene.services()) - rebooted):
        yield f"the service of a finished task is dead on {', '.join(dead)}"
    if fault.says and fault.says not in scene.output():
        yield f"the run does not say: {fault.says}"
    if not fault.log_is_lost:
        yield from _log_problems(scene)


def _log_problems(scene: Scene) -> Iterator[str]:
    """The run log must be whole: killed or not, every line of it is a record, and a run that was not killed says its end."""
    try:
        kinds = [event["event"] for event in scene.events()]
    except ValueError as exc:
        yield f"the run log has a line that is no record: {exc}"
        return
    if scene.fault.code >= 0 and "RunFinished" not in kinds[-1:]:
        yield f"the run log ends with {kinds[-1:]}"
    if scene.fault.stops and "InterruptedRun" not in kinds:
        yield "the run log does not say that the run was interrupted"


def _next_run(scene: Scene, outcome: Outcome) -> None:
    """With the gates open and nothing else done, the same playbook must succeed and finish the work."""
    scene.release(scene.lab)
    for pc in scene.lab:
        pc.run("touch", f"{scene.folder}/again")
    code = scene.start("-e", '{"matrix_rate": 0, "matrix_again": true}').ended(RUN_LIMIT)
    if code:
        outcome.problems.append(f"the next run ended with {code}")
        outcome.shown = scene.output()[-3000:]
    outcome.problems += scene.work.done(scene)
    # What its finished task left behind in the background ends by itself: its gate is open.
    deadline = time.monotonic() + STOP
    while (left := scene.marked() or scene.marked_here()) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        outcome.problems.append(f"left after the next run: {left}")
    if held := scene.locked():
        outcome.problems.append(f"locks are held after the next run: {', '.join(held)}")


def status(result: dict[str, object] | None) -> str:
    """What a host's final result of a task says."""
    if result is None:
        return "stopped"
    if result.get("unreachable"):
        return "unreachable"
    return "failed" if result.get("failed") else "ok"
