"""A process that lives long and executes many plays through the public Python API: ``python -m tests.soak.resident``.

Each line on stdin is JSON {"inventory": path, "playbook": path}; each line on stdout is JSON: the exit code and what the process holds
after that play. It ends at the end of stdin. All threads of its two bounded pools are there from the beginning, and what the allocator keeps
without need is given back before each look: otherwise both would grow to their bounds at some time in the hour.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hotdesk.aio import THREADS, in_thread
from hotdesk.app import Around, PlayOptions, play
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings
from hotdesk.errors import HotdeskError
from hotdesk.events import Event, Problems, TaskFinished, Warned
from hotdesk.paths import run_log_dir
from hotdesk.prepare import new_run_id
from hotdesk.redaction import Redaction
from hotdesk.report.run_log import run_log
from tests.load.probe import memory

OTHERS = 4


async def one(job: dict[str, str]) -> dict[str, Any]:
    """One play, with a run log as the command line has it."""
    told: list[str] = []

    def heard(event: Event) -> None:
        if isinstance(event, Warned):
            told.append(event.text)
        elif isinstance(event, TaskFinished) and (event.result.failed or event.result.unreachable):
            told.append(f"{event.task} on {event.host}: {event.result.data}")
        elif isinstance(event, Problems):
            told.append(f"{event.job} on {event.host}: {event.problems}")

    settings = load_settings({"inventory": (job["inventory"],), "output": "plain"})
    redaction, bus, run = Redaction(), Bus(heard), new_run_id()
    async with run_log(run_log_dir(), run, redaction) as log:
        bus.subscribe(log)
        around = Around(bus=bus, redaction=redaction, run_id=run, prompt=None)
        try:
            code = await play(settings, [job["playbook"]], PlayOptions(), around)
        except HotdeskError as exc:
            code, told = exc.exit_code, [*told, exc.message]
    return {"code": code, "told": told}


def held() -> dict[str, int]:
    """What this process holds when no play runs."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "tasks": len(asyncio.all_tasks()) - 1,
        "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208
        "objects": len(gc.get_objects()),
        "memory": memory("self", "VmRSS"),
    }


async def fill_pools() -> None:
    """Start every thread that there can be: our pool's, and those of the default executor (name resolution)."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(OTHERS))
    met = threading.Barrier(THREADS), threading.Barrier(OTHERS)
    async with asyncio.TaskGroup() as group:
        for _ in range(THREADS):
            group.create_task(in_thread(met[0].wait))
    await asyncio.gather(*(loop.run_in_executor(None, met[1].wait) for _ in range(OTHERS)))


async def main() -> None:
    """A play for each line."""
    await fill_pools()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # one that comes after a play must not end us
        signal.signal(number, lambda *_: None)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer = await one(json.loads(line))
        print(json.dumps({**answer, **held()}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
