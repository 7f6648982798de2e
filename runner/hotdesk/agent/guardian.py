"""What kills an agent's commands when the agent itself is killed.

A fork of the agent asks the kernel to die with its parent (PR_SET_PDEATHSIG, prctl(2)). A command that is spawned, which takes half of the
processor's time, cannot: no code of ours runs in it. For these a shell waits for the end of the agent, which is the end of its stdin,
and kills whom the agent has noted in memory that the two share (memfd_create(2)), unless the pid has become somebody else's since.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without its enums
import os

from hotdesk.agent import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hotdesk.agent.command import Command
    from hotdesk.agent.main import Agent
    from hotdesk.agent.process import Process

PLACES = 256
"""So many commands at a time; those beyond are forked."""
STARTS = 8
"""So many guardians at most: where something kills them all, or no shell stays, commands are forked."""
WIDTH = 35
# $1: the part of the marks before the request's id. On fd 3 PID:ID:LATEST each: who started after LATEST (ticks since boot) has been given
# the pid of one that has ended. PID is 0 for the moment in which a command is being started: it is looked for by its mark.
SCRIPT = (
    "read -r _; exec 2>/dev/null; "
    'born() { s=$(cat "/proc/$1/stat"); set -- ${s##*) }; echo "${20}"; }; '
    "carries() { tr '\\0' '\\n' <\"$1/environ\" | grep -qxF -- \"$2\"; }; "
    "for each in $(cat <&3); do p=${each%%:*} i=${each#*:} latest=${each##*:}; i=${i%:*}; "
    'if [ "$p" != 0 ]; then [ "$(born "$p")" -le "$latest" ] && kill -9 "$p"; '
    'else for p in /proc/[0-9]*; do carries "$p" "HOTDESK_REQUEST=$1$i" && kill -9 "${p#/proc/}"; done; fi; done'
)


class Guardian:
    """The shell, from the first command that is spawned to the agent's end."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.pid = 0
        self._lifeline = self._memory = -1
        self._places: dict[int, int] = {}
        """Pid of a command -> where it is noted."""
        self._free: list[int] = []
        self._starts = 0
        self._useless = not (hasattr(os, "memfd_create") and hasattr(os, "posix_spawn") and agent.proc)

    def spawn(self, command: Command, process: Process, fds: tuple[int, int, int]) -> int:
        """Start a command under guard. Its pid; 0 when that cannot be: it is to be forked."""
        if not self.pid and not self._useless:
            self._start()
        if not self.pid or (not self._free and len(self._places) >= PLACES):
            return 0
        from hotdesk.agent.process import RESET

        place = self._free.pop() if self._free else len(self._places)
        self._note(place, 0, process.id)
        pid = command.spawn(*fds, RESET)
        if pid:
            self._note(place, pid, process.id)
            self._places[pid] = place
        else:
            self._forget(place)
        return pid

    def reaped(self, pid: int) -> None:
        """A child of the agent has ended."""
        if pid == self.pid:
            self._close()
            if self._places and not self._useless:
                self._start()
        elif pid in self._places:
            self._forget(self._places.pop(pid))

    def let_go(self) -> None:
        """In a fork of the agent: its end is not the agent's."""
        if self.pid:
            os.close(self._lifeline)

    def dismiss(self) -> None:
        """The agent leaves, nothing is under way."""
        if self.pid:
            os.kill(self.pid, _signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _note(self, place: int, pid: int, ident: int) -> None:
        # One write(2) is done as a whole or not at all, whenever we are killed.
        os.pwrite(self._memory, (b"%d:%d:%d" % (pid, ident, proc.now() + 1)).ljust(WIDTH), place * WIDTH)

    def _forget(self, place: int) -> None:
        os.pwrite(self._memory, b" " * WIDTH, place * WIDTH)
        self._free.append(place)

    def _start(self) -> None:
        from hotdesk.agent.process import RESET

        self._starts += 1
        self._useless = self._starts == STARTS
        env = {b"PATH": os.environb.get(b"PATH", os.fsencode(os.defpath)), b"HOTDESK_RUN": self.agent.run.encode()}
        argv = ["sh", "-c", SCRIPT, "sh", self.agent.token[:12] + "."]
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

    def _close(self) -> None:
        os.close(self._lifeline)
        self.pid, self._lifeline = 0, -1
