"""When a host may go on: linear (together), free (each at its own pace), host_pinned (a window of hosts).

A position is where a task stands in the play: a tuple of integers that compares in the order of execution, so that what a dynamic
include brings in sorts right behind the include, a rescue behind its block, and an always behind both.
Source: https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_strategies.html
"""

from __future__ import annotations

import asyncio
import heapq
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from hotdesk.aio import AT_ONCE
from hotdesk.errors import PlaybookError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.place import Place

Position = tuple[int, ...]
STRATEGIES = ("linear", "free", "host_pinned", "debug")


class Strategy(ABC):
    """Hosts call ``turn`` before each task and ``leave`` when they are done, whatever the reason."""

    together = False
    """Hosts do a task together: run_once, any_errors_fatal and shared includes have a meaning."""
    pinned = False
    """A host keeps its place among the ``forks`` from its first task to its last."""
    debugs = False
    """The debugger is asked at every task that has failed."""

    @abstractmethod
    async def turn(self, host: str, position: Position) -> Sequence[str]:
        """Wait until ``host`` may do what stands at ``position``; gives the hosts that do it together, in the play's order."""

    def leave(self, host: str) -> None:  # noqa: B027 - nothing to do where nobody waits
        """``host`` does nothing more in this batch (also when it never began)."""

    def rejoin(self, host: str) -> None:  # noqa: B027
        """``host``, which had left, goes on after all."""

    def run_apart(self) -> None:  # noqa: B027
        """From now on nobody waits for anybody (a stop has begun)."""


class Free(Strategy):
    """No host waits for another."""

    def __init__(self, *, pinned: bool = False) -> None:
        self.pinned = pinned

    async def turn(self, host: str, position: Position) -> Sequence[str]:
        return (host,)


class Linear(Strategy):
    """A rendezvous: no host starts a task while another still has an earlier one to do.

    Each arrival costs O(log hosts) and wakes nobody but those whose turn has come: when no host is busy, the ones at the
    smallest position go, together. A host that rejoins behind the others waits until they are done with the play, as in Ansible.
    """

    together = True

    def __init__(self, hosts: Sequence[str], *, debugs: bool = False) -> None:
        self.debugs = debugs
        self._order = {host: n for n, host in enumerate(hosts)}
        self._busy = set(hosts)
        self._waiting: list[tuple[Position, int, str, asyncio.Future[tuple[str, ...]]]] = []
        self._reached: Position = ()
        """Where the last group was let go."""
        self._rejoined: set[str] = set()
        self._behind: list[tuple[Position, int, str, asyncio.Future[tuple[str, ...]]]] = []
        """Those of the rejoined that wait at what the others have done."""
        self._apart = False

    async def turn(self, host: str, position: Position) -> Sequence[str]:
        if self._apart:
            return (host,)
        future: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        behind = host in self._rejoined and position <= self._reached
        heapq.heappush(self._behind if behind else self._waiting, (position, self._order[host], host, future))
        self._busy.discard(host)
        self._release()
        if future.done():  # we were the last to come: those who waited go first, so hosts keep the play's order
            await asyncio.sleep(0)
        return await future

    def leave(self, host: str) -> None:
        self._busy.discard(host)
        self._release()

    def rejoin(self, host: str) -> None:
        self._busy.add(host)
        self._rejoined.add(host)

    def run_apart(self) -> None:
        self._apart = True
        for waiting in (self._waiting, self._behind):
            for _, _, host, future in waiting:
                if not future.done():
                    future.set_result((host,))
            waiting.clear()

    def _release(self) -> None:
        if self._busy or self._apart:
            return
        while self._waiting and self._waiting[0][3].done():  # the host was cancelled while it waited
            heapq.heappop(self._waiting)
        if not self._waiting:
            if self._behind:
                self._waiting, self._behind = self._behind, []
                self._rejoined.clear()
                self._release()
            return
        position, group, futures = self._waiting[0][0], [], []
        self._reached = position
        while self._waiting and self._waiting[0][0] == position:
            _, _, host, future = heapq.heappop(self._waiting)
            if not future.done():
                group.append(host)
                futures.append(future)
        self._busy.update(group)
        _wake(futures, tuple(group))


def _wake(futures: list[asyncio.Future[tuple[str, ...]]], together: tuple[str, ...]) -> None:
    """A few in each turn of the event loop: what hundreds of hosts do at once would hold it."""
    for future in futures[:AT_ONCE]:
        if not future.done():
            future.set_result(together)
    if rest := futures[AT_ONCE:]:
        asyncio.get_running_loop().call_soon(_wake, rest, together)


def strategy_for(name: str, hosts: Sequence[str], place: Place | None = None) -> Strategy:
    """The strategy a play asks for; ``ansible.builtin.`` may stand before the name. Raises PlaybookError."""
    match name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy."):
        case "linear" | "debug" as kind:
            return Linear(hosts, debugs=kind == "debug")
        case "free":
            return Free()
        case "host_pinned":
            return Free(pinned=True)
    raise PlaybookError(
        f"the strategy {name!r} does not exist",
        place=place,
        remedy=nearest(name, STRATEGIES) or "linear, free, host_pinned or debug",
    )
