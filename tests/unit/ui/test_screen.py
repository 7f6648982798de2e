"""Text leaves through a thread that may wait, the caller never does."""

from __future__ import annotations

import contextlib
import io
import os
import threading

from hotdesk.redaction import Redaction
from hotdesk.ui.screen import MOST, Screen


def test_secrets_are_masked_on_the_way_out() -> None:
    """Whatever is written, a known secret is not."""
    redaction, out = Redaction(), io.StringIO()
    redaction.add("hunter22")
    with Screen(redaction, out) as screen:
        screen.write("the password is hunter22, see https://me:pw12@example.org/\n")
    assert out.getvalue() == "the password is ********, see https://me:********@example.org/\n"


def test_a_reader_that_never_reads_does_not_stop_the_writer() -> None:
    """A full pipe leaves write() free; what does not fit is dropped."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        with Screen(Redaction(), stream, patience=0.1) as screen:
            for _ in range(MOST + 100):
                screen.write("x" * 100)
        thread = screen._thread
        os.close(read)
        thread.join(5)
        assert not thread.is_alive()
        with contextlib.suppress(OSError):
            stream.flush()
        stream = None  # type: ignore[assignment]


def test_no_thread_is_left() -> None:
    """Leaving the context ends the thread once all is written."""
    with Screen(Redaction(), io.StringIO()) as screen:
        screen.write("x")
    assert screen._thread not in threading.enumerate()
