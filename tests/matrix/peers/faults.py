"""What happens to a peer while its work is under way: as in hotdesk's own matrix, by the same names, and as each reaches a peer in life."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from tests.matrix.fault import FORCED, LEASE_OVER, STOP, Fault

if TYPE_CHECKING:
    from tests.matrix.scene import Scene

TIMEOUT = 20
"""Seconds of the task's time limit on the faulted PC: a peer may need some of them to get the work under way at all."""


def interrupt(scene: Scene) -> None:
    """Ctrl-C, as a terminal sends it: to the whole process group. (hotdesk gets it alone, which is harder.)"""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(scene.run.process.pid, signal.SIGINT)


def interrupt_twice(scene: Scene) -> None:
    interrupt(scene)
    time.sleep(0.2)
    if scene.run.process.poll() is None:
        interrupt(scene)


def kill_session(scene: Scene) -> None:
    """The SSH server's processes of the login, as an administrator or the memory killer would end them."""
    scene.faulted.run("pkill", "-9", "-f", f"^sshd: {scene.work.user}", check=False)


def _fault(**known: object) -> Fault:
    return Fault(**{"bound": STOP, "code": 1, "faulted": "failed", "others": "ok", **known})  # type: ignore[arg-type]


PEERS_FAULTS = {
    fault.name: fault
    for fault in (
        _fault(
            name="timeout",
            kind="timeout",
            strike=lambda scene: time.monotonic() + TIMEOUT,
            keywords=f"timeout: \"{{{{ {TIMEOUT} if inventory_hostname == 'FAULTED' else 600 }}}}\"\n",
            one_host=True,
        ),
        _fault(name="SIGINT", kind="signal", strike=interrupt),
        _fault(name="SIGTERM", kind="signal", strike=lambda scene: scene.signal(signal.SIGTERM)),
        _fault(name="SIGINT-twice", kind="signal", strike=interrupt_twice, bound=FORCED),
        _fault(name="kill-9", kind="runner", strike=lambda scene: scene.signal(signal.SIGKILL), bound=LEASE_OVER),
        _fault(
            name="cut",
            kind="network",
            strike=lambda scene: scene.faulted.cut(),
            mend=lambda scene: scene.faulted.heal(),
            bound=LEASE_OVER,
            one_host=True,
        ),
        _fault(name="session-killed", kind="process", strike=kill_session, bound=LEASE_OVER, one_host=True),
    )
}
