"""Which processes belong to what a request started.

A process belongs to a request when any of these holds: it is in the session that the request's process leads; an ancestor of it
belongs; its environment carries the request's mark. A child of the agent that none of these explains was double-forked, left its
session and cleared its environment; it is counted to the requests that were under way when it started, and left alone when one of
those has finished (it may be a service started on purpose). That is the limit: such a process of a task that ran beside others
that have finished in the meantime is not found.

The agent is the parent of whatever its descendants orphan (PR_SET_CHILD_SUBREAPER, prctl(2)), so all that they start is below it, and a
look takes as long as there are processes there. What asked somebody else to start it (at(1), another agent of the run) is known by its
mark alone: for that all processes of the PC are looked through once nothing is left below, and, while the grace is waited for anyway,
before: on a PC of many agents they would all do it in the moment after the grace. Where the kernel lacks one of the two, every look is at
all of them.
"""

from __future__ import annotations

import os

from hotdesk.agent import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Container

    from hotdesk.agent.main import Agent
    from hotdesk.agent.proc import Stat
    from hotdesk.agent.process import Process


class Members:
    """Everything alive that belongs to some requests."""

    def __init__(
        self, agent: Agent, roots: list[Process], marks: list[frozenset[bytes]], known: dict[int, int]
    ) -> None:
        """``known``: pid -> start time of processes that belong whatever else they are."""
        self.agent, self.roots, self.marks = agent, roots, marks
        self._known = known
        self._there = set(proc.numbers()) if agent.family else set()
        """Who was there at the beginning; who is found to be unmarked later needs no second look."""
        self._passed = False

    def look(self, *, far: bool = False) -> list[Stat]:
        """All of them, parents before children: a shell whose child is ended before it goes on with its next command.

        Those elsewhere only with ``far``, or when there are no others.
        Look twice before you believe that there is none: a process may fork behind the first look, and die.
        """
        if not self.agent.proc:
            return self._groups()
        roots = {root.pid for root in self.roots}
        ours = {self.agent.pid, self.agent.guardian.pid} | self.agent.elevated.pids
        others = (self.agent.roots() - roots) | ours | {0, 1, 2}
        found = self._below(roots, others) if self.agent.family else self._among_all(roots, others)
        if (far or not found) and self.agent.family and self.marks:
            found += self._elsewhere(others | {stat.pid for stat in found})
        self._known = {stat.pid: stat.born for stat in found}
        return sorted(found, key=lambda stat: (stat.born, stat.pid))

    def _below(self, roots: set[int], others: Container[int]) -> list[Stat]:
        """Those among the agent's descendants, and the descendants of those known."""
        found, seen = [], set()
        waiting = [(pid, False) for pid in proc.children(self.agent.pid)] + [(pid, False) for pid in self._known]
        while waiting:
            pid, inherited = waiting.pop()
            stat = None if pid in others or pid in seen else proc.stat(pid)
            if stat is None:
                continue
            seen.add(pid)
            belongs = inherited or self._by_itself(stat, roots) or proc.carries(pid, self.marks)
            belongs = belongs or (stat.ppid == self.agent.pid and self._adopted(stat))
            if belongs:
                found.append(stat)
            waiting += [(each, belongs) for each in proc.children(pid, stat.threads)]
        return found

    def _elsewhere(self, others: Container[int]) -> list[Stat]:
        """Those that carry a mark, of all processes of this PC."""
        names = proc.numbers()
        if self._passed:
            names = [name for name in names if name not in self._there]
        found, silent = proc.carriers(self.marks, names, others)
        living = [stat for stat in map(proc.stat, found) if stat is not None]
        self._there.difference_update(silent)
        self._passed = not living
        return living

    def _among_all(self, roots: set[int], others: Container[int]) -> list[Stat]:
        table = proc.processes()
        chosen: dict[int, bool] = {}

        def belongs(pid: int) -> bool:
            path = []
            while pid not in chosen:
                stat = table.get(pid)
                if stat is None or pid in others:
                    chosen[pid] = False
                    break
                path.append(pid)
                if self._by_itself(stat, roots) or proc.carries(pid, self.marks):
                    chosen[pid] = True
                elif stat.ppid == self.agent.pid:
                    chosen[pid] = self._adopted(stat)
                else:
                    pid = stat.ppid
            for each in path:
                chosen[each] = chosen[pid]
            return chosen[pid]

        return [stat for pid, stat in table.items() if belongs(pid)]

    def _by_itself(self, stat: Stat, roots: set[int]) -> bool:
        return stat.pid in roots or stat.session in roots or self._known.get(stat.pid) == stat.born

    def _adopted(self, stat: Stat) -> bool:
        """A child of the agent that carries no mark of ours: see the limit in this file's head."""
        if proc.carries_any(stat.pid):
            return False
        stopping = {root.id for root in self.roots}
        return bool(stopping) and self.agent.under_way_at(stat.born) == stopping

    def _groups(self) -> list[Stat]:
        """Without /proc: the process groups that the requests' processes lead."""
        found = []
        for root in self.roots:
            try:
                os.killpg(root.pid, 0)
            except OSError:
                continue
            stat = proc.Stat.__new__(proc.Stat)
            stat.pid, stat.born, stat.ppid, stat.session, stat.name = -root.pid, 0, 0, root.pid, b""
            found.append(stat)
        return found
