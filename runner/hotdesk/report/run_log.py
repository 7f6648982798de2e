"""The run log: every event of a run as a line of JSON, in a file only its owner can read, secrets removed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hotdesk import aio
from hotdesk.errors import UsageError
from hotdesk.events import Output, Progressed, Room, TaskStarted, record
from hotdesk.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from hotdesk.events import Event

INTERVAL = 0.2
"""Seconds between writes: what a ``kill -9`` of the runner may cost of its log."""
PROGRESS_INTERVAL = 5.0
"""Seconds between two progress lines of one host and task."""
MOST_OUTPUT = 10_000
"""Lines of command output kept per task and host."""
KEEP = 50
"""Run logs kept; older ones are removed when a run starts."""
CLOSE_LIMIT = 5.0
"""Seconds that a disk may take for the last lines."""


class RunLog:
    """A subscriber. Lines are collected and written in a thread of our pool, so a slow disk never stops the loop."""

    def __init__(self, path: Path, run: str, redaction: Redaction, typed: str = "") -> None:
        """``typed``: what stood after ``-a``; it may hold a password, so neither it nor what repeats it is kept."""
        self.path = path
        self._run = run
        self._redaction = redaction
        self._typed: Redaction | None = None
        if typed:
            self._typed = Redaction()
            for text in (typed, _as_command(typed)):
                self._typed.add(text)
        self._entries: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}
        self._progressed: dict[tuple[str, str], float] = {}
        self._output: dict[tuple[str, str], int] = {}
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._writing = threading.Lock()
        self.failed = ""
        """Why lines could not be written (a full state disk), or nothing."""

    def __call__(self, event: Event) -> None:
        if not self._wanted(event):
            return
        entry: dict[str, Any] = record(event, Room())
        entry["time"] = datetime.fromtimestamp(entry.pop("at"), UTC).isoformat(timespec="milliseconds")
        entry["run"] = self._run
        if isinstance(event, TaskStarted):
            self._names[event.task] = event.name
        elif "task" in entry:
            entry["task_name"] = self._names.get(entry["task"], "")
        if self._typed is not None:
            _leave_out(entry)
        self._entries.append(entry)

    def _wanted(self, event: Event) -> bool:
        match event:
            case Progressed(task=task, host=host, at=at):
                due = at - self._progressed.get((host, task), 0.0) >= PROGRESS_INTERVAL
                if due:
                    self._progressed[host, task] = at
                return due
            case Output(task=task, host=host):
                self._output[host, task] = self._output.get((host, task), 0) + 1
                return self._output[host, task] <= MOST_OUTPUT
        return True

    def _line(self, entry: dict[str, Any]) -> str:
        line = self._redaction.json_line(entry)
        return (self._typed.clean(line) if self._typed is not None else line) + "\n"

    async def write_regularly(self) -> None:
        """Write what has collected until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            if self._entries:
                await aio.in_thread(self.flush)

    def flush(self) -> None:
        """Write what has collected now (blocks). What does not fit on the disk is not written at all: every line of the log is whole."""
        with self._writing:  # one after another: lines stand in the order of their events
            entries, self._entries = self._entries, []
            self._write("".join(map(self._line, entries)).encode())

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as exc:  # the run matters more than its log; the reason is told at the end
            self.failed = self.failed or f"the run log {self.path} could not be written: {exc.strerror}"
            if half := written - (data.rfind(b"\n", 0, written) + 1):
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - half)

    def close(self) -> None:
        self.flush()
        os.close(self._fd)


@asynccontextmanager
async def run_log(directory: Path, run: str, redaction: Redaction, typed: str = "") -> AsyncIterator[RunLog]:
    """Open ``directory/<run>.jsonl`` (0600, directory 0700), write to it while the block runs, keep the newest KEEP logs."""
    log = await aio.in_thread(_open, directory, run, redaction, typed)
    writer = aio.owned(log.write_regularly(), name="run log")
    try:
        yield log
    finally:
        writer.cancel()
        await asyncio.wait({writer})
        with contextlib.suppress(TimeoutError):
            await aio.finish(aio.in_thread(log.close), grace=CLOSE_LIMIT)


def _as_command(typed: str) -> str:
    """As a command is shown in messages."""
    try:
        return shlex.join(shlex.split(typed))
    except ValueError:  # a quote that is not closed
        return typed


def _leave_out(entry: dict[str, Any]) -> None:
    """What repeats a command line of ``hotdesk run``: the task's arguments, the command that was run."""
    entry.pop("args", None)
    if entry["event"] == "Changed":
        entry.pop("detail", None)
    for name in ("cmd", "invocation"):
        entry.get("result", {}).pop(name, None)


def _open(directory: Path, run: str, redaction: Redaction, typed: str) -> RunLog:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(directory.glob("*.jsonl"))[: -KEEP + 1 or None]:
        old.unlink(missing_ok=True)
    return RunLog(directory / f"{run}.jsonl", run, redaction, typed)


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a run log; a last line cut off by ``kill -9`` is left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return


def chosen(directory: Path, run: str) -> Path:
    """The log of the run with the id, or the beginning of one, ``run`` (``last``: the newest). Raises UsageError."""
    logs = sorted(directory.glob("*.jsonl"))
    if run == "last" and logs:
        return logs[-1]
    found = [path for path in logs if path.stem.startswith(run)]
    if len(found) == 1:
        return found[0]
    problem = f"{len(found)} runs begin with {run!r}" if found else f"there is no run {run!r}"
    raise UsageError(problem, remedy="'hotdesk log' lists the runs; 'hotdesk log last' shows the newest")
