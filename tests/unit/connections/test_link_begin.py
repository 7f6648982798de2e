"""Link.begin: what goes on in the background of a PC, and what its end is, looked at from outside."""

# ruff: noqa: ASYNC240 - a file that is there is read at once

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.actions.on_target import background
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import TaskError
from hotdesk.jobs.machine import source_text
from hotdesk.jobs.shipping import bundle

from .conftest import end, marked, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORK = """
import os
def tree(): os.system("(setsid sleep 300 &); trap '' TERM; sleep 300")
"""


@pytest.fixture
async def own(run_id: str) -> AsyncIterator[Link]:
    """An agent whose link the test closes."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id, grace=0.3, lease=20.0)
        try:
            yield link
        finally:
            await link.aclose()
            end(marked(run_id))


async def begin(link: Link, directory: Path) -> dict[str, Any]:
    """A tree in the background that ignores TERM; what was said of it once it stands."""
    work = {"source": WORK, "function": "tree", "kwargs": {}}
    text = source_text(bundle(background))
    found: dict[str, Any] = await link.begin(text, "start", str(directory), 7, 900.0, work, task="job", leashed=True)
    await until(lambda: len(marked(link.run_id, task="job")) >= 2)
    return found


def watcher(found: dict[str, Any]) -> Path:
    """What there is of its watcher, a fork of the agent, which is not marked."""
    return Path("/proc", found["ansible_job_id"].rpartition(".")[2])


async def test_it_goes_on_behind_an_orderly_end(own: Link, run_id: str, tmp_path: Path) -> None:
    """The agent is gone, the tree is not; its job file says that it is under way."""
    found = await begin(own, tmp_path)
    await own.aclose()
    assert len(marked(run_id, task="job")) >= 2
    assert watcher(found).exists()
    assert '"finished": false' in Path(found["results_file"]).read_text()


async def test_it_ends_with_a_run_that_does_not_finish(own: Link, run_id: str, tmp_path: Path) -> None:
    """The link is closed in order, but keeps nothing: none of it is left, and whoever asks hears why."""
    found = await begin(own, tmp_path)
    own.keeps = False
    await own.aclose()
    assert marked(run_id) == []
    assert not watcher(found).exists()
    assert "was stopped" in Path(found["results_file"]).read_text()


async def test_it_ends_with_an_agent_that_is_killed(own: Link, run_id: str, tmp_path: Path) -> None:
    """Nobody is left who could end it: it sees the end of its leash, and ends itself with all that it has started."""
    found = await begin(own, tmp_path)
    os.kill(own.info.pid, signal.SIGKILL)
    await until(lambda: marked(run_id) == [] and not watcher(found).exists())


async def test_what_cannot_begin_says_so(own: Link, run_id: str) -> None:
    """The error of the function, as of any call; nothing is left."""
    with pytest.raises(OSError, match="directory"):
        await own.begin(source_text(bundle(background)), "start", "/dev/null/no", 7, 9.0, {}, task="job", leashed=True)
    with pytest.raises(TaskError, match="before it said"):
        await own.begin("def silent(): return 1", "silent", task="job")
    assert marked(run_id, task="job") == []
