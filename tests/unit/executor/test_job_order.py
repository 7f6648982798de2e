from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk import app
from hotdesk.aio import in_thread
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings
from hotdesk.errors import PlaybookError

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
from hotdesk.jobs import JobResult, Plan, SyncJob

class Job(SyncJob):
    after = {after}
    async def validate(self): return []
    async def pre_sync(self): return Plan()
    async def sync(self, plan): return JobResult()
"""
MODULE = """DOCUMENTATION = '''
module: {name}
short_description: one
description: [one]
options: {{}}
'''
"""
BOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - my.own.{0}:
- hosts: localhost
  gather_facts: false
  tasks:
    - when: true
      block:
        - my.own.{1}:
    - my.own.{2}:
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A playbook beside a collection whose job ``late`` must come after ``early``."""
    monkeypatch.chdir(tmp_path)
    plugins = tmp_path / "collections/ansible_collections/my/own/plugins"
    for folder in ("jobs", "modules"):
        (plugins / folder).mkdir(parents=True)
    for name, after in (("early", ()), ("late", ("early", "nowhere"))):
        (plugins / f"jobs/{name}.py").write_text(JOB.format(after=after))
        (plugins / f"modules/{name}.py").write_text(MODULE.format(name=name))
    return tmp_path / "playbook.yml"


async def load(path: Path, *jobs: str) -> None:
    await in_thread(path.write_text, BOOK.format(*jobs))
    async with app.prepared(load_settings({}), [path], app.PlayOptions(), app.Around(bus=Bus(), prompt=None)):
        pass


async def test_a_job_before_the_one_it_builds_on_is_refused_with_both_places(book: Path) -> None:
    """In a block too, and before any host is touched."""
    with pytest.raises(PlaybookError, match=r"my\.own\.late stands before my\.own\.early \(at .*yml:12:") as caught:
        await load(book, "early", "late", "early")
    assert caught.value.place is not None
    assert caught.value.place.line == 11
    assert "play of its own" in caught.value.remedy


async def test_another_play_and_the_right_order_are_fine(book: Path) -> None:
    """The order is that within a play; a job that is in no play orders nothing."""
    await load(book, "late", "early", "late")
