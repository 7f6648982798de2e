"""Which processes belong to what a request started, and how they are ended: TERM, grace, KILL, until none is left.

A process belongs to a request when any of these holds: it is in the session that the request's process leads; an ancestor of it
belongs; its environment carries the request's mark. A child of the agent that none of these explains was double-forked, left its
session and cleared its environment; it is counted to the requests that were under way when it started, and left alone when one of
those has finished (it may be a service started on purpose). That is the limit: such a process of a task that ran beside others
that have finished in the meantime is not found. proc(5) describes the files read here.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without its enums
import os
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable

    from hotdesk.agent.main import Agent
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
PATIENCE = 0.5
"""Seconds that both have after everything else was killed."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Stat:
    """One line of /proc/PID/stat."""

    __slots__ = ("born", "name", "pid", "ppid", "session", "zombie")

    def __init__(self, pid: int, line: bytes) -> None:
        fields = line[line.rindex(b")") + 2 :].split(None, 20)
        self.pid = pid
        self.name = line[line.index(b"(") + 1 : line.rindex(b")")]
        self.zombie = fields[0] in (b"Z", b"X")
        self.ppid, self.session, self.born = int(fields[1]), int(fields[3]), int(fields[19])


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        data = b""
        while True:
            more = os.read(fd, 1 << 16)
            data += more
            if not more:
                return data
    except OSError:
        return b""
    finally:
        os.close(fd)


def processes() -> dict[int, Stat]:
    """Every process that is not a zombie, by pid."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            line = _read("/proc/" + name + "/stat")
            if line:
                stat = Stat(int(name), line)
                if not stat.zombie:
                    found[stat.pid] = stat
    return found


def carries(pid: int, marks: Iterable[frozenset[bytes]]) -> bool:
    """Does the environment that ``pid`` was started with hold all variables of one of ``marks``?"""
    environ = _read("/proc/%d/environ" % pid)
    if not environ:
        return False
    variables = set(environ.split(b"\0"))
    return any(mark <= variables for mark in marks)


def now() -> int:
    """Clock ticks since boot, as in the ``starttime`` of /proc/PID/stat."""
    import time

    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS)


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
        self.agent, self.roots, self.marks, self.done = agent, roots, marks, done
        self.began = monotonic()
        self.deadline = self.began + grace
        self._interrupted: set[bytes] = set()
        self._asked: set[tuple[int, int]] = set()
        self._killed: set[tuple[int, int]] = set()
        self._forced = 0.0
        """When KILL was sent first."""
        self._known = known
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
        found = self.members()
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

    def members(self) -> list[Stat]:
        """Everything alive that belongs to the requests."""
        if not self.agent.proc:
            return self._without_proc()
        table = processes()
        mine = self.agent.pid
        roots = {root.pid for root in self.roots}
        others = (self.agent.roots() - roots) | self.agent.elevated.pids
        chosen: dict[int, bool] = {mine: False, 0: False, 1: False, 2: False}
        for pid in others:
            chosen[pid] = False

        def belongs(pid: int) -> bool:
            path = []
            while pid not in chosen:
                stat = table.get(pid)
                if stat is None:
                    chosen[pid] = False
                    break
                path.append(pid)
                if pid in roots or stat.session in roots or self._known.get(pid) == stat.born:
                    chosen[pid] = True
                    break
                if carries(pid, self.marks):
                    chosen[pid] = True
                    break
                if stat.ppid == mine:
                    chosen[pid] = self._adopted(stat)
                    break
                pid = stat.ppid
            answer = chosen[pid]
            for each in path:
                chosen[each] = answer
            return answer

        found = [stat for pid, stat in table.items() if pid not in (0, 1, 2, mine) and belongs(pid)]
        self._known = {stat.pid: stat.born for stat in found}
        return found

    def _adopted(self, stat: Stat) -> bool:
        """A child of the agent that carries no mark of ours: see the limit in this file's head."""
        if carries_any(stat.pid):
            return False
        stopping = {root.id for root in self.roots}
        return bool(stopping) and self.agent.under_way_at(stat.born) == stopping

    def _without_proc(self) -> list[Stat]:
        found = []
        for root in self.roots:
            try:
                os.killpg(root.pid, 0)
            except OSError:
                continue
            stat = Stat.__new__(Stat)
            stat.pid, stat.born, stat.ppid, stat.session, stat.name = -root.pid, 0, 0, root.pid, b""
            found.append(stat)
        return found


def _due(stat: Stat, over: float) -> int:
    """Which signal a process is to get, ``over`` seconds after the grace."""
    number: int = _signal.SIGKILL if over >= (PATIENCE if stat.name in TIDY else 0.0) else _signal.SIGTERM
    return number


def carries_any(pid: int) -> bool:
    """Is ``pid`` marked by any request of any agent?"""
    return b"\0HOTDESK_REQUEST=" in b"\0" + _read("/proc/%d/environ" % pid)
