"""Plays over embedded PCs, with and without workers, and what must be equal of them."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk import app
from hotdesk import events as ev
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings
from tests.embedded import make_pcs, pcs
from tests.signals import hear_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hotdesk.demo.embedded import EmbeddedPCs

__all__ = [
    "Played",
    "as_process",
    "below",
    "both_at_work",
    "comparable",
    "make_pcs",
    "pcs",
    "play",
    "workers_of",
    "written",
]
JOB_ID = re.compile(r"j\d+\.\d+")
TIMES = frozenset(
    {"at", "run", "seconds", "duration", "start", "end", "delta", "rate", "command", "mtime", "atime", "ctime", "pid"}
)
"""Of a run, an event or a result: what no two runs have in common."""


LONG = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: Long, ansible.builtin.command: sleep 600}
"""


@dataclasses.dataclass
class Played:
    """A run: its exit code and its events."""

    code: int
    events: list[ev.Event]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


async def play(
    pcs: EmbeddedPCs, book: Path, on_event: Callable[[ev.Event], None] = lambda event: None, **settings: Any
) -> Played:
    """The playbook on the embedded PCs, in this process."""
    events: list[ev.Event] = []
    given = {"inventory": (str(pcs.inventory_path),), **settings}
    code = await app.play(load_settings(given), [book], app.PlayOptions(), app.Around(bus=Bus(events.append, on_event)))
    return Played(code, events)


def written(directory: Path, text: str) -> Path:
    """A playbook of this text."""
    path = directory / "book.yml"
    path.write_text(textwrap.dedent(text))
    return path


async def both_at_work(pcs: EmbeddedPCs, directory: Path, **settings: Any) -> asyncio.Future[Played]:
    """A play in which both PCs are at work by now, until there is a file ``go`` in ``directory``."""
    waits = f"sh -c 'until test -e {directory}/go; do sleep 0.05; done'"
    begun: set[str] = set()
    both = asyncio.Event()

    def heard(event: ev.Event) -> None:
        if isinstance(event, ev.Changed):
            begun.add(event.host)
            if len(begun) == 2:
                both.set()

    running = asyncio.ensure_future(play(pcs, written(directory, LONG.replace("sleep 600", waits)), heard, **settings))
    async with asyncio.timeout(60):
        await both.wait()
    return running


def plain(value: Any) -> Any:
    """``value`` as what can be compared, without what differs between any two runs."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items() if key not in TIMES}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if isinstance(value, str):
        return JOB_ID.sub("JOB", value)
    return value if isinstance(value, (int, float, bool, type(None))) else repr(value)


def comparable(played: Played) -> dict[str, list[Any]]:
    """The events of each host in their order, and those of the whole run in theirs: between hosts there is no order."""
    found: dict[str, list[Any]] = {}
    tasks = {event.task: number for number, event in enumerate(played.of(ev.TaskStarted))}
    for event in played.events:
        told = [type(event).__name__, plain(event)]
        if (task := getattr(event, "task", None)) is not None:
            told[1]["task"] = tasks.get(task, task)
        found.setdefault(str(getattr(event, "host", "")) or "the run", []).append(told)
    found.get("localhost", []).sort(key=repr)  # whose turn it is there is chance
    return found


def below(pid: int) -> set[int]:
    """All descendants of ``pid`` that are alive."""
    parents = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        with suppress(OSError):
            if name.isdigit():
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                parents[int(name)] = int(fields[1]) if fields[0] != "Z" else 0
    found = {pid}
    while more := {each for each, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def workers_of(pid: int) -> list[int]:
    """The worker processes that are children of ``pid``, oldest first."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        with suppress(OSError):
            if name.isdigit() and b"hotdesk.workers" in Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0"):
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if fields[1] == str(pid) and fields[0] != "Z":
                    found.append(int(name))
    return sorted(found)


@contextmanager
def as_process(pcs: EmbeddedPCs, directory: Path, workers: str) -> Iterator[subprocess.Popen[bytes]]:
    """``hotdesk play --workers ...`` of a task that lasts, as a process of its own."""
    environment = {
        **os.environ,
        "HOME": str(directory),
        "XDG_STATE_HOME": str(directory / "state"),
        "ANSIBLE_CONFIG": os.devnull,
    }
    words = [
        "play",
        "-i",
        str(pcs.inventory_path),
        "--workers",
        workers,
        "--output",
        "json",
        str(written(directory, LONG)),
    ]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "hotdesk", *words], env=environment, cwd=directory, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=hear_again,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
