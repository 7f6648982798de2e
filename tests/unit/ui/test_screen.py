"""Text leaves through a thread that may wait, the caller never does."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from typing import TYPE_CHECKING

from hotdesk.redaction import Redaction
from hotdesk.ui.screen import MOST, Screen

if TYPE_CHECKING:
    import pytest


def test_secrets_are_masked_on_the_way_out() -> None:
    """Whatever is written, a known secret is not."""
    redaction, out = Redaction(), io.StringIO()
    redaction.add("hunter22")
    with Screen(redaction, out) as screen:
        screen.write("the password is hunter22, see https://me:pw12@example.org/\n")
    assert out.getvalue() == "the password is ********, see https://me:********@example.org/\n"


def test_warnings_go_to_stderr_in_their_turn() -> None:
    """stdout is flushed first, so that where both are one file the lines stand in order; secrets are masked there too."""
    redaction, both = Redaction(), io.StringIO()
    redaction.add("hunter22")
    with Screen(redaction, both, both) as screen:
        screen.write("one\n")
        screen.warn("hunter22\n")
        screen.write("two\n")
    assert both.getvalue() == "one\n********\ntwo\n"
    out, errors = io.StringIO(), io.StringIO()
    with Screen(redaction, out, errors) as screen:
        screen.write("one\n")
        screen.warn("mind\n")
    assert (out.getvalue(), errors.getvalue()) == ("one\n", "mind\n")


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


async def test_one_can_wait_until_it_has_been_written() -> None:
    """caught_up() comes back once the stream has everything, and after its patience if it never has."""
    out = io.StringIO()
    with Screen(Redaction(), out) as screen:
        screen.write("before")
        await screen.caught_up()
        assert out.getvalue() == "before"
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        with Screen(Redaction(), stream, patience=0.1) as screen:
            screen.write("x" * 1_000_000)
            await screen.caught_up(0.05)
        os.close(read)
        screen._thread.join(5)
        stream = None  # type: ignore[assignment]


def test_without_stdout_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started with stdout closed: everything goes nowhere, nothing breaks."""
    monkeypatch.setattr(sys, "stdout", None)
    with Screen(Redaction()) as screen:
        screen.write("x")
        assert not screen.isatty()


def test_what_the_encoding_cannot_say_is_escaped() -> None:
    """A terminal of LANG=C gets escapes, not an error."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    with Screen(Redaction(), stream) as screen:
        screen.write("é\n")
    assert raw.getvalue() == b"\\xe9\n"
