"""What a hostile PC does, as data: bytes to write, frames, pauses, ends. Played by the false agent and by the false sshd."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hotdesk.agent.frames import PREFIX, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ID = "@ID@"
"""In a frame: the id of the request that is answered."""
CANARY = "@CANARY@"
"""In any text: a path that must not come to be."""
AS_LONG = "@AS-LONG@"
"""A file name of the same length."""
EVIL = "{{ lookup('ansible.builtin.pipe', 'touch " + CANARY + "') }}"
"""What runs on the control node if it is ever taken for a template."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Say nothing for that long."""

    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Repeat:
    """A move again and again; ``times`` None: without end."""

    move: Any
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Slowly:
    """One byte a second."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Errors:
    """Bytes on stderr."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of the process."""

    status: int = 0


class Close:
    """The output ends, the process does not. (To an embedded PC that is silence; sshd tells of it.)"""


def raw(text: bytes, values: bytes = b"", body: bytes = b"") -> bytes:
    """A frame of any header."""
    return PREFIX.pack(len(text), len(values), len(body)) + text + values + body


def claims(size: int) -> bytes:
    """The beginning of a frame that claims a body of ``size`` bytes."""
    return PREFIX.pack(2, 0, size) + b"{}"


def exited(rc: Any = 0, **fields: Any) -> dict[str, Any]:
    """The end of a command."""
    return {"id": ID, "ev": "exit", "rc": rc, "signal": None, "seconds": 0.1, **fields}


def printed(data: bytes, stream: str = "out") -> tuple[dict[str, Any], bytes]:
    """Output of a command."""
    return {"id": ID, "ev": "out", "stream": stream}, data


def gave(data: bytes) -> tuple[Any, ...]:
    """A called function's stream of results, as bytes, and its end."""
    return (printed(data, "result"), exited())


def returned(value: Any) -> tuple[Any, ...]:
    """What a called function returns."""
    return (Outcome({"result": value}),)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a called function ends: a well-made frame with anything in it, packed when the canary is known."""

    header: dict[str, Any]


def filled(value: Any, canary: str, ident: int) -> Any:
    """``value`` with the canary's path and the request's id in it."""
    if value == ID:
        return ident
    if isinstance(value, str):
        return value.replace(CANARY, canary)
    if isinstance(value, bytes):
        return value.replace(CANARY.encode(), canary.encode())
    if isinstance(value, dict):
        return {filled(key, canary, ident): filled(each, canary, ident) for key, each in value.items()}
    return [filled(each, canary, ident) for each in value] if isinstance(value, (list, tuple)) else value


def perform(moves: Sequence[Any], write: Callable[[bytes], None], canary: str, ident: int = 0) -> None:
    """Make the moves, in their order."""
    for move in moves:
        _one(move, write, canary, ident)


def _one(move: Any, write: Callable[[bytes], None], canary: str, ident: int) -> None:
    match move:
        case bytes():
            write(move.replace(CANARY.encode(), canary.encode()))
        case dict():
            write(pack(filled(move, canary, ident)))
        case (dict() as head, bytes() as body):
            write(pack(filled(head, canary, ident), filled(body, canary, ident)))
        case Outcome(header=header):
            perform(gave(pack(filled(header, canary, ident))), write, canary, ident)
        case Wait(seconds=seconds):
            time.sleep(seconds)
        case Repeat(move=inner, times=times):
            made: list[bytes] = []
            _one(inner, made.append, canary, ident)
            data = b"".join(made)
            while times is None or times > 0:
                write(data)
                times = None if times is None else times - 1
        case Slowly(data=data):
            for at in range(len(data)):
                write(data[at : at + 1])
                time.sleep(1)
        case Errors(data=data):
            os.write(2, data)
        case Close():
            os.close(1)
            os.close(2)
        case Exit(status=status):
            os._exit(status)
        case _:
            sys.exit(f"no move: {move!r}")
