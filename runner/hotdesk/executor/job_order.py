"""The order that sync jobs ask for (``SyncJob.after``), held against each play before any host is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.errors import PlaybookError
from hotdesk.executor.handlers import flat
from hotdesk.jobs.load import load

if TYPE_CHECKING:
    from hotdesk.actions.registry import ActionNames
    from hotdesk.playbook.model import Play, Playbook, Task


def check_order(playbook: Playbook, names: ActionNames) -> None:
    """Blocks: it imports the files of the jobs. Raises PlaybookError naming both places, JobError for a job that breaks its contract.

    Only tasks that are known at load are seen, not those of ``include_tasks``.
    """
    for play in playbook.plays:
        _check(play, names)


def _check(play: Play, names: ActionNames) -> None:
    begun: dict[str, Task] = {}
    """Job that another one should have come before -> the first task that asks for it."""
    for _, items in play.sections:
        for task in flat(items):
            path = None if task.action.startswith("ansible.builtin.") else names.job(task.action)
            if path is None:
                continue
            if (early := begun.get(task.action)) is not None:
                raise PlaybookError(
                    f"{early.action} stands before {task.action} (at {task.place}), and must come after it: it builds on what that brings",
                    place=early.place,
                    remedy=f"Move it below {task.action}, or into a play of its own.",
                )
            for name in load(path).after:
                begun.setdefault(name if "." in name else f"{task.action.rpartition('.')[0]}.{name}", task)
