"""How workers, and runs with workers, end: what is seen from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk import events as ev
from hotdesk.workers import workers
from hotdesk.workers.remote import Worker
from tests.unit.connections.conftest import marked, until
from tests.unit.workers.conftest import as_process, both_at_work, play, workers_of, written

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from hotdesk.demo.embedded import EmbeddedPCs
    from hotdesk.workers.line import Line

SHORT = 2.0
"""Seconds."""
TOGETHER = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: First, ansible.builtin.shell: "echo x >> %(top)s/counts/{{ inventory_hostname }}"}
    - {name: Waits, ansible.builtin.command: "sh -c 'until test -e %(top)s/go; do sleep 0.05; done'", when: inventory_hostname == 'pc1'}
    - {name: Last, ansible.builtin.shell: "echo y >> %(top)s/counts/{{ inventory_hostname }}"}
"""
TURNS = """
- hosts: all
  gather_facts: false
  serial: 1
  tasks:
    - {name: First, ansible.builtin.shell: "echo x >> {{ count }}", vars: {count: "%s/{{ inventory_hostname }}"}}
    - {name: Waits, ansible.builtin.command: "sh -c 'until test -e %s/go; do sleep 0.05; done'", when: inventory_hostname == 'pc1'}
"""


async def test_the_hosts_of_a_killed_worker_are_unreachable_and_the_others_finish(
    pcs: EmbeddedPCs, tmp_path: Path
) -> None:
    """kill -9 of one of two workers: one line names it, its host says why, the other host's task ends well, and nothing is left."""
    running = await both_at_work(pcs, tmp_path, workers="2")
    run = run_id_of(workers_of(os.getpid())[0])
    await until(lambda: len(marked(run)) >= 2 + 2 + 2)  # workers, agents, commands
    killed = workers_of(os.getpid())[0]
    os.kill(killed, signal.SIGKILL)
    await until(lambda: len(workers_of(os.getpid())) == 1)
    (tmp_path / "go").touch()
    async with asyncio.timeout(60):
        played = await running
    assert played.code == 4
    lines = [event.text for event in played.of(ev.Warned) if "is gone" in event.text]
    assert len(lines) == 1
    assert f"(pid {killed})" in lines[0]
    assert "SIGKILL" in lines[0]
    results = {event.host: event.result for event in played.of(ev.TaskFinished)}
    lost = [host for host, result in results.items() if result.unreachable]
    assert len(lost) == 1
    assert f"(pid {killed})" in str(results[lost[0]])
    assert [host for host, result in results.items() if result.changed] == [
        host for host in ("pc1", "pc2") if host not in lost
    ]
    await until(lambda: marked(run) == [])


async def test_tasks_that_have_not_begun_move_to_another_worker(pcs: EmbeddedPCs, tmp_path: Path) -> None:
    """While pc1 alone is at work the worker that has pc2 is killed: pc2's next task goes through the other one, and each is done once.

    What had begun before the loss was known would be lost with it.
    """
    (tmp_path / "counts").mkdir()
    book, waiting, known = written(tmp_path, TOGETHER % {"top": tmp_path}), asyncio.Event(), asyncio.Event()

    def heard(event: ev.Event) -> None:
        if isinstance(event, ev.Changed) and "until" in event.detail:
            waiting.set()
        elif isinstance(event, ev.Warned) and "is gone" in event.text:
            known.set()

    running = asyncio.ensure_future(play(pcs, book, heard, workers="2"))
    async with asyncio.timeout(60):
        await waiting.wait()
    idle = [pid for pid in workers_of(os.getpid()) if pcs.ports["pc2"] in connected_to(pid)]
    assert len(idle) == 1
    os.kill(idle[0], signal.SIGKILL)
    async with asyncio.timeout(60):
        await known.wait()
        (tmp_path / "go").touch()
        played = await running
    assert played.code == 0
    assert [(tmp_path / "counts" / name).read_text() for name in ("pc1", "pc2")] == ["x\ny\n", "x\ny\n"]


