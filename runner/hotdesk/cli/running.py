"""What every command that runs something has around it: the screen, the run log, the report, one event loop."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import app, events
from hotdesk.aio import in_thread
from hotdesk.bus import Bus
from hotdesk.paths import run_log_dir
from hotdesk.playbook.model import TagSelection
from hotdesk.redaction import Redaction
from hotdesk.report.junit import JUnit
from hotdesk.report.run_log import RunLog, run_log
from hotdesk.ui.choose import renderer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.executor.run import PlayOptions
    from hotdesk.settings import Settings

SECRET_OPTIONS = frozenset({"-e", "--extra-vars"})


def command_line() -> tuple[str, ...]:
    """The command line for the run log: values of ``-e``, which may be passwords, are left out."""
    words, out, hide = sys.argv[1:], ["hotdesk"], False
    for word in words:
        joined = word.startswith(("--extra-vars=",)) or (
            word.startswith("-e") and len(word) > 2 and not word.startswith("--")
        )
        out.append("..." if hide and not word.startswith("@") else "-e..." if joined else word)
        hide = word in SECRET_OPTIONS
    return tuple(out)


def play_options(given: dict[str, Any]) -> PlayOptions:
    """What the command line says beyond Settings."""
    return app.PlayOptions(
        limit=given.get("limit") or "",
        tags=TagSelection(only=_tags(given.get("tags")) or frozenset({"all"}), skip=_tags(given.get("skip_tags"))),
        extra_vars=tuple(given.get("extra_vars") or ()),
        start_at_task=given.get("start_at_task") or "",
        step=bool(given.get("step")),
        command=command_line(),
    )


def _tags(words: tuple[str, ...] | None) -> frozenset[str]:
    return frozenset(tag.strip() for word in words or () for tag in word.split(",") if tag.strip())


async def shown(
    settings: Settings,
    story: Callable[[Bus, Redaction, str], Awaitable[int]],
    *,
    junit: str | None = None,
    warnings: tuple[str, ...] = (),
    logs: Path | None = None,
) -> int:
    """Run ``story(bus, redaction, run_id)`` with everything that observes it. In check mode no run log is written (R8)."""
    redaction, run_id = Redaction(), app.new_run_id()
    report = JUnit(redaction) if junit else None
    bus = Bus()
    log: RunLog | None = None
    async with AsyncExitStack() as stack:
        bus.subscribe(stack.enter_context(renderer(settings, redaction)))
        if report is not None:
            bus.subscribe(report)
        if not settings.check:
            log = await stack.enter_async_context(run_log(logs or run_log_dir(), run_id, redaction))
            bus.subscribe(log)
        for text in warnings:
            bus.emit(events.Warned(text=text))
        code = await story(bus, redaction, run_id)
        if log is not None and log.failed:
            bus.emit(events.Warned(text=log.failed))
    if report is not None and junit is not None:
        await in_thread(report.write, Path(junit))
    return code


def run(settings: Settings, story: Callable[[Bus, Redaction, str], Awaitable[int]], **about: Any) -> int:
    """The one ``asyncio.run`` of the process."""
    return asyncio.run(shown(settings, story, **about))
