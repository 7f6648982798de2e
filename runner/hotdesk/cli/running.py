"""What every command that runs something has around it: the screen, the run log, the report, one event loop."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import aio, events
from hotdesk.bus import Bus
from hotdesk.cli.command_line import command_line
from hotdesk.executor.run import PlayOptions
from hotdesk.paths import run_log_dir
from hotdesk.playbook.model import TagSelection
from hotdesk.prepare import Around, new_run_id
from hotdesk.redaction import Redaction
from hotdesk.report.run_log import RunLog, run_log
from hotdesk.supervise.signals import one_ending
from hotdesk.supervise.terminal import asker
from hotdesk.ui.choose import renderer, style_of
from hotdesk.ui.log_file import log_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hotdesk.report.junit import JUnit
    from hotdesk.settings import Settings


def play_options(given: dict[str, Any]) -> PlayOptions:
    """What the command line says beyond Settings."""
    return PlayOptions(
        limit=given.get("limit") or "",
        tags=TagSelection(only=_tags(given.get("tags")) or frozenset({"all"}), skip=_tags(given.get("skip_tags"))),
        extra_vars=tuple(given.get("extra_vars") or ()),
        start_at_task=given.get("start_at_task") or "",
        step=bool(given.get("step")),
        flush_cache=bool(given.get("flush_cache")),
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
    typed: str = "",
) -> int:
    """Run ``story`` with everything that observes it. In check mode no log of any kind is written (R8).

    ``typed``: what stood after ``-a``, which the run log does not keep. An error leaves without the secrets of the run.
    """
    redaction, run_id = Redaction(), new_run_id()
    report = _junit(redaction) if junit else None
    bus = Bus()
    log: RunLog | None = None
    async with AsyncExitStack() as stack:
        stack.enter_context(one_ending(bus))
        stack.enter_context(_clean_errors(redaction))
        view = stack.enter_context(renderer(settings, redaction))
        bus.subscribe(view)
        if report is not None:
            bus.subscribe(report)
        if not settings.check:
            log = await stack.enter_async_context(run_log(logs or run_log_dir(), run_id, redaction, typed))
            bus.subscribe(log)
            _log_to_file(settings, redaction, bus, stack)
        if settings.config_file is not None:
            bus.emit(events.Noted(text=f"Using {settings.config_file} as config file", verbosity=1))
        for text in warnings:
            bus.emit(events.Warned(text=text))
        around = Around(bus=bus, redaction=redaction, run_id=run_id, prompt=view.making_room(asker()))
        code = await story(around)
        if log is not None:
            await aio.in_thread(log.flush)
            if log.failed:
                bus.emit(events.Warned(text=log.failed))
    if report is not None and junit is not None:
        await aio.in_thread(report.write, Path(junit))
    return code


@contextmanager
def _clean_errors(redaction: Redaction) -> Iterator[None]:
    """What goes past the screen: errors on their way out, and what Python's logging says of a fault (both to stderr)."""
    handler = logging.StreamHandler()
    handler.setFormatter(_CleanFormatter(redaction))
    logging.getLogger().addHandler(handler)
    try:
        yield
    except Exception as exc:
        redaction.clean_error(exc)
        raise
    finally:
        logging.getLogger().removeHandler(handler)


class _CleanFormatter(logging.Formatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__("%(message)s")
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        return self._redaction.clean(super().format(record))


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
    """The one event loop of the process."""
    return aio.run(shown(settings, story, **about))
