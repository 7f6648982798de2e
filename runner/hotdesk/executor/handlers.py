"""Handlers: who was notified, by which name, and the flush.

Source: https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_handlers.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.errors import PlaybookError, nearest
from hotdesk.executor import values
from hotdesk.playbook.model import Block
from hotdesk.source import Trusted
from hotdesk.variables.trust import is_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.executor.strategy import Position
    from hotdesk.executor.walk import Walk
    from hotdesk.playbook.model import Task


def flat(items: Iterable[Task | Block]) -> list[Task]:
    """Handlers in order of definition, blocks that only group them left out."""
    found: list[Task] = []
    for item in items:
        if isinstance(item, Block):
            found += flat((*item.tasks, *item.rescue, *item.always))
        else:
            found.append(item)
    return found


async def names_of(walk: Walk, handler: Task) -> tuple[str, ...]:
    """The names a handler is notified by (``listen`` apart). One that cannot be rendered cannot be notified by name."""
    name = str.__str__(handler.name) if isinstance(handler.name, str) else str(handler.name or "")
    if is_template(handler.name):
        try:
            scope = walk.batch.scopes.for_task(walk.state, handler)
            name = await values.text(walk.batch.run.templates, handler.name, scope)
        except Exception:
            return ()
    if not name:
        return ()
    if handler.role is None:
        return (name,)
    role = handler.role.role.name
    return (name, f"{role} : {name}", f"{role.rpartition('.')[2]} : {name}")


async def _topics(walk: Walk, handler: Task) -> list[str]:
    topics: list[str] = []
    for raw in handler.listen:
        value = raw
        if isinstance(raw, Trusted) and is_template(raw):
            value = await walk.batch.run.templates.render(raw, walk.batch.scopes.for_task(walk.state, handler))
        topics += [str(one) for one in (value if isinstance(value, list) else [value])]
    return topics


async def find(walk: Walk, notification: str) -> list[Task]:
    """The handler of that name (of several, the last that was defined), and all that listen to it."""
    found: list[Task] = []
    for handler in reversed(walk.batch.handlers):
        if notification in await names_of(walk, handler):
            found.append(handler)
            break
    for handler in walk.batch.handlers:
        if handler.listen and handler not in found and notification in await _topics(walk, handler):
            found.append(handler)
    return found


async def notify(walk: Walk, names: Sequence[str], task: Task) -> None:
    """Remember ``names`` until the next flush. Raises PlaybookError for one that no handler has: that is a fault of the playbook."""
    for name in names:
        if name in walk.state.notified:
            continue
        found = await find(walk, name)
        if not found:
            raise PlaybookError(
                f"The requested handler '{name}' was not found in either the main handlers list nor in the listening handlers list",
                place=task.place,
                remedy=nearest(name, await _all_names(walk)),
            )
        if walk.state.flushing:
            walk.state.to_run.update((handler.id, None) for handler in found)
        else:
            walk.state.notified[name] = None


async def _all_names(walk: Walk) -> list[str]:
    return [
        name
        for handler in walk.batch.handlers
        for name in (*await names_of(walk, handler), *await _topics(walk, handler))
    ]


async def flush(walk: Walk, at: Position) -> None:
    """Run what was notified, in order of definition, each once."""
    state, batch = walk.state, walk.batch
    notified, state.notified = state.notified, {}
    for name in notified:
        state.to_run.update((handler.id, None) for handler in await find(walk, name))
    if not state.to_run:
        return
    outer, state.flushing = state.flushing, True
    try:
        number = 0
        while number < len(batch.handlers):  # an include may add handlers meanwhile
            handler = batch.handlers[number]
            if handler.id in state.to_run:
                del state.to_run[handler.id]
                await walk.task(handler, (*at, number))
            number += 1
    finally:
        state.flushing = outer
