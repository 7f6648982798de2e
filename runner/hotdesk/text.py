"""Untrusted text made safe for a terminal or a report."""

from __future__ import annotations

import re

ESCAPES = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]"
)


def safe(text: str) -> str:
    r"""Control, bidirectional and undecodable characters as ``\x1b``-like escapes; newline and tab stay."""
    return ESCAPES.sub(lambda found: _escape(found[0]), text)


def brief(text: str, most: int = 300) -> str:
    """``text`` as a part of one line: blanks and line breaks run together, cut in the middle when it is longer than ``most``."""
    words = " ".join(text.split())
    half = (most - 5) // 2
    return words if len(words) <= most else f"{words[:half]} ... {words[-half:]}"


def size(number: float) -> str:
    """Bytes for people: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # an undecodable byte, by surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
