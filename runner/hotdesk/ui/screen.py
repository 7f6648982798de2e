"""Where text leaves the process: a thread of its own writes it, so a paused terminal or a slow pipe never stops the loop."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
import threading
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from hotdesk.redaction import Redaction

MOST = 20_000
"""Pieces of text that may wait for a terminal that takes none; later ones are dropped and counted."""


class _Warning(str):
    """Text that goes to the other stream."""

    __slots__ = ()


class Screen:
    """A context manager over stdout and stderr (or other text streams). Writing never blocks; leaving waits at most ``patience`` s."""

    def __init__(
        self, redaction: Redaction, stream: TextIO | None = None, errors: TextIO | None = None, *, patience: float = 5.0
    ) -> None:
        self._redaction = redaction
        self._stream: TextIO | None = stream or sys.stdout
        self._errors: TextIO | None = errors or sys.stderr
        self._patience = patience
        self._waiting: queue.Queue[str | Callable[[], object] | None] = queue.Queue(MOST)
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
        """Queue ``text``; secrets are removed before it is written."""
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def warn(self, text: str) -> None:
        """As ``write``, on stderr: in its turn, so that where both are one terminal the lines stand in order."""
        self.write(_Warning(text))

    async def caught_up(self, patience: float = 1.0) -> None:
        """Wait until all that was written before has reached the stream, at most ``patience`` seconds."""
        loop, reached = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: so is whoever waited
                loop.call_soon_threadsafe(reached.set)

        try:
            self._waiting.put_nowait(tell)
            async with asyncio.timeout(patience):
                await reached.wait()
        except (queue.Full, TimeoutError):
            return

    def flush(self) -> None:
        """Nothing to do: the thread flushes when it has caught up (rich calls this)."""

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise OSError("stdout is closed")
        return self._stream.fileno()

    def _drain(self) -> None:
        stream, errors = self._stream, self._errors
        while (piece := self._waiting.get()) is not None:
            if not isinstance(piece, str):
                piece()
                continue
            if isinstance(piece, _Warning):
                with contextlib.suppress(OSError, ValueError):
                    _both(stream, errors, self._redaction.clean(piece))
                continue
            if stream is None:
                continue
            try:
                _put(stream, self._redaction.clean(piece))
                if self._waiting.empty() or not isinstance(self._waiting.queue[0], str):
                    stream.flush()
            except (OSError, ValueError):  # nobody reads any more: the run goes on without a screen
                stream = None


def _both(stream: TextIO | None, errors: TextIO | None, text: str) -> None:
    if errors is None:
        return
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    _put(errors, text)
    errors.flush()


def _put(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
