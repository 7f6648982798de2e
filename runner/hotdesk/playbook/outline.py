"""What ``--list-hosts``, ``--list-tasks`` and ``--list-tags`` print: the lines of ansible-playbook, for tools that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.playbook.inherit import as_tuple
from hotdesk.playbook.model import Block, TagSelection
from hotdesk.playbook.tags import selected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hotdesk.playbook.model import Play, Playbook, Task


def outline(
    playbook: Playbook,
    *,
    written: str = "",
    selection: TagSelection | None = None,
    hosts: Callable[[Play], Sequence[str]] | None = None,
    list_hosts: bool = False,
    list_tasks: bool = False,
    list_tags: bool = False,
) -> str:
    """The text, without its last newline. ``written``: the playbook as given on the command line.

    ``hosts(play)`` gives the names of a play's hosts (``--limit`` applied); needed for ``list_hosts`` only. Tasks below ``rescue`` and
    ``always`` and those that an include loads are not listed, as in Ansible.
    """
    selection = selection or TagSelection()
    lines = [f"\nplaybook: {written or playbook.path}"]
    for number, play in enumerate(playbook.plays, start=1):
        patterns = [str(pattern) for pattern in as_tuple(play.hosts)]
        lines.append(f"\n  play #{number} ({','.join(patterns)}): {play.name}\tTAGS: [{','.join(sorted(play.tags))}]")
        if list_hosts and hosts:
            names = hosts(play)
            lines.append(f"    pattern: {patterns}\n    hosts ({len(names)}):")
            lines.extend(f"      {name}" for name in names)
        if list_tasks or list_tags:
            text = "".join(_tasks_and_tags(play, selection, list_tasks=list_tasks, list_tags=list_tags))
            lines.append(text.removesuffix("\n"))
    return "\n".join(lines)


def _tasks_and_tags(play: Play, selection: TagSelection, *, list_tasks: bool, list_tags: bool) -> Iterator[str]:
    found: set[str] = set(play.tags)
    if list_tasks:
        yield "    tasks:\n"
    for task in walk(item for _, items in play.sections for item in items):
        if not selected(task.tags, selection):
            continue
        found |= task.tags
        if list_tasks:
            yield f"      {title(task)}\tTAGS: [{', '.join(sorted(task.tags))}]\n"
    if list_tags:
        yield f"      TASK TAGS: [{', '.join(sorted(found))}]\n"


def walk(items: Iterable[Task | Block]) -> Iterator[Task]:
    """The tasks in order; of a block those under ``block`` alone."""
    for item in items:
        if isinstance(item, Block):
            yield from walk(item.tasks)
        else:
            yield item


def title(task: Task) -> str:
    """A task's name as listed: with its role's, or the action as the user wrote it when it has none."""
    if not task.name:
        return task.written
    return f"{task.role.role.name} : {task.name}" if task.role else str(task.name)
