"""The shortest round trip that still proves that Python runs there."""

from __future__ import annotations


def pong(data: str) -> str:
    """Give ``data`` back; "crash" raises, to see what a crash looks like."""
    if data == "crash":
        raise Exception("boom")
    return data
