"""``async``: a task's work in the background of its PC. The watcher there is ``on_target.background``.

With ``poll`` the runner waits for it, so that it ends with the task like all that a task starts. With ``poll: 0`` it goes on: for as long as
the run lasts, and behind it when the run finishes; a run that is stopped, or whose link is lost, takes it along.
Source: Ansible's "Asynchronous actions and polling" page.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from hotdesk.actions.on_target import background
from hotdesk.aio import TaskGroup, first
from hotdesk.frozen import frozen
from hotdesk.jobs.machine import source_text
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from types import ModuleType

    from hotdesk.actions.base import Call

STARTED = {"ansible_job_id": str, "started": bool, "finished": bool, "results_file": str}
LATE = 5.0
"""Seconds behind the limit in which the watcher has to say that its time was over."""
LARGEST = 10**12


@frozen
class Background:
    """``async`` and ``poll`` of a task, in seconds."""

    seconds: float
    poll: float

    @property
    def forgotten(self) -> bool:
        """Nobody waits for it."""
        return self.poll <= 0

    async def answer(
        self, call: Call, module: ModuleType, function: str, *, change: bool, **kwargs: Any
    ) -> dict[str, Any]:
        """What ``function`` of the on_target half ``module`` answers, with the keys of a job; with ``poll: 0`` only these."""
        work = {"source": source_text(bundle(module)), "function": function, "kwargs": kwargs}
        return await self.work(call, work, change=change)

    async def work(self, call: Call, work: dict[str, Any], *, change: bool) -> dict[str, Any]:
        """The same of what ``on_target.background`` takes as work."""
        name, half = secrets.randbelow(LARGEST), bundle(background)
        given = (call.async_dir, name, self.seconds, work)
        if self.forgotten:
            begun: dict[str, Any] = await call.machine.begin(
                half, "start", *given, leashed=True, change=change, answers=STARTED, name=f"j{name}"
            )
            return {**begun, "changed": True}
        known: dict[str, Any] = {}
        try:
            async with TaskGroup() as group:
                polling = group.create_task(self._tell(call, known))
                found: dict[str, Any] = await call.machine.call(
                    half, "start", *given, leashed=False, change=change, answers={**STARTED}, on_item=known.update
                )
                polling.cancel()
        except BaseExceptionGroup as problems:
            raise first(problems) from None
        word = "FAILED" if found.get("failed") else "OK"
        call.emit_note(f"ASYNC {word} on {call.host}: jid={found['ansible_job_id']}")
        return found

    async def _tell(self, call: Call, known: dict[str, Any]) -> None:
        while True:
            await asyncio.sleep(self.poll)
            if known:
                call.emit_note(f"ASYNC POLL on {call.host}: jid={known['ansible_job_id']} started=1 finished=0")
