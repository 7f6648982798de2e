"""What ends an agent's work when the agent itself was killed and nobody else ends it.

The agent that comes next, started by the runner, does that best: TERM first, and dpkg is let finish its records. A shell beside the agent
sees the agent's end as the end of its stdin, waits as long as that may take, and kills what is left then. The kernel could kill a command
at once (PR_SET_PDEATHSIG, prctl(2)). But that is an end without order, the command must run code of ours that asks for it (one that is
spawned, at half the price of a fork, runs none), and the kernel forgets it for whoever changes its user, as apt-get does.

What is under way the agent notes in memory that the two share (memfd_create(2)).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without its enums
import os

from hotdesk.agent import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hotdesk.agent.main import Agent

PATIENCE = 15.0
"""Seconds that the next agent has; not longer than a lease, which is how long things may go on while nobody is heard."""
PAUSE = 0.3
"""Seconds between two looks at what is left."""
LAST = 10
"""Looks at most after the first KILL: what is left then is another user's, or stuck in the kernel."""
STARTS = 8
"""So many guardians at most: where something kills them all, or no shell stays, commands are forked and ask the kernel."""
WIDTH = 36
# $1: the part of the marks before the request's id; $2: looks before KILL; $3: looks at most; $4: seconds between them.
# On fd 3 a line PID:ID:LATEST for each request: who started after LATEST (ticks since boot) has been given the pid of one that has ended.
# PID is 0 before it is known. What carries a request's mark is its, too. The 20th word after the name in /proc/PID/stat: proc(5).
SCRIPT = (
    "read -r _; exec 2>/dev/null; mark=$1 kill=$2 last=$3 pause=$4 noted= n=0; set --; "
    'while read -r each; do [ "$each" ] || continue; i=${each#*:}; noted="$noted $each"; '
    'set -- "$@" -e "HOTDESK_REQUEST=$mark${i%:*}"; done <&3; '
    "born() { [ $1 != Z ] && shift 19 && b=$1; }; "
    'left() { for each in $noted; do p=${each%%:*}; read -r s <"/proc/$p/stat" && born ${s##*) } && '
    '[ "$b" -le "${each##*:}" ] && echo "$p"; done; '
    'for each in $(grep -lzsxF "$@" /proc/[0-9]*/environ); do each=${each#/proc/}; echo "${each%/*}"; done; }; '
    'while [ "$noted" ] && who=$(left "$@"); [ "$who" ] && [ $n -lt $last ]; do '
    "[ $n -lt $kill ] || kill -9 $who; n=$((n + 1)); sleep $pause || sleep 1; done"
)


class Guardian:
    """The shell, from the first request to the agent's end."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.pid = 0
        self._lifeline = self._memory = -1
        self._places: dict[int, int] = {}
        """Request -> where it is noted."""
        self._free: list[int] = []
        self._starts = 0
        self._useless = not (hasattr(os, "memfd_create") and agent.proc)

    def expect(self, ident: int) -> bool:
        """A request's process is about to be started. False: it is not guarded."""
        if not self.pid and not self._useless:
            self._start()
        if not self.pid:
            return False
        self._places[ident] = self._free.pop() if self._free else len(self._places)
        self._write(self._places[ident], b"0:%d:0" % ident)
        return True

    def note(self, ident: int, pid: int) -> None:
        """Its process, once it is known."""
        self._write(self._places[ident], b"%d:%d:%d" % (pid, ident, proc.now() + 1))

    def forget(self, ident: int) -> None:
        """It has ended, or was not started."""
        if ident in self._places:
            place = self._places.pop(ident)
            self._write(place, b"")
            self._free.append(place)

    def reaped(self, pid: int) -> None:
        """A child of the agent has ended."""
        if pid == self.pid:
            os.close(self._lifeline)
            self.pid, self._lifeline = 0, -1
            if self._places and not self._useless:
                self._start()

    def let_go(self) -> None:
        """In a fork of the agent: its end is not the agent's."""
        if self.pid:
            os.close(self._lifeline)

    def dismiss(self) -> None:
        """The agent leaves, nothing is under way."""
        if self.pid:
            os.kill(self.pid, _signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _write(self, place: int, text: bytes) -> None:
        # One write(2) is done as a whole or not at all, whenever we are killed.
        os.pwrite(self._memory, text.ljust(WIDTH - 1) + b"\n", place * WIDTH)

    def _start(self) -> None:
        from hotdesk.agent.process import RESET

        self._starts += 1
        self._useless = self._starts == STARTS
        env = {b"PATH": os.environb.get(b"PATH", os.fsencode(os.defpath)), b"HOTDESK_RUN": self.agent.run.encode()}
        looks = int(min(PATIENCE, self.agent.lease) / PAUSE)
        argv = ["sh", "-c", SCRIPT, "sh", self.agent.token[:12] + ".", str(looks), str(looks + LAST), str(PAUSE)]
        try:
            if self._memory < 0:
                self._memory = os.memfd_create("hotdesk")
            end, self._lifeline = os.pipe()
            try:
                streams = enumerate((end, self.agent.null, self.agent.null, self._memory))
                actions = [(os.POSIX_SPAWN_DUP2, fd, wanted) for wanted, fd in streams]
                self.pid = os.posix_spawn(
                    "/bin/sh", argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=RESET
                )
            finally:
                os.close(end)
        except (OSError, NotImplementedError):
            self._useless = True
