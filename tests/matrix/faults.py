"""The faults: the table of all of them, and those of the runner: signals at every moment, limits of a task, its death."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.settings import Settings
from tests.lab.network import SWITCH
from tests.matrix.disk_faults import DISK_FAULTS
from tests.matrix.environment_faults import ENVIRONMENT_FAULTS
from tests.matrix.fault import FORCED, LEASE_OVER, STOP, Fault
from tests.matrix.pc_faults import PC_FAULTS
from tests.matrix.scene import living, living_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.matrix.scene import Scene

__all__ = ["DEFAULT_LEASE", "FAULTS", "FORCED", "Fault"]

# --- signals


def send(*numbers: int, apart: float = 0.0) -> Callable[[Scene], float | None]:
    """Signals to the runner's process alone, one after the other; ``apart`` in seconds."""

    def strike(scene: Scene) -> None:
        for index, number in enumerate(numbers):
            time.sleep(apart if index else 0.0)
            scene.signal(number)

    return strike


def stop(name: str, number: signal.Signals = signal.SIGINT, **others: Any) -> Fault:
    """An orderly stop of the whole run by one signal, at whatever moment ``others`` make of it."""
    fault = Fault(
        name=name, kind="signal", strike=send(number), bound=STOP, code=128 + number, faulted="stopped", others="stopped"
    )  # fmt: skip
    return replace(fault, **others)


def close_terminal(scene: Scene) -> None:
    """The window is closed: the kernel hangs up."""
    assert scene.run.terminal is not None
    scene.run.terminal.close()


# --- moments: the faulted PC is somewhere else than in the work, which the others do meanwhile (strategy: free)

FREE = "strategy: free\n"
SLOW_RATE = "16mbit"
SCRIPT_SIZE = 16 << 20
"""Bytes: eight seconds at that rate."""


def first_on_faulted(task: str) -> str:
    """A task that the faulted PC alone has before the work."""
    return f"- name: Moment\n{task}  when: inventory_hostname == 'FAULTED'\n"


def others_under_way(scene: Scene) -> bool:
    return scene.under_way(scene.others)


def hang_faulted(scene: Scene) -> None:
    """TCP connects there, and no banner ever comes."""
    scene.faulted.hang()


def wake_faulted(scene: Scene) -> None:
    scene.faulted.unhang()


def connecting(scene: Scene) -> bool:
    """To the PC that hangs; all others have done the first task."""
    done = {pc.name for pc in scene.others} <= scene.results("Service").keys()
    return done and any(event["host"] == scene.faulted.name for event in scene.events("Connecting"))


