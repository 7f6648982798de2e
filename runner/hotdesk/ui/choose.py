"""Which renderer shows the run: live on a terminal, else Ansible's lines; JSON on request."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from hotdesk.ui.json_lines import JsonLines
from hotdesk.ui.plain import Plain, Style
from hotdesk.ui.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from hotdesk.bus import Subscriber
    from hotdesk.redaction import Redaction
    from hotdesk.settings import Settings


def style_of(settings: Settings) -> Style:
    """The parts of the settings that a renderer needs. NO_COLOR: https://no-color.org."""
    color = settings.color
    if color is None:
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return Style(
        color=color,
        verbosity=settings.verbosity,
        max_diff_size=settings.max_diff_size,
        display_skipped=settings.display_skipped_hosts,
        display_ok=settings.display_ok_hosts,
        show_custom_stats=settings.show_custom_stats,
        deprecations=settings.deprecation_warnings,
    )


@contextmanager
def renderer(settings: Settings, redaction: Redaction) -> Iterator[Subscriber]:
    """The subscriber for stdout; leaving waits (bounded) until everything has been written."""
    output = settings.output
    if output == "auto":
        output = "live" if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" else "plain"
    with Screen(redaction) as screen:
        if output == "json":
            yield JsonLines(screen.write)
        elif output == "live":
            from hotdesk.ui.live import Live

            with Live(cast("IO[str]", screen), style_of(settings)) as live:
                yield live
        else:
            yield Plain(screen.write, style_of(settings))
