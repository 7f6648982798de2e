"""Another user's processes, through ``sudo -n`` where this user may use sudo without a password: found by their marks, and signalled.

A command that a task starts with sudo belongs to root: kill(2) says EPERM, and its environment cannot be read. Its pid and its start
time are checked as root, just before the signal, so that a number that was given to another process meanwhile is never hit.
"""

from __future__ import annotations

import os

from hotdesk.agent import process
from hotdesk.agent.loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from hotdesk.agent.main import Agent
    from hotdesk.agent.proc import Stat

LIMIT = 3.0
"""Seconds that sudo may take; after that it counts as refused."""
PLACES = ("/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin", "/opt/local/bin", "/usr/sbin")
# $1 the signal, then PID:STARTTIME each. The 20th word after the name in /proc/PID/stat is the start time (proc(5)).
SCRIPT = (
    's=$1; shift; born() { shift 19; b=$1; }; for x; do p=${x%:*}; read -r l <"/proc/$p/stat" || continue; '
    'born ${l##*) }; [ "$b" = "${x#*:}" ] && kill -s "$s" "$p"; done; exit 0'
)


# $@ whole variables, all of which the environment of a process that is printed holds (environ: proc(5), words end with NUL).
FIND = 'cd /proc; for p in [0-9]*; do for v; do grep -zqsxF -- "$v" "$p/environ" || continue 2; done; echo "$p"; done; exit 0'


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

        return self._help(SCRIPT, [Signals(number).name[3:], *who], self.agent.null)

    def find(self, marks: list[bytes], done: Callable[[list[int]], None]) -> None:
        """``done(pids)`` of all processes, whoever's they are, whose environment holds all of ``marks``; none when sudo refuses."""
        if self._busy or self.refused:
            done([])
            return
        out, theirs = os.pipe()
        started = self._help(FIND, [os.fsdecode(mark) for mark in marks], theirs)
        os.close(theirs)
        if not started:
            os.close(out)
            done([])
            return
        said = bytearray()

        def over() -> None:
            timer.cancel()
            self.agent.loop.forget(out)
            os.close(out)
            done([int(word) for word in said.split()])

        def heard() -> None:
            data = os.read(out, 1 << 16)
            said.extend(data)
            if not data:
                over()

        timer = self.agent.loop.later(LIMIT, over)
        self.agent.loop.watch(out, READ, heard)

    def _help(self, script: str, words: list[str], out: int) -> bool:
        """Begin to run a script as root."""
        argv = [self._sudo, "-n", "--", "/bin/sh", "-c", script, "sh", *words]
        try:
            self._busy = process.spawn(lambda _: os.execv(argv[0], argv), self.agent.null, out)
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
