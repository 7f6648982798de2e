"""A folder to write playbooks into, and a loader for it."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.actions.collections import Collections
from hotdesk.actions.registry import ActionNames
from hotdesk.errors import PlaybookError
from hotdesk.playbook.load import Loader
from hotdesk.playbook.model import Block, Play, Playbook, Task
from hotdesk.settings import Settings
from hotdesk.variables.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


class Project:
    """Files below ``path``, and what the loader makes of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        settings = Settings()
        names = ActionNames(Collections(settings, (path,)))
        self.loader = Loader(
            settings, actions=names, render_static=Templates(settings).render_now, take_plugins=names.files.add
        )

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
        return path

    def load(self, text: str, extra_vars: Mapping[str, Any] | None = None) -> Playbook:
        """A playbook of this text."""
        return self.loader.load_playbook(self.write("site.yml", text), extra_vars=extra_vars or {})

    def play(self, text: str, extra_vars: Mapping[str, Any] | None = None) -> Play:
        """The one play of this text."""
        (play,) = self.load(text, extra_vars).plays
        return play

    def tasks(self, text: str, **keywords: Any) -> list[Task]:
        """The tasks of a play that has this list under ``tasks:``; blocks are walked in order."""
        lines = dedent(text).strip("\n").replace("\n", "\n    ")
        more = "".join(f"  {name}: {value}\n" for name, value in keywords.items())
        return list(flat(self.play(f"- hosts: all\n{more}  tasks:\n    {lines}\n").sections[2][1]))

    def refused(self, text: str) -> PlaybookError:
        """The error this playbook gives."""
        with pytest.raises(PlaybookError) as caught:
            self.load(text)
        return caught.value

    def refused_task(self, text: str) -> PlaybookError:
        """The error of a play with this one task."""
        with pytest.raises(PlaybookError) as caught:
            self.tasks(text)
        return caught.value


def flat(items: Iterable[Task | Block]) -> Iterator[Task]:
    """Every task, with those of rescue and always."""
    for item in items:
        if isinstance(item, Block):
            yield from flat((*item.tasks, *item.rescue, *item.always))
        else:
            yield item


def in_phase(play: Play, phase: str) -> list[Task]:
    return [task for name, items in play.sections if name == phase for task in flat(items)]
