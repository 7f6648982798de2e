"""One sync at a time per PC. A run takes a PC's lock before its first change there and keeps it to its end."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from hotdesk.aio import TaskGroup
from hotdesk.errors import HostError, LockHeld

if TYPE_CHECKING:
    from types import TracebackType

    from hotdesk.connections.link import Link
    from hotdesk.jobs.machine import Machine

NAME = "sync"


class PcLocks:
    """The locks of this run. Held by the PCs' agents, so that the end of an agent, however it comes, frees its PC.

    A lock is taken once per host, whichever of its agents (users) asks first; several jobs of the run share it.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._held: dict[str, Link] = {}
        self._taking: dict[str, asyncio.Lock] = {}

    async def take(self, machine: Machine) -> None:
        """Hold ``machine``'s PC. Raises LockHeld (host, run, since) when another run has it; never waits for it."""
        async with self._taking.setdefault(machine.host, asyncio.Lock()):
            if machine.host in self._held:
                return
            record = {
                "run": self._run,
                "holder": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            try:
                await machine.link.lock(NAME, record)
            except LockHeld as exc:
                if (
                    exc.data.get("lock", {}).get("run") == self._run
                ):  # one PC under two inventory names: it is ours already
                    return
                raise
            self._held[machine.host] = machine.link

    async def release(self) -> None:
        """Give all of them back; a PC whose link is gone has freed its own."""
        held, self._held = self._held, {}
        async with TaskGroup() as group:
            for link in held.values():
                group.create_task(_unlock(link))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()


async def _unlock(link: Link) -> None:
    try:
        async with asyncio.timeout(2.0):
            await link.unlock(NAME)
    except (HostError, TimeoutError):
        return  # its agent ends soon or has ended: either frees the lock
