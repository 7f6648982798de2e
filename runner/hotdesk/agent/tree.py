"""How the processes of a request are ended: TERM, grace, KILL, until none is left. Which they are, ``members.py`` says."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without its enums
import os
from time import monotonic

from hotdesk.agent.members import Members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from hotdesk.agent.main import Agent
    from hotdesk.agent.proc import Stat
    from hotdesk.agent.process import Process

PERSISTENCE = 1.5
"""Seconds after KILL when what still lives (another user's, or stuck in the kernel) is reported instead of waited for."""
MOST = 15.0
"""The same where new ones are found at each look."""
RELUCTANCE = 0.3
"""Seconds that another user's processes have to end by themselves, once the rest is gone, before they are reported."""
ORDERLY = (b"dpkg",)
"""Programs that end by themselves once what they have started is gone, and put their records in order before; ended by a signal (TERM, or
PIPE because apt-get ended first), they leave records that stop every later call ("dpkg was interrupted, you must manually run ...")."""
TIDY = (b"rsync",)
"""Programs that on TERM put away what they have begun; killed, rsync leaves half a file under a temporary name, which nothing removes."""
SETTLED = 0.5
"""Seconds after which a process that was just forked has become the program that it is to be."""
PATIENCE = 0.5
"""Seconds that both have after everything else was killed."""


class Stop:
    """Ending some requests' processes. ``done(left, interrupted)`` is called once: (pid, start time) of what could not be ended, and the
    names of the ``ORDERLY`` programs that were among them."""

    def __init__(
        self,
        agent: Agent,
        roots: list[Process],
        marks: list[frozenset[bytes]],
        grace: float,
        done: Callable[[list[tuple[int, int]], list[str]], None],
        known: dict[int, int],
    ) -> None:
        """``known``: pid -> start time of processes that belong whatever else they are."""
        self.agent, self.done = agent, done
        self._members = Members(agent, roots, marks, known)
        if agent.standby is not None:
            agent.standby.doom(roots)
        self.began = monotonic()
        self.deadline = self.began + grace
        # Many agents of one PC, whose grace begins and ends together, are not to do this together.
        self._far = self.began + SETTLED + max(0.0, grace - 2 * SETTLED) * (agent.pid % 64) / 64
        self._interrupted: set[bytes] = set()
        self._asked: set[tuple[int, int]] = set()
        self._killed: set[tuple[int, int]] = set()
        self._forced = 0.0
        """When KILL was sent first."""
        self._denied: set[tuple[int, int]] = set()
        self._elevated: set[tuple[int, int, int]] = set()
        self._empty = 0
        self._pause = 0.005
        self._timer = agent.loop.later(0, self.step)

    def hurry(self, grace: float) -> None:
        """Shorten the grace of a stop that is under way."""
        self.deadline = min(self.deadline, self.began + grace)
        self.step()

    def step(self) -> None:
        """Look who is left, ask or force them, come back soon."""
        self._timer.cancel()
        self.agent.reap()
        looked = monotonic()
        far = self._far < looked < self.deadline
        if far:
            self._far = self.deadline
        found = self._members.look(far=far)
        self._empty = 0 if found else self._empty + 1
        over = monotonic() - self.deadline
        # Twice empty: one look may miss a child forked behind it by a process that died meanwhile.
        if self._empty >= 2 or (found and (self._persists(found, looked) or self._hopeless(found))):
            interrupted = sorted(name.decode() for name in self._interrupted)
            self.done([(stat.pid, stat.born) for stat in found], interrupted)
            return
        spared = self._orderly(found) if over < PATIENCE else set()
        for number in (_signal.SIGTERM, _signal.SIGKILL):
            due = [stat for stat in found if stat.pid not in spared and _due(stat, over) == number]
            self._elevate([stat for stat in due if not self._signal(stat, number)], number)
        self._pause = min(self._pause * 1.6, 0.1)
        soon = 0.0 if not found else self._pause
        self._timer = self.agent.loop.later(min(soon, max(0.0, -over)) if over < 0 else soon, self.step)

    def _orderly(self, found: list[Stat]) -> set[int]:
        """The pids of ``ORDERLY`` programs and of what has started them: a pipe to that must not break before they are done."""
        table = {stat.pid: stat for stat in found}
        spared: set[int] = set()
        for stat in found:
            if stat.name in ORDERLY:
                self._interrupted.add(stat.name)
                above: Stat | None = stat
                while above is not None and above.pid not in spared:
                    spared.add(above.pid)
                    above = table.get(above.ppid)
        return spared

    def _signal(self, stat: Stat, number: int) -> bool:
        """False: it is another user's and we may not."""
        key = (stat.pid, stat.born)
        if number == _signal.SIGTERM and key in self._asked:
            return key not in self._denied
        self._asked.add(key)
        if number == _signal.SIGKILL:
            self._killed.add(key)
            self._forced = self._forced or monotonic()
        try:
            os.kill(stat.pid, number)
            if number == _signal.SIGTERM:
                os.kill(stat.pid, _signal.SIGCONT)  # a stopped process takes a TERM only when it goes on
        except PermissionError:
            self._denied.add(key)
            return False
        except OSError:
            pass
        return True

    def _elevate(self, denied: list[Stat], number: int) -> None:
        """Ask root to send what we may not, once for each process and signal."""
        fresh = [stat for stat in denied if (stat.pid, stat.born, number) not in self._elevated]
        if fresh and self.agent.elevated.signal(fresh, number):
            self._elevated.update((stat.pid, stat.born, number) for stat in fresh)

    def _persists(self, found: list[Stat], looked: float) -> bool:
        """All of them were there long after KILL. However late we are (frozen, or one of hundreds on a busy PC), nobody is left without one."""
        since = looked - self._forced if self._forced else 0.0
        return since > PERSISTENCE and (since > MOST or all((stat.pid, stat.born) in self._killed for stat in found))

    def _hopeless(self, found: list[Stat]) -> bool:
        """Nobody is left whom we may signal; waiting longer ends none of them."""
        if not self.agent.elevated.refused or monotonic() - self.began < RELUCTANCE:
            return False
        return all((stat.pid, stat.born) in self._denied for stat in found)


def _due(stat: Stat, over: float) -> int:
    """Which signal a process is to get, ``over`` seconds after the grace."""
    number: int = _signal.SIGKILL if over >= (PATIENCE if stat.name in TIDY else 0.0) else _signal.SIGTERM
    return number
