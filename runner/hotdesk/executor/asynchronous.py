"""``async`` and ``poll`` of a task, rendered: what its call is told of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hotdesk.actions.background import LATE, Background
from hotdesk.errors import TaskError
from hotdesk.executor import values

if TYPE_CHECKING:
    from hotdesk.actions.base import Action, Call
    from hotdesk.playbook.model import Task
    from hotdesk.variables.scope import Scope
    from hotdesk.variables.templates import Templates

POLL = 15.0
"""Seconds, as in Ansible (DEFAULT_POLL_INTERVAL)."""


async def in_background(
    templates: Templates, task: Task, action: Action, call: Call, scope: Scope, there: Scope
) -> Call:
    """``call`` with where job files are (by ``there``, the scope of the PC) and, for ``async``, how long and how often asked.

    Raises TaskError for an action that cannot be done so.
    """
    call = replace(call, async_dir=str(await templates.value(there, "ansible_async_dir", call.async_dir)))
    seconds = await values.number(templates, task.asynchronous, scope, "async", default=0.0)
    if not seconds:
        return call
    if not action.background:
        raise TaskError(f"This action ({task.written}) does not support async.", place=task.place)
    poll = await values.number(templates, task.poll, scope, "poll", default=POLL) or 0.0
    return replace(call, background=Background(seconds, poll))


async def limit_of(templates: Templates, task: Task, scope: Scope) -> float | None:
    """Seconds after which the call is given up: ``timeout``, else a little more than ``async``; None when neither is said."""
    limit = await values.number(templates, task.timeout, scope, "timeout")
    seconds = await values.number(templates, task.asynchronous, scope, "async", default=0.0)
    return limit or (seconds + LATE if seconds else limit)
