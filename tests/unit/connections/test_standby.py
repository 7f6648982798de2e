"""The fork of an agent that does one call after another (``agent.standby``)."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, cast

import pytest

from hotdesk.agent.standby import Standby
from hotdesk.errors import TaskError

from .conftest import until

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.agent.main import Agent
    from hotdesk.connections.link import Link

CALLED = """
import os, subprocess, sys, threading, time
kept = []
def pid(): return os.getpid()
def task(): return [os.environ["HOTDESK_TASK"], os.getpid()]
def same(payload): return payload
def items(n):
    for i in range(n): yield i
    return os.getpid()
def printed(text): os.write(1, text.encode()); return os.getpid()
def waits(path):
    yield os.getpid()
    while not os.path.exists(path): time.sleep(0.01)
    return os.getpid()
def starts(): subprocess.run(["true"]); return os.getpid()
def moves(): os.chdir("/"); return os.getpid()
def masks(): os.umask(0o7); return os.getpid()
def names(): os.environ["LEFT"] = "behind"; return os.getpid()
def opens(): kept.append(open("/dev/null")); return os.getpid()
def threads(): threading.Thread(target=time.sleep, args=(300,), daemon=True).start(); return os.getpid()
def listens(): import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); return os.getpid()
def found():
    umask = os.umask(0o22); os.umask(umask)
    return [umask, os.getcwd(), os.environ.get("LEFT"), len(kept), threading.active_count()]
def fails(): raise Failed("no", pid=os.getpid())
"""


async def test_calls_share_a_process(link: Link) -> None:
    """Of a module that stays, with the marks of each; other modules are called in a fork of their own."""
    first = await link.call(CALLED, "pid", task="a", stays=True)
    assert await link.call(CALLED, "task", task="b", stays=True) == ["b", first]
    assert await link.call(CALLED, "task", task="c", stays=True) == ["c", first]
    assert await link.call(CALLED, "pid", task="d") not in (first, os.getpid())


async def test_answers_of_all_sizes_arrive(link: Link) -> None:
    """Items one by one, what does not fit into a pipe at once, and what was printed, which is no answer."""
    first, got = await link.call(CALLED, "pid", task="t", stays=True), list[Any]()
    assert await link.call(CALLED, "items", 3, task="t", stays=True, on_item=got.append) == first
    assert got == [0, 1, 2]
    for size in (0, 50_000, 70_000, 3_000_000):
        data = os.urandom(size)
        assert await link.call(CALLED, "same", task="t", stays=True, payload=data) == data
    assert await link.call(CALLED, "printed", "words", task="t", stays=True) == first


@pytest.mark.parametrize("what", ["starts", "moves", "masks", "names", "opens", "threads", "listens"])
async def test_nothing_of_a_call_is_left_for_the_next(link: Link, what: str) -> None:
    """A process that is another one after a call is not used again."""
    before = await link.call(CALLED, "found", task="t", stays=True)
    changed = await link.call(CALLED, what, task="t", stays=True)
    assert await link.call(CALLED, "pid", task="t", stays=True) != changed
    assert await link.call(CALLED, "found", task="t", stays=True) == before


async def test_a_call_that_fails_ends_its_process(link: Link) -> None:
    """Its error arrives, and the next call has another process."""
    with pytest.raises(TaskError, match=r"^no$") as failed:
        await link.call(CALLED, "fails", task="t", stays=True)
    assert await link.call(CALLED, "pid", task="t", stays=True) != failed.value.data["pid"]


async def test_a_module_that_came_later_is_found(link: Link) -> None:
    """In a process that was forked when it was there; the ones from before are in it as well."""
    first = await link.call(CALLED, "pid", task="t", stays=True)
    second = await link.call(CALLED + "\n", "pid", task="t", stays=True)
    assert second != first
    assert await link.call(CALLED, "pid", task="t", stays=True) == second


async def test_calls_at_the_same_time_do_not_wait(link: Link, tmp_path: Path) -> None:
    """One that finds the process busy has a fork of its own."""
    began: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    slow = asyncio.ensure_future(
        link.call(CALLED, "waits", str(tmp_path / "go"), task="t", stays=True, on_item=began.set_result)
    )
    busy = await began
    assert await link.call(CALLED, "pid", task="u", stays=True) != busy
    (tmp_path / "go").touch()
    assert await slow == busy
    assert await link.call(CALLED, "pid", task="u", stays=True) == busy


@pytest.mark.parametrize("end", ["cancelled", "killed", "killed at rest"])
async def test_a_process_that_has_gone_is_replaced(link: Link, tmp_path: Path, end: str) -> None:
    """Stopped with its call, or killed from outside: the next call works."""
    began: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    if end == "killed at rest":
        gone = await link.call(CALLED, "pid", task="t", stays=True)
        os.kill(gone, 9)
        await until(lambda: not os.path.exists(f"/proc/{gone}/exe"))  # noqa: PTH110 - gone, or dead
    else:
        calling = asyncio.ensure_future(
            link.call(CALLED, "waits", str(tmp_path / "go"), task="t", stays=True, on_item=began.set_result)
        )
        gone = await began
        if end == "killed":
            os.kill(gone, 9)
            with pytest.raises(TaskError, match="signal 9"):
                await calling
        else:
            calling.cancel()
            await asyncio.wait({calling})
    assert await link.call(CALLED, "pid", task="t", stays=True) != gone


class _Agent:
    """As much of an agent as a standby at rest knows: its loop is this itself."""

    def __init__(self) -> None:
        self.standby: Standby | None = None
        self.loop, self.waiting = self, list[Any]()

    def later(self, seconds: float, action: Any) -> None:
        self.waiting.append((seconds, action))


def _resting(agent: _Agent) -> tuple[Standby, int]:
    """(a standby, the end of its pipe that it would read)"""
    standby = agent.standby = Standby(cast("Agent", agent))
    read, standby.requests = os.pipe()
    standby.pid = -1 << 30  # nobody
    return standby, read


def test_a_process_that_is_being_ended_gets_no_call() -> None:
    """Its call is over before the signal comes: the next one must not be hit by it."""
    agent = _Agent()
    standby, read = _resting(agent)
    standby.turn = turn = cast("Any", object())
    standby.doom([cast("Any", object())])
    standby.doom([turn])
    standby.rest()
    assert agent.standby is None
    assert os.read(read, 1) == b""
    os.close(read)


def test_it_ends_when_nobody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds without a call, counted from the last one."""
    now = [100.0]
    monkeypatch.setattr("hotdesk.agent.standby.monotonic", lambda: now[0])
    agent = _Agent()
    standby, read = _resting(agent)
    standby.rest()
    now[0] = 107.0
    standby.rest()
    for moment in (110.0, 117.0):
        assert agent.standby is standby
        ((_, look),) = agent.waiting
        agent.waiting, now[0] = [], moment
        look()
    assert (agent.standby, agent.waiting) == (None, [])
    os.close(read)
