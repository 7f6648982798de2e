"""One call of an action: what becomes of one that does not end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from hotdesk.actions.base import Outcome
from hotdesk.errors import TaskError
from hotdesk.executor.attempt import Doing, call_action, with_invocation
from hotdesk.executor.run import Stop
from hotdesk.results import Result
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


@pytest.mark.parametrize(("unchecked", "shown"), [(False, {"word": "hush"}), (True, None)])
def test_arguments_that_nobody_here_knows_are_shown_by_nobody_here(
    unchecked: bool, shown: dict[str, str] | None
) -> None:
    """Which options of a module are secret only its own code says, when it is not one of ours."""
    action: Any = SimpleNamespace(
        needs_machine=True, raw_args=False, unchecked=unchecked, DOCUMENTATION="options: {word: {}}"
    )
    data = with_invocation(Outcome(Result()), action, {"word": "hush"}).result.data
    assert data.get("invocation", {}).get("module_args") == shown
