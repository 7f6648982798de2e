"""The run log on disk."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import threading
from typing import TYPE_CHECKING

from hotdesk import events as ev
from hotdesk.aio import in_thread
from hotdesk.redaction import Redaction
from hotdesk.report.run_log import KEEP, entries, run_log
from hotdesk.results import Progress, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


async def test_every_line_is_json_with_utc_time_run_host_and_task(tmp_path: Path) -> None:
    """A line says when, in which run, where and in which task."""
    async with run_log(tmp_path, "r1", Redaction()) as log:
        log(ev.TaskStarted(task="t1", name="copy it", action="ansible.builtin.copy"))
        log(ev.TaskFinished(task="t1", host="vega", result=Result(changed=True)))
    found = [json.loads(line) for line in (tmp_path / "r1.jsonl").read_text().splitlines()]
    assert found[1]["time"].endswith("+00:00")
    assert (found[1]["run"], found[1]["host"], found[1]["task_name"], found[1]["result"]["changed"]) == (
        "r1",
        "vega",
        "copy it",
        True,
    )


async def test_the_end_of_a_loop_does_not_repeat_its_items(tmp_path: Path) -> None:
    """Each item has had a line of its own; all of many in one line again would hold the event loop and double the log."""
    items = tuple(Result(data={"item": number}) for number in range(3))
    async with run_log(tmp_path, "r1", Redaction()) as log:
        for item in items:
            log(ev.ItemFinished(task="t", host="vega", label="", result=item))
        log(ev.TaskFinished(task="t", host="vega", result=Result(data={"msg": "All items completed"}, items=items)))
    *told, end = entries(tmp_path / "r1.jsonl")
    assert [entry["result"]["item"] for entry in told] == [0, 1, 2]
    assert (end["result"]["msg"], "results" in end["result"]) == ("All items completed", False)


async def test_only_the_owner_can_read_it_and_no_secret_is_in_it(tmp_path: Path) -> None:
    """Mode 0600, secrets masked, also those that JSON escapes."""
    redaction = Redaction()
    redaction.add('pass"word')
    async with run_log(tmp_path / "logs", "r1", redaction) as log:
        log(ev.Noted(text='it is pass"word'))
    path = tmp_path / "logs" / "r1.jsonl"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "word" not in path.read_text()


async def test_on_a_full_disk_every_line_that_is_there_is_whole(tmp_path: Path) -> None:
    """A write that fits in part leaves no half line, what comes when there is room again is written, and the reason is kept."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with run_log(tmp_path, "r1", Redaction()) as log:
        for number in range(9):
            log(ev.Noted(text=f"{number}" * 100))
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # stands for the disk's size
            log.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log(ev.Noted(text="later"))
    found = [json.loads(line)["text"][:1] for line in (tmp_path / "r1.jsonl").read_text().splitlines()]
    assert found == ["0", "1", "2", "3", "l"]
    assert "could not be written" in log.failed


async def test_lines_stand_in_the_order_of_their_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the next lines are to be written while a slow disk is still at the last."""
    answers, write = threading.Event(), os.write

    def slow(fd: int, data: bytes) -> int:
        if b"first" in data:
            answers.wait(30)
        return write(fd, data)

    async with run_log(tmp_path, "r1", Redaction()) as log:
        monkeypatch.setattr(os, "write", slow)
        log(ev.Noted(text="first"))
        async with asyncio.TaskGroup() as group:
            group.create_task(in_thread(log.flush))
            await until(lambda: not log._entries)
            log(ev.Noted(text="second"))
            await asyncio.wait({group.create_task(in_thread(log.flush))}, timeout=0.05)
            answers.set()
    assert [entry["text"] for entry in entries(tmp_path / "r1.jsonl")] == ["first", "second"]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a list rings no bell
            await asyncio.sleep(0.001)


async def test_progress_is_thinned_and_old_logs_go(tmp_path: Path) -> None:
    """A long transfer does not fill the log, many runs do not fill the disk."""
    for number in range(KEEP + 5):
        (tmp_path / f"a{number:03}.jsonl").write_text("")
    async with run_log(tmp_path, "z", Redaction()) as log:
        for _ in range(100):
            log(ev.Progressed(task="t", host="h", progress=Progress(bytes_done=1)))
    assert sum(path.suffix == ".jsonl" for path in tmp_path.iterdir()) == KEEP  # noqa: ASYNC240 - a small directory
    assert len(list(entries(tmp_path / "z.jsonl"))) == 1


def test_a_line_cut_off_is_left_out(tmp_path: Path) -> None:
    """After kill -9 the rest of the log still reads."""
    path = tmp_path / "r.jsonl"
    path.write_text('{"event": "A"}\n{"event": ')
    assert list(entries(path)) == [{"event": "A"}]
