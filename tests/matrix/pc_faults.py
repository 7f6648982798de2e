"""Faults of one PC and the way to it: a cut link, no power, a freeze, a killed session or agent, no memory."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.lab import Lab
from tests.matrix.fault import LEASE_OVER, STOP, Fault, nothing
from tests.matrix.scene import RUN_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.lab import PC
    from tests.lab.network import Way
    from tests.matrix.scene import Scene
    from tests.matrix.works import Work

FINISH = 60.0
"""Seconds in which work that a fault did not stop is done."""
HEADROOM = 24 << 20
"""Bytes of memory left for a PC that is about to run out of it."""
HOG = "import os; open('/proc/self/oom_score_adj', 'w').write('-500'); x = [bytearray(1 << 20) for _ in range(1 << 10)]"
AGENT = b"\0-I\0-S\0-X\0utf8\0"
"""In the command line of every agent, and of sudo that started one."""


def cut(way: Way) -> Callable[[Scene], None]:
    return lambda scene: scene.faulted.cut(way)


def heal(scene: Scene) -> None:
    scene.faulted.heal()


def cut_for_a_moment(scene: Scene) -> None:
    """For a third of the lease, in the middle of the work; then the work may go on. (TCP tries again after waiting as long again: a link is
    heard at twice that, and a ping comes a quarter of the lease later at the latest.)"""
    scene.faulted.cut()
    time.sleep(scene.lease / 3)
    scene.faulted.heal()
    scene.release([scene.faulted])


def power_off(scene: Scene) -> None:
    scene.faulted.off()


def power_on(scene: Scene) -> None:
    if scene.faulted.init is None:
        scene.faulted.on()
        scene.faulted.wait_for_ssh()


def leaves_packages_half(work: Work) -> str:
    return (
        "without power, or killed, dpkg cannot put its records in order: a limit, see docs/guarantees.md"
        if work.name in ("apt", "dpkg")
        else ""
    )


def hang_until_the_run_is_over(scene: Scene) -> None:
    """It must end without that PC; what is frozen there can end only when it goes on."""
    scene.faulted.hang()
    scene.release(scene.others)
    scene.until(lambda: scene.run.process.poll() is not None, RUN_LIMIT, "the end of the run without the frozen PC")
    scene.faulted.unhang()


def wake(scene: Scene) -> None:
    scene.faulted.unhang()


def kill_session(scene: Scene) -> None:
    """sshd's processes of our connection; the one that listens stays."""
    for pid, line in scene.faulted.processes().items():
        if line.startswith("sshd: ") and "listener" not in line:
            os.kill(pid, signal.SIGKILL)


def agents(pc: PC) -> list[int]:
    """The agents on a PC: no forks of theirs, and not the sudo before one."""
    found = {pid for pid in pc.processes() if _is_agent(pid)}
    return [pid for pid in found if _parent(pid) not in found]


def _is_agent(pid: int) -> bool:
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name
        return program.startswith("python") and AGENT in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill_agents(scene: Scene) -> None:
    for pid in agents(scene.faulted):
        os.kill(pid, signal.SIGKILL)


def kill_agents_and_runner(scene: Scene) -> None:
    """Everything that could end the work in order; the runner has no time to start another agent."""
    scene.signal(signal.SIGSTOP)
    for pc in scene.lab:
        for pid in agents(pc):
            os.kill(pid, signal.SIGKILL)
    scene.signal(signal.SIGKILL)


def takes_more_than_a_kill(work: Work) -> str:
    if work.name == "sudo-inside":
        return "root's processes take an agent or root to be ended: a limit, see docs/guarantees.md"
    return leaves_packages_half(work)


def run_out_of_memory(scene: Scene) -> None:
    """The PC has little left, something there wants much more, and the kernel takes the agents first."""
    pc = scene.faulted
    first = agents(pc)
    for pid in first:
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    pc.limit_memory(str(pc.memory_used() + HEADROOM))
    ssh = ["ssh", "-F", str(Lab.found().ssh_config), f"root@{pc.name}", "python3", "-c", shlex.quote(HOG)]
    subprocess.run(ssh, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=STOP * 4)
    scene.until(lambda: not set(first) & set(pc.processes()), STOP, "the kernel has ended the agents")


def have_memory(scene: Scene) -> None:
    scene.faulted.limit_memory("max")


CUT = Fault(
    name="cut",
    kind="network",
    strike=cut("both"),
    mend=heal,
    bound=LEASE_OVER,
    code=4,
    faulted="unreachable",
    others="ok",
    one_host=True,
)
PC_FAULTS = (
    CUT,
    replace(CUT, name="cut-to", strike=cut("to")),
    replace(CUT, name="cut-from", strike=cut("from")),
    replace(CUT, name="cut-short", strike=cut_for_a_moment, bound=FINISH, code=0, faulted="ok"),
    replace(
        CUT,
        name="power-off",
        kind="power",
        strike=power_off,
        mend=power_on,
        senseless=leaves_packages_half,
        bound=STOP,
        reboots=True,
    ),
    replace(CUT, name="hung", kind="power", strike=hang_until_the_run_is_over, mend=wake, bound=STOP),
    replace(CUT, name="session-killed", kind="process", strike=kill_session, mend=nothing, bound=STOP),
    replace(CUT, name="agent-killed", kind="process", strike=kill_agents, mend=nothing, bound=STOP, followed=True),
    replace(
        CUT,
        name="out-of-memory",
        kind="memory",
        strike=run_out_of_memory,
        mend=have_memory,
        bound=STOP,
        followed=True,
    ),
    Fault(
        name="agents-and-runner-killed",
        kind="runner",
        strike=kill_agents_and_runner,
        bound=LEASE_OVER,
        code=-signal.SIGKILL,
        faulted="stopped",
        others="stopped",
        senseless=takes_more_than_a_kill,
    ),
)
"""Of the scene's faulted PC; the others must finish."""
