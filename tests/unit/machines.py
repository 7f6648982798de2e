"""Machines of this PC for tests: a real agent on a local connection, whatever inventory name it is given."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from hotdesk.agent.lock import FOLDERS
from hotdesk.connections.base import Endpoint
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.jobs.machine import Machine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hotdesk.events import Event


RUN = f"test-{os.getpid()}"
"""A run's id of this process's own: an agent ends what carries its run's mark, and other tests may be running beside us."""


class MakeMachine(Protocol):
    events: list[Event]

    def __call__(self, host: str = ..., **options: Any) -> Machine: ...


def needs(*tools: str) -> None:
    """Skip by name without a tool; fail instead in CI, where all must be there."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        text = f"needs {', '.join(missing)}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """An agent on this PC."""
    connection = LocalConnection(Endpoint(host="localhost", kind="local"))
    started = await Link.start(connection, run=RUN, grace=1.0)
    yield started
    await started.aclose()
    await connection.aclose()


@pytest.fixture
def make_machine(link: Link) -> MakeMachine:
    """``make_machine("vega", check=True)``: a Machine of that name over this PC's agent; ``make_machine.events`` is what it said."""

    def make(host: str = "vega", **options: Any) -> Machine:
        options.setdefault("emit", make.events.append)  # type: ignore[attr-defined]
        return Machine(link, host=host, task="t1", **options)

    make.events = []  # type: ignore[attr-defined]
    return make  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def own_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lock of this test process's own: this PC may be in use by a real run, or by other tests."""
    name = f"test-{os.getpid()}"
    monkeypatch.setattr("hotdesk.jobs.locks.NAME", name)
    yield
    for folder in FOLDERS:
        Path(folder, f"hotdesk-{name}.lock").unlink(missing_ok=True)
