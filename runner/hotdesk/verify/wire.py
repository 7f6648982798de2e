"""How a pytest process and the runner talk: a 4-byte length, then JSON; bytes travel as latin-1 text. Standard library only."""

from __future__ import annotations

import json
import struct
from typing import Any

SOCKET = "HOTDESK_VERIFY_SOCKET"
"""Environment variable with the path of the runner's socket."""
LENGTH = struct.Struct("!I")
EXPECTED_TEST = "::test_expected"
"""How the name ends of the one test in verify/expected.py."""
MOST = 256 * 1024 * 1024
"""Bytes; a longer message is a fault."""


def pack(message: dict[str, Any]) -> bytes:
    """A message ready to send."""
    body = json.dumps(message).encode()
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> dict[str, Any]:
    """The message in ``body``. Raises ValueError when it is none."""
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a message is a mapping")
    return message
