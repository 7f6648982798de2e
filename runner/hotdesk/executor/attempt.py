"""One call of an action on one host: bounded, cancellable, and whatever goes wrong becomes a result."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hotdesk import events as ev
from hotdesk.actions.arguments import without_secrets
from hotdesk.actions.base import Outcome
from hotdesk.aio import owned
from hotdesk.errors import HostError, HotdeskError, TemplateError, TimedOut, Unreachable
from hotdesk.results import TASK_FAILED, Result, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hotdesk.actions.base import Action, Call
    from hotdesk.executor.run import Run

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Doing:
    """What the task did last, for the message of a timeout."""

    what: str = ""

    def watch(self, emit: Callable[[ev.Event], None]) -> Callable[[ev.Event], None]:
        def heard(event: ev.Event) -> None:
            if isinstance(event, ev.Changed) and event.verb == "run":
                self.what = event.detail
            emit(event)

        return heard


async def call_action(
    run: Run, action: Action, call: Call, *, limit: float, doing: Doing, stop: Callable[[], Awaitable[None]]
) -> Outcome:
    """``action.run(call)`` for at most ``limit`` seconds. Only CancelledError comes out of it.

    An action that ignores its cancellation is left behind after the grace, with its processes ended by ``stop``: it must
    hold neither the play nor the stop of the run.
    """
    try:
        return await _bounded(run, action, call, limit, doing, stop)
    except Exception as exc:
        return Outcome(error_result(exc, what=action.name))


async def _bounded(
    run: Run, action: Action, call: Call, limit: float, doing: Doing, stop: Callable[[], Awaitable[None]]
) -> Outcome:
    state = run.state(call.host)
    if state.stopped is not None and not run.stop.begun:
        raise state.stopped
    task: asyncio.Task[Any] = owned(_run(action, call))
    state.action = task
    try:
        done, _ = await asyncio.wait({task}, timeout=limit)
        if done:
            if task.cancelled() and state.stopped is not None:
                raise state.stopped
            outcome: Outcome = task.result()
            return outcome
        await _end(run, call, task, stop)
        what = doing.what or call.task.written
        raise TimedOut(f"Timed out after {limit:g} second(s): {what}", data={"timedout": {"period": limit}})
    except asyncio.CancelledError:
        if not task.done():
            await _end(run, call, task, stop)
        elif not task.cancelled():
            task.exception()  # seen
        raise
    finally:
        state.action = None


async def _run(action: Action, call: Call) -> Outcome:
    outcome = await action.run(call)
    return outcome if isinstance(outcome, Outcome) else Outcome(outcome)


def with_invocation(outcome: Outcome, action: Action, args: Mapping[str, Any]) -> Outcome:
    """With the arguments as the module got them, but for those that are secret: of a module of others only that itself knows these."""
    result = outcome.result
    if not action.needs_machine or action.raw_args or action.unchecked or result.unreachable:
        return outcome
    shown = without_secrets(action.DOCUMENTATION, args)
    return replace(outcome, result=result.but(data={**result.data, "invocation": {"module_args": shown}}))


async def _end(run: Run, call: Call, task: asyncio.Task[Any], stop: Callable[[], Awaitable[None]]) -> None:
    """Cancel and wait; then stop its processes and give it up. A second cancel of ours shortens nothing that must be done."""
    task.cancel()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + run.stop.left(run.settings.stop_grace + 2.0)
    interrupt: asyncio.CancelledError | None = None
    while not task.done() and (left := deadline - loop.time()) > 0:
        try:
            await asyncio.wait({task}, timeout=min(left, run.stop.left(left)))
            deadline = min(deadline, loop.time() + run.stop.left(left))
        except asyncio.CancelledError as exc:
            interrupt = exc
    if task.done():
        if not task.cancelled():
            task.exception()  # seen
    else:
        run.abandoned.add(task)
        task.add_done_callback(lambda ended: _forget(run, ended))
        try:
            async with asyncio.timeout(max(0.5, run.stop.left(2.0))):
                await stop()
        except (HotdeskError, OSError, TimeoutError) as exc:
            why = "there is no answer" if isinstance(exc, TimeoutError) else exc
            run.warn(f"what the task {call.task.written!r} has left could not be stopped: {why}", host=call.host)
    if interrupt is not None:
        raise interrupt


def _forget(run: Run, task: asyncio.Task[Any]) -> None:
    run.abandoned.discard(task)
    if not task.cancelled():
        task.exception()


def error_result(exc: Exception, *, what: str = "") -> Result:
    """What an exception means for the host's result."""
    match exc:
        case Unreachable():
            return Result(unreachable=True, data={"msg": _message(exc), **exc.data})
        case HostError():
            return failure(_message(exc), **exc.data)
        case TemplateError():
            return failure(f"{TASK_FAILED}{_message(exc)}")
        case HotdeskError():
            return failure(_message(exc))
        case OSError():
            return failure(os_message(exc))
    log.exception("internal error in %s", what, exc_info=exc)
    return failure(f"internal error: {type(exc).__name__}: {exc}; the run's log has the details")


def _message(exc: HotdeskError) -> str:
    return f"{exc.message} ({exc.remedy})" if exc.remedy else exc.message


def os_message(exc: OSError) -> str:
    """An OSError as one would say it."""
    text = exc.strerror or str(exc) or type(exc).__name__
    return f"{text}: {exc.filename!r}" if exc.filename else text