async def test_a_run_without_any_worker_left_says_so(pcs: EmbeddedPCs, tmp_path: Path) -> None:
    """The only worker is killed: its hosts are unreachable, and so is whoever comes after them."""
    (tmp_path / "counts").mkdir()
    book, waiting = written(tmp_path, TURNS % (f"{tmp_path}/counts", tmp_path)), asyncio.Event()

    def heard(event: ev.Event) -> None:
        if isinstance(event, ev.Changed) and "until" in event.detail:
            waiting.set()

    running = asyncio.ensure_future(play(pcs, book, heard, workers="1", any_errors_fatal=False))
    async with asyncio.timeout(60):
        await waiting.wait()
        os.kill(workers_of(os.getpid())[0], signal.SIGKILL)
        played = await running
    assert played.code == 4
    assert any("no worker is left" in event.text for event in played.of(ev.Warned))
    assert not (tmp_path / "counts/pc2").exists()


@pytest.fixture
def hotdesk(pcs: EmbeddedPCs, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``hotdesk play --workers 2`` as a process of its own, in a task on both PCs."""
    with as_process(pcs, tmp_path, "2") as process:
        yield process


@pytest.mark.parametrize(
    ("numbers", "code", "to_all"),
    [((signal.SIGINT,), 130, True), ((signal.SIGTERM,), 143, True), ((signal.SIGHUP,), 129, False), ((signal.SIGINT, signal.SIGINT), 130, True),
     ((signal.SIGKILL,), -signal.SIGKILL, False)],
    ids=["SIGINT", "SIGTERM", "SIGHUP", "SIGINT twice", "kill -9"],
)  # fmt: skip
async def test_a_stopped_run_leaves_nothing(
    hotdesk: subprocess.Popen[bytes], numbers: tuple[int, ...], code: int, to_all: bool
) -> None:
    """Ctrl-C reaches the workers too, as in a terminal: the stop is in order all the same, and no process of the run is left anywhere."""
    await until(lambda: len(workers_of(hotdesk.pid)) == 2, limit=60)
    workers = workers_of(hotdesk.pid)
    run = run_id_of(workers[0])
    await until(lambda: len(marked(run)) >= 2 + 2 + 2, limit=60)
    for number in numbers:
        for pid in workers if to_all else ():
            os.kill(pid, number)
        os.kill(hotdesk.pid, number)
        await asyncio.sleep(0)
    out, _ = await asyncio.to_thread(hotdesk.communicate, None, 60)
    assert hotdesk.returncode == code
    await until(lambda: marked(run) == [])
    if code > 0:
        told = [json.loads(line) for line in out.splitlines() if line.startswith(b"{")]
        finished: list[Any] = [each for each in told if each.get("event") == "RunFinished"]
        assert finished, out[-2000:]
        assert b"is gone" not in out


async def test_a_frozen_worker_is_given_up_after_the_lease(
    pcs: EmbeddedPCs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not ended, it says nothing more: its host is unreachable, the others finish, and the run ends it.

    The lease that is over is the frozen one's alone: on a machine that is busy with other things all the rest have the time that they need.
    """
    made: list[tuple[Line, Worker]] = []

    def worker(line: Line, *args: Any, **kwargs: Any) -> Worker:
        made.append((line, Worker(line, *args, **kwargs)))
        return made[-1][1]

    monkeypatch.setattr(workers, "Worker", worker)
    running = await both_at_work(pcs, tmp_path, workers="2", lease="20")
    frozen = workers_of(os.getpid())[0]
    run = run_id_of(frozen)
    os.kill(frozen, signal.SIGSTOP)
    (line,) = [line for line, worker in made if f"(pid {frozen})" in worker.name]
    assert line.lease == 20
    line.lease = SHORT
    (tmp_path / "go").touch()
    async with asyncio.timeout(120):
        played = await running
    assert played.code == 4
    (warned,) = [event.text for event in played.of(ev.Warned) if f"(pid {frozen}) is gone" in event.text]
    assert f"it has not been heard for {SHORT:g} s" in warned
    assert sum(event.result.unreachable for event in played.of(ev.TaskFinished)) == 1
    await until(lambda: marked(run) == [])


def run_id_of(pid: int) -> str:
    with open(f"/proc/{pid}/environ", "rb") as stream:  # noqa: PTH123
        words = stream.read().split(b"\0")
    return next(word for word in words if word.startswith(b"HOTDESK_RUN=")).partition(b"=")[2].decode()


def connected_to(pid: int) -> set[int]:
    """The ports that this process has connections to (proc(5): /proc/net/tcp)."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
        with suppress(OSError):
            inodes.add(os.readlink(f"/proc/{pid}/fd/{name}").removeprefix("socket:[").rstrip("]"))  # noqa: PTH115
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(fields[2].rpartition(":")[2], 16) for fields in lines if fields[9] in inodes}
