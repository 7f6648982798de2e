"""A pause at a terminal: what its keys do."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import TaskError
from hotdesk.supervise import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 20.0


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """(the person's end, ours)."""
    person, ours = os.openpty()
    yield person, ours
    os.close(person)
    os.close(ours)


async def shown(person: int, text: bytes) -> None:
    """Wait until ``text`` stands on the terminal."""
    seen = b""
    while text not in seen:
        seen += await asyncio.to_thread(os.read, person, 1024)


async def typed(terminal: tuple[int, int], *parts: bytes, **how: Any) -> str:
    """What ``pause`` gives when the question is answered with the first part, what follows it with the next."""
    person, ours = terminal
    before = termios.tcgetattr(ours)
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        waiting = group.create_task(keys.pause(ours, "question:", **{"echo": False, "timeout": None, **how}))
        for part, question in zip(parts, (b"question:", b"'A' to abort"), strict=False):
            await shown(person, question)
            os.write(person, part)
    assert termios.tcgetattr(ours) == before
    return waiting.result()


async def test_a_line_can_be_typed_and_mended(terminal: tuple[int, int]) -> None:
    """Until Return; the key that erases takes whole characters."""
    assert await typed(terminal, "hellö\x7f\x7flo there\r".encode()) == "hello there"


async def test_with_a_time_nothing_that_is_typed_counts(terminal: tuple[int, int]) -> None:
    """Neither text nor Return ends it early."""
    assert await typed(terminal, b"some text\r", timeout=0.2) == ""


async def test_after_ctrl_c_c_goes_on(terminal: tuple[int, int]) -> None:
    """And what was typed before is forgotten."""
    assert await typed(terminal, b"x\x03", b"C") == ""


async def test_after_ctrl_c_a_fails_the_task(terminal: tuple[int, int]) -> None:
    """With Ansible's words."""
    with pytest.raises(ExceptionGroup) as caught:
        await typed(terminal, b"\x03", b"a")
    assert caught.group_contains(TaskError, match="user requested abort!")


async def test_a_second_ctrl_c_is_a_signal(terminal: tuple[int, int]) -> None:
    """Whoever is asked whether to go on can still stop the whole run."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        await typed(terminal, b"\x03", b"\x03c")
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]
