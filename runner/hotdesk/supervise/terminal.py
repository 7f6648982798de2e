"""Asking the person at the terminal without ever blocking the loop."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from typing import TYPE_CHECKING

from hotdesk.errors import UsageError
from hotdesk.supervise import keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LONGEST = 65536


def asker() -> Callable[..., Awaitable[str]] | None:
    """``ask``, or None when there is nobody to ask: stdin is not a terminal."""
    try:
        return ask if sys.stdin is not None and sys.stdin.isatty() else None
    except ValueError:  # stdin is closed
        return None


async def ask(text: str, echo: bool = True, timeout: float | None = None, *, pausing: bool = False) -> str:
    """Show ``text`` on the terminal and give the line that is typed, without its newline. ``pausing``: as ``keys.pause``.

    Raises UsageError when there is no terminal or it ends, TimeoutError after ``timeout`` seconds.
    """
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as exc:
        raise UsageError(f"there is no terminal to ask on: {exc.strerror}") from None
    try:
        if pausing:
            return await keys.pause(fd, text, echo=echo, timeout=timeout)
        before = termios.tcgetattr(fd)
        if not echo:
            quiet = [*before]
            quiet[3] &= ~termios.ECHO
            termios.tcsetattr(fd, termios.TCSADRAIN, quiet)
        try:
            os.write(fd, text.encode())
            async with asyncio.timeout(timeout):
                return await _line(fd)
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
            if not echo:
                os.write(fd, b"\n")
    finally:
        os.close(fd)


async def _line(fd: int) -> str:
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST:
        typed = await keys.typed_on(fd)
        if not typed:
            raise UsageError("the terminal was closed")
        line += typed
    return line.decode(errors="replace").rstrip("\r\n")
