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
from hotdesk.prepare import Around, new_run_id
from hotdesk.redaction import Redaction
from hotdesk.report.run_log import RunLog, run_log
from hotdesk.supervise.terminal import asker
from hotdesk.ui.choose import renderer, style_of
from hotdesk.ui.log_file import log_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hotdesk.executor.run import PlayOptions
    from hotdesk.report.junit import JUnit
    from hotdesk.settings import Settings

TAKE_A_VALUE = frozenset("iluTcfetma")
"""Short options with a value: what follows one of them in the same word is no option."""


def command_line() -> tuple[str, ...]:
    """The command line for the run log: values of ``-e``, which may be passwords, are left out (``@FILE`` stays)."""
    out, waits = ["hotdesk"], False
    for word in sys.argv[1:]:
        if waits:
            out.append(_hidden(word))
            waits = False
            continue
        option, value = _extra_vars(word)
        out.append(option + _hidden(value) if option else word)
        waits = bool(option) and option == word
    return tuple(out)


def _extra_vars(word: str) -> tuple[str, str]:
    """(the option with what stands before it, its value in the same word) when ``word`` gives ``-e``; else ("", word)."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return (name + equals, value) if name == "--extra-vars" else ("", word)
    if word.startswith("-"):
        for at, letter in enumerate(word[1:], 1):
            if letter == "e":
                return word[: at + 1], word[at + 1 :]
            if letter in TAKE_A_VALUE:
                break
    return "", word


def _hidden(value: str) -> str:
    return value if not value or value.startswith("@") else "..."


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
    story: Callable[[Around], Awaitable[int]],
    *,
    junit: str | None = None,
    warnings: tuple[str, ...] = (),
    logs: Path | None = None,
) -> int:
    """Run ``story`` with everything that observes it. In check mode no log of any kind is written (R8)."""
    redaction, run_id = Redaction(), new_run_id()
    report = _junit(redaction) if junit else None
    bus = Bus()
    log: RunLog | None = None
    async with AsyncExitStack() as stack:
        view = stack.enter_context(renderer(settings, redaction))
        bus.subscribe(view)
        if report is not None:
            bus.subscribe(report)
        if not settings.check:
            log = await stack.enter_async_context(run_log(logs or run_log_dir(), run_id, redaction))
            bus.subscribe(log)
            _log_to_file(settings, redaction, bus, stack)
        if settings.config_file is not None:
            bus.emit(events.Noted(text=f"Using {settings.config_file} as config file", verbosity=1))
        for text in warnings:
            bus.emit(events.Warned(text=text))
        around = Around(bus=bus, redaction=redaction, run_id=run_id, prompt=view.making_room(asker()))
        code = await story(around)
        if log is not None and log.failed:
            bus.emit(events.Warned(text=log.failed))
    if report is not None and junit is not None:
        await in_thread(report.write, Path(junit))
    return code


def _junit(redaction: Redaction) -> JUnit:
    from hotdesk.report.junit import JUnit  # late: xml is slow to import

    return JUnit(redaction)


def _log_to_file(settings: Settings, redaction: Redaction, bus: Bus, stack: AsyncExitStack) -> None:
    if settings.log_path is None:
        return
    try:
        bus.subscribe(stack.enter_context(log_file(settings.log_path, redaction, style_of(settings))))
    except OSError as exc:
        bus.emit(events.Warned(text=f"log_path {settings.log_path} cannot be written: {exc.strerror}"))


def run(settings: Settings, story: Callable[[Around], Awaitable[int]], **about: Any) -> int:
    """The one ``asyncio.run`` of the process."""
    return asyncio.run(shown(settings, story, **about))
