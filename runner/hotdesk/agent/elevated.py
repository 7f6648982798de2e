"""Signals to another user's processes, through ``sudo -n`` where this user may use sudo without a password.

A command that a task starts with sudo belongs to root: kill(2) says EPERM. Its pid and its start time are checked as root, just
before the signal, so that a number that was given to another process meanwhile is never hit.
"""

from __future__ import annotations

import os

from hotdesk.agent import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hotdesk.agent.main import Agent
    from hotdesk.agent.tree import Stat

LIMIT = 3.0
"""Seconds that sudo may take; after that it counts as refused."""
PLACES = ("/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin", "/opt/local/bin", "/usr/sbin")
# $1 the signal, then PID:STARTTIME each. The 20th word after the name in /proc/PID/stat is the start time (proc(5)).
SCRIPT = (
    's=$1; shift; born() { shift 19; b=$1; }; for x; do p=${x%:*}; read -r l <"/proc/$p/stat" || continue; '
    'born ${l##*) }; [ "$b" = "${x#*:}" ] && kill -s "$s" "$p"; done; exit 0'
)


class Elevated:
    """One helper process at a time. ``refused``: sudo is missing, wants a password or does not answer."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.pids: set[int] = set()
        """Our helpers that have not been reaped yet: they belong to no request."""
        self._busy = 0
        found = [place + "/sudo" for place in PLACES if os.access(place + "/sudo", os.X_OK)]
        self._sudo = found[0] if found else ""
        self.refused = not found or os.geteuid() == 0 or not agent.proc
        self._timer: Any = None

    def signal(self, wanted: list[Stat], number: int) -> bool:
        """Begin to send a signal; True when it is under way, False when another one is or sudo refuses."""
        if self._busy or self.refused:
            return False
        who = ["%d:%d" % (stat.pid, stat.born) for stat in wanted]
        from signal import Signals

        argv = [self._sudo, "-n", "--", "/bin/sh", "-c", SCRIPT, "sh", Signals(number).name[3:], *who]
        try:
            self._busy = process.spawn(lambda _: os.execv(argv[0], argv), self.agent.null)
        except OSError:
            self.refused = True
            return False
        self.pids.add(self._busy)
        self._timer = self.agent.loop.later(LIMIT, lambda: self._over(1))
        return True

    def reaped(self, pid: int, status: int) -> None:
        """One of ``pids`` has ended (``status`` as from waitpid)."""
        self.pids.discard(pid)
        if pid == self._busy:
            self._over(status)

    def _over(self, status: int) -> None:
        self._timer.cancel()
        self._busy = 0
        self.refused = self.refused or status != 0
