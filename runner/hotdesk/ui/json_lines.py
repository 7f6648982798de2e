"""``--output json``: one event per line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.events import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.events import Event
    from hotdesk.redaction import Redaction


class JsonLines:
    """A subscriber that writes each event as a JSON object on a line of its own."""

    def __init__(self, write: Callable[[str], object], redaction: Redaction) -> None:
        self._write = write
        self._redaction = redaction

    def __call__(self, event: Event) -> None:
        self._write(self._redaction.json_line(record(event)) + "\n")
