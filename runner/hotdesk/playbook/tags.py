"""Which tasks ``--tags`` and ``--skip-tags`` choose. Source: Ansible's "Tags" page, with its special tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotdesk.playbook.model import TagSelection

_UNTAGGED = frozenset({"untagged"})


def selected(task_tags: frozenset[str], selection: TagSelection) -> bool:
    """Does a task with these tags run?

    ``always`` runs unless it is skipped by name; ``never`` runs only when another of the task's tags (or ``never``) was asked for.
    ``all``, ``tagged`` and ``untagged`` are what their names say.
    """
    tags = task_tags or _UNTAGGED
    return _wanted(tags, selection.only) and not _skipped(tags, selection.skip)


def _wanted(tags: frozenset[str], only: frozenset[str]) -> bool:
    if not only or "always" in tags or tags & only:
        return True
    if "never" in tags:
        return False
    return "all" in only or ("tagged" in only and tags != _UNTAGGED)


def _skipped(tags: frozenset[str], skip: frozenset[str]) -> bool:
    if not skip:
        return False
    if "all" in skip:
        return "always" not in tags or "always" in skip
    return bool(tags & skip) or ("tagged" in skip and tags != _UNTAGGED)


def split_tags(values: Iterable[object]) -> frozenset[str]:
    """Tags as the user writes them (texts with commas, lists, lists of lists, numbers) as one set."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, list):
            found |= split_tags(value)
        elif value is not None:
            found |= {tag for part in str(value).split(",") if (tag := part.strip())}
    return frozenset(found)
