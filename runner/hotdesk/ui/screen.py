"""Where text leaves the process: a thread of its own writes it, so a paused terminal or a slow pipe never stops the loop."""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

    from hotdesk.redaction import Redaction

MOST = 20_000
"""Pieces of text that may wait for a terminal that takes none; later ones are dropped and counted."""


class Screen:
    """A context manager over stdout (or another text stream). ``write`` never blocks; leaving waits at most ``patience`` s."""

    def __init__(self, redaction: Redaction, stream: TextIO | None = None, *, patience: float = 5.0) -> None:
        self._redaction = redaction
        self._stream = stream or sys.stdout
        self._patience = patience
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST)
        self._dropped = 0
        self._thread = threading.Thread(target=self._drain, name="hotdesk-screen", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._dropped:
            self.write(f"[WARNING]: {self._dropped} pieces of output were dropped: the terminal did not take them\n")
        try:
            self._waiting.put(None, timeout=self._patience)
        except queue.Full:
            return
        self._thread.join(self._patience)

    def write(self, text: str) -> None:
        """Queue ``text``, secrets removed."""
        try:
            self._waiting.put_nowait(self._redaction.clean(text))
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Nothing to do: the thread flushes when it has caught up (rich calls this)."""

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def _drain(self) -> None:
        while (text := self._waiting.get()) is not None:
            try:
                self._stream.write(text)
                if self._waiting.empty():
                    self._stream.flush()
            except UnicodeEncodeError:
                encoding = self._stream.encoding or "ascii"
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except (OSError, ValueError):  # nobody reads any more: the run goes on without a screen
                break
        while text is not None:
            text = self._waiting.get()