def slow_link(scene: Scene) -> None:
    """A script of many megabytes, and a link that takes seconds for it."""
    line = b"# " + b"x" * 125 + b"\n"
    (scene.directory / "big.sh").write_bytes(b"#!/bin/sh\n" + line * (SCRIPT_SIZE // len(line)))
    _shape(scene, "replace", "tbf", "rate", SLOW_RATE, "burst", "64kb", "latency", "200ms")


def fast_link(scene: Scene) -> None:
    _shape(scene, "del", check=False)


def _shape(scene: Scene, verb: str, *words: str, check: bool = True) -> None:
    argv = ["tc", "-n", SWITCH, "qdisc", verb, "dev", f"p{scene.faulted.number}", "root", *words]
    subprocess.run(argv, check=check, capture_output=True)


def being_sent(scene: Scene) -> bool:
    """A good part of the script has come in."""
    device = Path(f"/proc/{scene.faulted.init}/net/dev").read_text()
    received = int(next(line for line in device.splitlines() if "eth0:" in line).split(":")[1].split()[0])
    return received > SCRIPT_SIZE // 4 and others_under_way(scene)


def waits_for_retry(scene: Scene) -> bool:
    return bool(scene.events("Retrying")) and others_under_way(scene)


def asks(scene: Scene) -> bool:
    return f"{scene.mark}: go on?" in scene.output()


def tests_to_run(scene: Scene) -> None:
    """A test that sleeps on the PC."""
    sleep = scene.written("test -e FOLDER/again || bash -c 'exec -a MARK-verify sleep 600'")
    (scene.directory / "test_slow.py").write_text(f'def test_slow(host):\n    host.run("{sleep}")\n')


def verifies(scene: Scene) -> bool:
    """The test's command runs on a PC."""
    return any("-verify" in line for lines in scene.marked().values() for line in lines.values())


def stop_twice(scene: Scene) -> None:
    """The second signal when the clean-up of the first is under way on every PC."""
    scene.signal(signal.SIGINT)
    scene.until(lambda: scene.everywhere(f"{scene.mark}-always"), STOP, "the clean-up on every PC")
    scene.signal(signal.SIGINT)


# --- limits of a task

TIMEOUT = 4
STALL = 6
"""Seconds; in the next run, which is to succeed on a busy machine too, there is no such limit."""
FULL_LIMIT = 20.0
"""Seconds until the buffers between sender and receiver must be full."""
SETTLED = 1.5
"""Seconds without a byte from the sender after which what lies between it and the receiver counts as full."""


def time_is_up(scene: Scene) -> float:
    """The moment when the faulted PC's task has had its time."""
    scene.until(lambda: scene.started_at(scene.faulted), 5, "the task's start is in the run log")
    return scene.started_at(scene.faulted) + TIMEOUT


def silence(scene: Scene) -> float:
    """The receiver stands still; the moment when the sender has felt that for too long."""
    for lines in living([scene.faulted], [b"rsync --server", b"rsync\0--server"]).values():
        for pid in lines:
            os.kill(pid, signal.SIGSTOP)
    sent, at = sent_to_faulted(scene), time.monotonic()
    deadline = at + FULL_LIMIT
    while time.monotonic() - at < SETTLED and time.monotonic() < deadline:
        time.sleep(0.1)
        if (now := sent_to_faulted(scene)) != sent:
            sent, at = now, time.monotonic()
    return at + STALL


def sent_to_faulted(scene: Scene) -> int:
    """Bytes that the senders to that PC have written, known by its rate."""
    run = f"HOTDESK_RUN={scene.run_id()}".encode()
    everywhere = [living_here(run), *living([scene.source], [run]).values()]
    total = 0
    for pid, line in ((pid, line) for lines in everywhere for pid, line in lines.items()):
        if "rsync" in line and "--bwlimit=2m" in line and "--server" not in line:
            with contextlib.suppress(OSError):  # it has ended
                total += int(Path(f"/proc/{pid}/io").read_text().split()[3])
    return total


# --- the runner


def go_on(scene: Scene) -> None:
    scene.signal(signal.SIGCONT)


FAULTS = (
    stop("SIGINT"),
    stop("SIGTERM", signal.SIGTERM),
    stop("SIGHUP", signal.SIGHUP),
    stop("terminal-closed", signal.SIGHUP, strike=close_terminal, terminal=True),
    stop("SIGINT-twice", strike=send(signal.SIGINT, signal.SIGINT, apart=0.2), bound=FORCED),
    stop("SIGINT-connecting", before=hang_faulted, mend=wake_faulted, ready=connecting, head=FREE),
    stop(
        "SIGINT-sending",
        before=slow_link,
        mend=fast_link,
        unheard=True,
        ready=being_sent,
        head=FREE,
        first=first_on_faulted("  ansible.builtin.script: DIRECTORY/big.sh\n"),
    ),
    stop(
        "SIGINT-retry",
        ready=waits_for_retry,
        head=FREE,
        first=first_on_faulted(
            "  ansible.builtin.command: test -e FOLDER/again\n  register: found\n  until: found.rc == 0\n  retries: 3\n  delay: 600\n"
        ),
    ),
    stop(
        "SIGINT-prompt",
        ready=asks,
        released=True,
        terminal=True,
        faulted="ok",
        others="ok",
        last='- ansible.builtin.pause:\n    prompt: "MARK: go on?"\n',
    ),
    stop(
        "SIGINT-verification",
        before=tests_to_run,
        ready=verifies,
        released=True,
        faulted="ok",
        others="ok",
        head="vars: {hotdesk_verify: test_slow.py}\n",
    ),
    stop(
        "SIGINT-clean-up",
        strike=stop_twice,
        bound=FORCED,
        always="- ansible.builtin.shell: exec -a MARK-always cat GATE\n  args: {executable: /bin/bash}\n",
    ),
    Fault(
        name="timeout",
        kind="timeout",
        strike=time_is_up,
        bound=STOP,
        code=2,
        faulted="failed",
        others="ok",
        one_host=True,
        keywords=f"timeout: \"{{{{ {TIMEOUT} if inventory_hostname == 'FAULTED' and not matrix_again | default(false) else 600 }}}}\"\n",
    ),
    Fault(
        name="stall",
        kind="timeout",
        strike=silence,
        bound=STOP,
        code=2,
        faulted="failed",
        others="ok",
        one_host=True,
        head="vars:\n  hotdesk_stall_timeout: "
        f"\"{{{{ {STALL} if inventory_hostname == 'FAULTED' and not matrix_again | default(false) else 600 }}}}\"\n",
    ),
    Fault(
        name="kill-9",
        kind="runner",
        strike=send(signal.SIGKILL),
        bound=LEASE_OVER,
        code=-signal.SIGKILL,
        faulted="stopped",
        others="stopped",
    ),
    Fault(
        name="runner-frozen",
        kind="runner",
        strike=send(signal.SIGSTOP),
        then=go_on,
        bound=LEASE_OVER,
        code=4,
        faulted="unreachable",
        others="unreachable",
    ),
    *PC_FAULTS,
    *DISK_FAULTS,
    *ENVIRONMENT_FAULTS,
)
"""The table."""
DEFAULT = Settings().lease
DEFAULT_LEASE = tuple(
    replace(fault, name=f"{fault.name}-{DEFAULT:g}s", lease=DEFAULT, bound=DEFAULT + 5.0, sampled=False)
    for fault in FAULTS
    if fault.name in ("kill-9", "runner-frozen", "cut", "cut-from", "hung")
)
"""The same with the lease that a run has when nobody sets it."""
