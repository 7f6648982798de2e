"""A pause at the terminal: keys as they are pressed, Ctrl+C among them, which asks whether to go on.

Only the key is taken: a SIGINT from elsewhere stops the run as ever, and so does a second Ctrl+C.
Source of the dialog: https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/pause_module.html
"""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hotdesk.errors import TaskError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

INTERRUPT, NEWLINE, ERASE = b"\x03", (b"\r", b"\n"), (b"\x7f", b"\b")
DISABLED = b"\0"
"""_POSIX_VDISABLE of termios(3): no key has this meaning."""
QUESTION = b"\r\nPress 'C' to continue the play or 'A' to abort \r\n"
ABORTED = "user requested abort!"


async def pause(fd: int, text: str, *, echo: bool, timeout: float | None) -> str:
    """Wait for Return and give what was typed; with ``timeout`` (seconds) wait that long, whatever is typed.

    Ctrl+C asks: C goes on at once, A raises TaskError, a second Ctrl+C is a SIGINT for this process.
    """
    with _single(fd):
        os.write(fd, text.encode())
        try:
            async with asyncio.timeout(timeout):
                typed = await _line(fd, echo=echo and timeout is None, ends=timeout is None)
        except TimeoutError:
            return ""
        if typed is None:
            os.write(fd, QUESTION)
            await _decision(fd)
        return (typed or b"").decode(errors="replace")


async def _line(fd: int, *, echo: bool, ends: bool) -> bytes | None:
    """What is typed until Return (never, without ``ends``); None for Ctrl+C."""
    typed = b""
    async for key in _keys(fd):
        if key == INTERRUPT:
            return None
        if key in NEWLINE:
            if ends:
                os.write(fd, b"\r\n")
                return typed
        elif key in ERASE:
            shown = b"\b \b" if typed else b""
            typed = typed.decode(errors="ignore")[:-1].encode()
            os.write(fd, shown if echo else b"")
        else:
            typed += key
            os.write(fd, key if echo else b"")
    raise UsageError("the terminal was closed")


async def _decision(fd: int) -> None:
    async for key in _keys(fd):
        if key in (b"c", b"C"):
            return
        if key in (b"a", b"A"):
            raise TaskError(ABORTED)
        if key == INTERRUPT:
            os.kill(os.getpid(), signal.SIGINT)
    raise UsageError("the terminal was closed")


async def _keys(fd: int) -> AsyncIterator[bytes]:
    """Bytes as they come, until the terminal is closed."""
    while typed := await typed_on(fd):
        for number in typed:
            yield bytes([number])


async def typed_on(fd: int) -> bytes:
    """What is typed next on the terminal ``fd``; empty: it was closed."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))  # type: ignore[func-returns-value]
    try:
        await ready
    finally:
        loop.remove_reader(fd)
    try:
        return os.read(fd, 4096)
    except OSError:  # the other end is gone
        return b""


@contextmanager
def _single(fd: int) -> Iterator[None]:
    """No line is put together, nothing is echoed, and Ctrl+C is a key like others."""
    before = termios.tcgetattr(fd)
    single = [*before]
    single[3] &= ~(termios.ICANON | termios.ECHO)
    single[6] = [*before[6]]
    single[6][termios.VINTR], single[6][termios.VMIN], single[6][termios.VTIME] = DISABLED, 1, 0
    termios.tcsetattr(fd, termios.TCSADRAIN, single)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
