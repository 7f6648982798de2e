"""Asking a sync job, on one host, what it would need, before the play begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hotdesk.executor import values
from hotdesk.executor.attempt import Doing
from hotdesk.executor.item import Work
from hotdesk.executor.task import loop_terms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hotdesk.actions.sync_job import Inspection, SyncJobAction
    from hotdesk.executor.batch import Batch
    from hotdesk.executor.host import HostState
    from hotdesk.playbook.model import Task


async def inspections(batch: Batch, state: HostState, task: Task, action: SyncJobAction) -> AsyncIterator[Inspection]:
    """One for each item of the task that would run. Raises HotdeskError when it cannot be templated yet."""
    run, scopes = batch.run, batch.scopes
    scope = scopes.for_task(state, task)
    if task.loop is None:
        extras: list[dict[str, Any]] = [{}]
    else:
        name = await values.text(run.templates, task.loop.loop_var, scope) or "item"
        extras = [{name: term} for term in await loop_terms(run, task.loop, scope)]
    for extra in extras:
        work = Work(run, scopes, state, task, scope.with_(extra) if extra else scope, extra)
        call = await work.inspection_call(action, Doing())
        if call is None:
            continue
        async with asyncio.timeout(run.settings.task_timeout):
            yield await action.inspect(call)
