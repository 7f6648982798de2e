"""What an agent may say, and how much of it is taken."""

from __future__ import annotations

from typing import Any

import pytest

from hotdesk.agent.frames import FrameError, pack
from hotdesk.connections import bounds, protocol
from hotdesk.connections.streams import Answer, Capture
from hotdesk.connections.wire import Exchange
from hotdesk.errors import TaskError


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({}, "it says None"),
        ({"ev": "sing"}, "it says 'sing'"),
        ({"ev": "hello", "id": []}, "it says 'hello'"),
        ({"ev": ["out"]}, r"it says \['out'\]"),
        ({"ev": "exit", "id": 1, "rc": 0, "signal": None, "seconds": -1.0}, "it took -1.0 seconds"),
        ({"ev": "stopped", "id": 1, "left": [[1]]}, "has 1 parts, not 2"),
        ({"ev": "took", "id": 1, "n": 1.5}, "n is a number"),
        ({"ev": "failed", "id": 1, "error": "os", "errno": 2}, "strerror is missing"),
    ],
)
def test_an_event_that_is_none_is_refused(header: dict[str, Any], said: str) -> None:
    """And named."""
    with pytest.raises(FrameError, match=said):
        protocol.check(header)


def test_the_event_that_was_asked_for() -> None:
    """Another one, however well made, is no answer."""
    pong = {"ev": "pong", "id": 1}
    protocol.check(pong, "pong")
    with pytest.raises(FrameError, match="'pong' where lock was asked for"):
        protocol.check(pong, "lock")


def test_a_text_with_many_values_or_deep_ones_is_refused() -> None:
    """What stands in strings does not count."""
    bounds.modest(b'{"a":"' + b"[[,{" * 300_000 + b'","b":"\\"[[["}')
    for text in (b"[" * 101, b"[" + b'"",' * 1_100_000, b"[" + b"1," * 500_001):
        with pytest.raises(FrameError):
            bounds.modest(text)


@pytest.mark.parametrize("line", ["a", "a\u2028b", "\x85", "\x1c\x1d\x1e", "é, not a line break"])
def test_lines_are_counted_as_splitlines_does(line: str) -> None:
    """Each of them is an object of its own in stdout_lines."""
    text = f"{line}\n" * 10
    assert bounds.breaks(text.encode()) == len(text.splitlines())


def test_output_is_kept_by_what_it_costs() -> None:
    """Its first and last half; many short lines are dearer than one long one."""
    plain, short = Capture(10_000), Capture(10_000)
    for _ in range(100):
        plain.add(b"x" * 90)
        short.add(b"a\n" * 45)
    assert (len(plain.value()), plain.truncated) == (9000, False)
    assert short.truncated
    assert 200 < len(short.value()) < 600
    assert b"dropped here" in short.value()


class _Link:
    lost = None


def test_what_nobody_reads_is_not_kept_for_ever() -> None:
    """An agent sends no more than its windows unasked; one that does is cut off."""
    exchange = Exchange(_Link(), 1, "task")  # type: ignore[arg-type]
    for _ in range(bounds.UNREAD // 65536 - 1):
        exchange.deliver({"ev": "out"}, bytes(65536))
    with pytest.raises(FrameError, match="faster than it was allowed"):
        exchange.deliver({"ev": "out"}, bytes(65536))


def test_an_error_cannot_set_what_is_ours() -> None:
    """The message stays the one that was given."""
    error = protocol.remote_error({"error": "failed", "msg": "no", "data": {"msg": "yes", "rc": 3}}, "pc")
    assert isinstance(error, TaskError)
    assert (error.message, error.data) == ("no", {"rc": 3})


def test_a_function_gives_one_value() -> None:
    """And nothing after it."""
    answer = Answer("pc", None)
    one = pack({"result": 1})
    answer.take("result", one)
    with pytest.raises(TaskError, match="pc: what a function there gave back is broken: it gave back two values"):
        answer.take("result", one)
