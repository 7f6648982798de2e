"""How much of what a host sends is taken. Together they bound the memory that one host can cost the runner (docs/security.md)."""

from __future__ import annotations

import re

from hotdesk.agent.frames import WINDOW, FrameError

FRAME = 4 << 20
"""Bytes of one frame. An honest agent's have a body of at most 64 KiB; the list of processes that could not be ended may be long."""
ANSWER = 32 << 20
"""Bytes of what one called function returns, or of one item that it yields."""
UNREAD = 16 * WINDOW
"""Bytes of one request's events that wait for their reader. An honest agent keeps to a window for each of three streams."""
OUTPUT = 16 << 20
"""Bytes of one output stream that are kept (the first half and the last), where a line counts ``LINE`` bytes more."""
LINE = 64
"""What a line costs once it stands in ``stdout_lines``."""
VALUES = 500_000
"""Values in one JSON text: each costs up to 200 bytes, however few it has on the wire."""
DEPTH = 100
"""Lists and mappings inside each other: what is deeper cannot be walked through without exhausting the stack."""
SPOKEN = 1024
"""Bytes that count as a sign of life where no frame is complete yet: one byte a second is none."""
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BREAKS = b"\n\r\v\f\x1c\x1d\x1e"
_WIDE_BREAKS = ("\x85".encode(), "\u2028".encode(), "\u2029".encode())


def modest(text: bytes) -> None:
    """Raises FrameError for a JSON text with too many values in it, or too deep."""
    opened = text.count(b"[") + text.count(b"{")
    if opened + text.count(b",") <= VALUES and opened <= DEPTH:
        return
    # Each string has two quotes; so many of them alone make too many values, and sorting them out would take seconds.
    bare = b"," * text.count(b'"') if text.count(b'"') > 4 * VALUES else _TEXT.sub(b"", text)
    if bare.count(b"[") + bare.count(b"{") + bare.count(b",") > VALUES:
        raise FrameError(f"more than {VALUES} values in one answer")
    depth = 0
    for found in re.finditer(rb"[\[{]+|[\]}]+", bare):
        depth += len(found[0]) if found[0][:1] in b"[{" else -len(found[0])
        if depth > DEPTH:
            raise FrameError(f"an answer nested more than {DEPTH} deep")


def breaks(data: bytes) -> int:
    """How many lines ``str.splitlines`` would make of ``data``, at most."""
    return len(data) - len(data.translate(None, _BREAKS)) + sum(data.count(each) for each in _WIDE_BREAKS)
