"""Which renderer shows the run: live on a terminal, else Ansible's lines; JSON on request."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from hotdesk.redaction import Redaction
from hotdesk.ui.json_lines import JsonLines
from hotdesk.ui.plain import Plain, Style
from hotdesk.ui.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import IO

    from hotdesk.bus import Subscriber
    from hotdesk.events import Event
    from hotdesk.settings import Settings
    from hotdesk.ui.live import Live


def style_of(settings: Settings) -> Style:
    """The parts of the settings that a renderer needs. NO_COLOR: https://no-color.org."""
    color = settings.color
    if color is None:
        color = _terminal() and not os.environ.get("NO_COLOR")
    return Style(
        color=color,
        verbosity=settings.verbosity,
        max_diff_size=settings.max_diff_size,
        display_skipped=settings.display_skipped_hosts,
        display_ok=settings.display_ok_hosts,
        show_custom_stats=settings.show_custom_stats,
        deprecations=settings.deprecation_warnings,
    )


def _terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


class View:
    """What shows the run on stdout: a subscriber that also makes room for a question."""

    def __init__(self, screen: Screen, show: Subscriber, live: Live | None = None) -> None:
        self._screen = screen
        self._show = show
        self._live = live

    def __call__(self, event: Event) -> None:
        self._show(event)

    def making_room(self, ask: Callable[..., Awaitable[str]] | None) -> Callable[..., Awaitable[str]] | None:
        """``ask`` with nothing drawn over its question: what was written before is on the terminal first, the live region gone."""
        if ask is None:
            return None

        async def asked(*args: object, **kwargs: object) -> str:
            if self._live is None:
                await self._screen.caught_up()
                return await ask(*args, **kwargs)
            self._live.pause()
            try:
                await self._screen.caught_up()
                return await ask(*args, **kwargs)
            finally:
                self._live.resume()

        return asked


@contextmanager
def renderer(settings: Settings, redaction: Redaction) -> Iterator[View]:
    """The subscriber for stdout; leaving waits (bounded) until everything has been written."""
    output = settings.output
    if output == "auto":
        output = "live" if _terminal() and os.environ.get("TERM", "dumb") != "dumb" else "plain"
    with Screen(Redaction() if output == "json" else redaction) as screen:
        if output == "json":
            yield View(screen, JsonLines(screen.write, redaction))  # cleaned as data: its own keys are no secrets
        elif output == "live":
            from hotdesk.ui.live import Live

            with Live(cast("IO[str]", screen), style_of(settings)) as live:
                yield View(screen, live, live)
        else:
            yield View(screen, Plain(screen.write, style_of(settings), warn=screen.warn))
