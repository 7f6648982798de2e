"""Playbooks run for real, on this PC, with several hosts that are all of them this PC."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk import app
from hotdesk import events as ev
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

INVENTORY = """
[all:vars]
ansible_connection=local
[web]
h1
h2
h3
"""


@dataclass
class Ran:
    """A run: its exit code and events."""

    code: int = 0
    events: list[ev.Event] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def results(self, name: str) -> dict[str, Any]:
        """host -> result of the task called ``name``."""
        ids = {e.task for e in self.events if isinstance(e, ev.TaskStarted) and e.name == name}
        return {e.host: e.result for e in self.events if isinstance(e, ev.TaskFinished) and e.task in ids}

    def order(self) -> list[str]:
        """Tasks in the order in which they were reached."""
        return [e.name for e in self.events if isinstance(e, ev.TaskStarted)]

    def recap(self, host: str) -> Any:
        return next(e.recap[host] for e in self.events if isinstance(e, ev.RunFinished))


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Ran]]:
    """``await play(tasks_yaml, check=True, ...)``: the tasks on h1, h2 and h3; a text that begins with ``- hosts`` is a whole playbook.

    ``answers``: what the person types, line by line; without, there is nobody to ask.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").write_text(INVENTORY)

    async def run(
        text: str, *, options: app.PlayOptions | None = None, answers: tuple[str, ...] = (), **settings: Any
    ) -> Ran:
        text = textwrap.dedent(text).strip("\n")
        if not text.startswith("- hosts"):
            text = "- hosts: all\n  gather_facts: false\n  tasks:\n" + textwrap.indent(text, "    ")
        book = tmp_path / "playbook.yml"
        book.write_text(text)
        ran = Ran()
        base = load_settings({"inventory": (str(tmp_path / "inventory"),)})
        bus = Bus(ran.events.append)
        lines = iter(answers)

        async def typed(question: str, **_: Any) -> str:
            ran.asked.append(question)
            return next(lines)

        around = app.Around(bus=bus, prompt=typed if answers else None)
        ran.code = await app.play(replace(base, **settings), [book], options or app.PlayOptions(), around)
        assert next(lines, None) is None, "not everything was asked for"
        return ran

    return run
