"""A Link to this PC, and the look from outside at what it left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


def end(pids: Iterable[int]) -> None:
    """Kill them; some go by themselves meanwhile, as the guardian does with the last of its agent's."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def marked(run: str, *, task: str | None = None) -> list[int]:
    """The pids of living processes whose environment carries the marks of ``run`` (and ``task``)."""
    wanted = {f"HOTDESK_RUN={run}".encode()} | ({f"HOTDESK_TASK={task}".encode()} if task else set())
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                zombie = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
                if not zombie and wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def alive(word: str) -> list[int]:
    """The pids of living processes with ``word`` among their arguments."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if word.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def guardians(link: Link) -> list[int]:
    """The pids of the shells that wait for the end of this link's agent."""
    found = []
    for pid in Path(f"/proc/{link.info.pid}/task/{link.info.pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it has just gone
            if b"\0read -r _" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


async def until(condition: object, *, limit: float = 30.0) -> None:
    """Wait until ``condition()`` is true; fail after ``limit`` seconds."""
    assert callable(condition)
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - processes ring no bell
            await asyncio.sleep(0.01)


async def started(link: Link, script: str, task: str) -> asyncio.Task[object]:
    """A shell under way, its tree in place."""
    ready = asyncio.Event()
    argv = ["sh", "-c", f"{script.replace('wait', 'echo ready; wait', 1)}"]
    if "wait" not in script:
        argv = ["sh", "-c", f"(sleep 0.2; echo ready) & {script}"]
    running = asyncio.ensure_future(link.run(argv, task=task, on_output=lambda *_: ready.set()))
    async with asyncio.timeout(30):
        await ready.wait()
    return running


@pytest.fixture
def run_id() -> str:
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
async def link(run_id: str) -> AsyncIterator[Link]:
    """An agent on this PC; afterwards nothing of its run may be left."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id, grace=0.5, lease=20.0)
        try:
            yield link
        finally:
            await link.aclose()
    assert marked(run_id) == []
