"""One call of an action: what becomes of one that does not end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.executor.attempt import Doing, call_action
from hotdesk.executor.run import Stop
from hotdesk.settings import Settings


@pytest.mark.parametrize(
    ("error", "why"), [(TimeoutError(), "there is no answer"), (TaskError("4711 could not be ended"), "4711 could")]
)
async def test_what_could_not_be_stopped_is_told_with_its_host(error: Exception, why: str) -> None:
    """An action that does not hear of its cancellation is given up; what it left there is the person's affair now."""
    said: list[tuple[str, dict[str, Any]]] = []
    over = asyncio.Event()

    async def deaf(call: Any) -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    async def stop() -> None:
        raise error

    run: Any = SimpleNamespace(
        state=lambda host: SimpleNamespace(stopped=None, action=None), stop=Stop(), settings=Settings(), abandoned=set(),
        warn=lambda text, **where: said.append((text, where)),
    )  # fmt: skip
    run.stop.begin("SIGINT", limit=0)
    call: Any = SimpleNamespace(host="pc2", task=SimpleNamespace(written="shell"))
    action: Any = SimpleNamespace(name="shell", run=deaf)
    outcome = await call_action(run, action, call, limit=0.01, doing=Doing(), stop=stop)
    over.set()
    await asyncio.wait(run.abandoned)
    assert "Timed out" in outcome.result.data["msg"]
    ((text, where),) = said
    assert text.startswith("what the task 'shell' has left could not be stopped: " + why)
    assert where == {"host": "pc2"}
