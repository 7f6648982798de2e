"""A daemon that starts jobs for others with their environment, as at(1)'s does: what it starts is nobody's descendant but its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.matrix.scene import Scene

PLACE = "/run/jobs"
"""On each PC; one scene at a time is there."""
DAEMON = b'exec 3<>jobs\nwhile read -r job <&3; do env -i /bin/bash "$job" 3<&- & done\n'
START = (
    f"rm -rf {PLACE} && mkdir -m 777 {PLACE} && cd {PLACE} && mkfifo -m 666 jobs && cat >daemon || exit\n"
    "setsid setpriv --reuid ada --regid ada --init-groups bash daemon </dev/null >/dev/null 2>&1 &\n"
    "echo $! >pid\n"
)
HAND_OVER = (
    f"export -p >{PLACE}/job.$$",
    f"echo 'exec -a MARK-elsewhere cat GATE' >>{PLACE}/job.$$",
    f"echo {PLACE}/job.$$ >{PLACE}/jobs",
    "exec -a MARK-main cat GATE",
)
"""Lines of bash: a job for the daemon, as at(1) writes it, and something of our own."""


def prepare(scene: Scene) -> None:
    """It runs as ada on every PC of the work, and nothing of hotdesk or of the scene is in its environment."""
    for pc in scene.hosts:
        pc.run("sh", "-c", START, stdin=DAEMON)


def clean(scene: Scene) -> None:
    for pc in scene.hosts:
        pc.run("sh", "-c", f"kill $(cat {PLACE}/pid); rm -rf {PLACE}", check=False)
