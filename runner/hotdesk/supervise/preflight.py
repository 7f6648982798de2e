"""Before a play changes anything: ask every sync job of the play, on every host, what does not hold. All problems at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hotdesk import events as ev
from hotdesk.actions.sync_job import Inspection, SyncJobAction
from hotdesk.aio import TaskGroup, paced
from hotdesk.errors import HotdeskError, Unreachable
from hotdesk.executor.inspecting import inspections
from hotdesk.playbook.keywords import is_template
from hotdesk.playbook.model import Block, Task
from hotdesk.playbook.tags import selected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hotdesk.executor.batch import Batch
    from hotdesk.executor.host import HostState


@dataclass(slots=True)
class Preflight:
    """What preflight found: whether the play may start, and what its jobs read and write (for the disk watch)."""

    problems: int = 0
    found: list[tuple[str, Inspection]] = field(default_factory=list)
    """(host, inspection) of each job that could be asked."""


async def preflight(batch: Batch) -> Preflight:
    """``validate`` of every sync job of the play on every host of the batch on which it can already be templated.

    Problems are events, one for each host and job. A host that cannot be reached is left to its first task.
    """
    result = Preflight()
    jobs = [
        task for task in tasks_of(item for _, items in batch.play.sections for item in items) if _is_job(batch, task)
    ]
    if not jobs:
        return result
    async with TaskGroup() as group:
        async for state in paced(batch.alive()):
            group.create_task(_host(batch, state, jobs, result))
    return result


def tasks_of(items: Iterable[Task | Block]) -> Iterator[Task]:
    """Every task that is known before the play runs."""
    for item in items:
        if isinstance(item, Block):
            yield from tasks_of((*item.tasks, *item.rescue, *item.always))
        else:
            yield item


def _is_job(batch: Batch, task: Task) -> bool:
    if (
        task.action.startswith("ansible.builtin.")
        or is_template(task.action)
        or not selected(task.tags, batch.run.options.tags)
    ):
        return False
    return isinstance(batch.run.load_action(task.action), SyncJobAction)


async def _host(batch: Batch, state: HostState, jobs: list[Task], result: Preflight) -> None:
    for task in jobs:
        action = batch.run.load_action(task.action)
        assert isinstance(action, SyncJobAction)
        try:
            async for inspection in inspections(batch, state, task, action):
                result.found.append((state.name, inspection))
                _tell(batch, state, task, inspection, result)
        except Unreachable:
            return
        except HotdeskError:
            continue  # not to be templated yet, or wrong: the task itself says so when its turn comes


def _tell(batch: Batch, state: HostState, task: Task, inspection: Inspection, result: Preflight) -> None:
    if not inspection.problems:
        return
    result.problems += len(inspection.problems)
    problems = tuple((problem.message, problem.remedy) for problem in inspection.problems)
    batch.run.emit(ev.Problems(host=state.name, job=str(task.name) or task.written, problems=problems))
