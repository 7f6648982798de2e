"""What is a fault: an exception that is not ours, an error without place, a message nobody can act on, a hang."""

from __future__ import annotations

import re
import signal
import traceback
from typing import TYPE_CHECKING

from hotdesk.errors import HotdeskError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.doors import Door

DEADLINE = 20.0
"""Seconds of processor time one input may take; what is bounded by time (templates) is bounded well below it."""
PYTHONS = re.compile(
    r"object at 0x|Traceback|<class '|\bNoneType\b|\byaml\.|jinja2\.|hotdesk\.|_raw_params|\bTrusted\b|\bMap\b|\bSeq\b|\w+Error\b|"
    r"(?:str|int|float|bool|list|dict|tuple) object|object has no attribute|is not (?:subscriptable|iterable|callable)|\bdict\b.*\blist\b|"
    r"surrogates not allowed|codec can't|recursion depth"
)
"""What only a programmer understands."""
LONGEST = 2000
"""Characters of a message; more hides what it says."""


class Fault(AssertionError):
    """The product is wrong about this input; ``key`` is alike for inputs that show the same fault."""

    def __init__(self, door: str, what: str, key: str) -> None:
        super().__init__(f"{door}: {what}")
        self.key = f"{door}: {key}"


class Hang(BaseException):
    """Not an Exception: nothing may take it for an error of its own."""


def judge(door: Door, data: bytes, folder: Path) -> HotdeskError | None:
    """Give ``data`` to ``door`` and return its error, if it had one. Raises Fault."""
    before = signal.signal(signal.SIGPROF, _hang)
    signal.setitimer(signal.ITIMER_PROF, DEADLINE)
    try:
        door.read(data, folder)
    except HotdeskError as error:
        _judge_error(door, error, folder, data)
        return error
    except (Exception, Hang) as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        ours = [frame for frame in frames if "/hotdesk/" in frame.filename] or frames
        where = f"{ours[-1].filename.rpartition('/hotdesk/')[2]}:{ours[-1].name}"
        key = f"{type(problem).__name__} in {where}"
        raise Fault(door.name, f"{key}: {problem!r:.300}", key) from problem
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return None


def _hang(_signum: int, _frame: object) -> None:
    raise Hang(f"not done after {DEADLINE:g} s of processor time")


def _judge_error(door: Door, error: HotdeskError, folder: Path, data: bytes) -> None:
    said = error.explain()
    if error.exit_code not in (4, 5) and not door.of_host:
        raise Fault(door.name, f"not an error of input: {said}", f"exit code of {type(error).__name__}") from error
    if door.places and error.place is None:
        raise Fault(door.name, f"no place: {said}", f"no place: {_shape(error.message)}") from error
    if door.places and error.place is not None and not error.place.file.startswith(str(folder)):
        raise Fault(door.name, f"a place elsewhere: {said}", f"a place elsewhere: {_shape(error.message)}") from error
    text = _quoted_away(f"{error.message}\n{error.remedy}")
    if not error.message.strip() or len(error.message) > LONGEST:
        raise Fault(door.name, f"a message of {len(error.message)} characters: {said:.500}", f"length: {_shape(text)}")
    given = data.decode("utf-8", "replace")
    found = PYTHONS.search(text)
    if found and not door.pythons and found.group() not in given:
        raise Fault(door.name, f"{found.group()!r} in: {said}", f"{found.group()}: {_shape(text)}") from error


def _quoted_away(text: str) -> str:
    """``text`` without what it quotes of the user's own."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "''", text)


def _shape(message: str) -> str:
    return re.sub(r"\d+", "N", _quoted_away(message))[:80]
