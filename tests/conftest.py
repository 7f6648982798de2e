"""What every test must keep: no task, child process, thread or descriptor is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.signals import hear_again

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED_THREADS = ("pytest", "hotdesk-pool", "hotdesk-action", "asyncio_")
SLOW_FIRST = ("matrix", "lab", "load", "conformance", "packaging")

# How long an example takes says more of the machine than of the code.
settings.register_profile("hotdesk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hotdesk")

hear_again()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of ``tests/lab`` need whole PCs. Slow folders come first: side by side, no worker shall be left alone with them at the end."""
    folders = {item: item.path.relative_to(Path(__file__).parent).parts[0] for item in items}
    for item, folder in folders.items():
        if folder == "lab":
            item.add_marker(pytest.mark.lab)
    items.sort(key=lambda item: SLOW_FIRST.index(folders[item]) if folders[item] in SLOW_FIRST else len(SLOW_FIRST))


def children() -> set[int]:
    """Living children of this process, zombies left out."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            pids = [int(word) for word in path.read_text().split()]
        except OSError:
            continue
        found.update(pid for pid in pids if not _zombie(pid))
    return found


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def descriptors() -> dict[str, str]:
    """Open descriptors, number -> target."""
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the directory's own descriptor must not be kept open
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def leaves_nothing_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: the same children, threads and descriptors as before (pytest-asyncio closes the loop, hence its tasks)."""
    if not Path("/proc/self/fd").exists() or request.node.get_closest_marker("leaky"):
        yield
        return
    before_children, before_threads, before_fds = children(), set(threading.enumerate()), descriptors()
    yield
    gc.collect()
    left = children() - before_children
    assert not left, f"child processes left behind: {[_cmdline(pid) for pid in left]}"
    started = [t for t in set(threading.enumerate()) - before_threads if not t.name.startswith(ALLOWED_THREADS)]
    for thread in started:
        if thread.name.startswith("asyncio-waitpid-"):  # ends a moment after its child's exit code is known
            thread.join(5.0)
    threads = [thread.name for thread in started if thread.is_alive()]
    assert not threads, f"threads left behind: {threads}"
    fds = {
        n: t
        for n, t in descriptors().items()
        if n not in before_fds and not t.startswith(("/dev/", "anon_inode:[eventpoll]"))
    }
    assert not fds, f"descriptors left behind: {fds}"


LOOP_TURN_LIMIT = float(os.environ.get("HOTDESK_LOOP_TURN_LIMIT", "0.5"))
"""Seconds a step of our own code may hold the event loop in a test; generous, because test machines are slow."""
RUNNER = str(Path(__file__).parents[1] / "runner")
run_handle = asyncio.Handle._run


slow_turns: list[str] = []
try:
    SCHEDSTAT = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
except OSError:
    SCHEDSTAT = -1


def kept_waiting() -> float:
    """Seconds for which this thread was ready and no processor was free (proc(5)); 0 where nobody counts them."""
    return int(os.pread(SCHEDSTAT, 100, 0).split()[1]) / 1e9 if SCHEDSTAT >= 0 else 0.0


def timed(handle: asyncio.Handle) -> None:
    """Run one step of the loop; note it when it held the loop too long. The tests' own steps do not count, nor does waiting for a processor."""
    begin = time.perf_counter() - kept_waiting()
    run_handle(handle)
    taken = time.perf_counter() - kept_waiting() - begin
    if taken > LOOP_TURN_LIMIT and not _is_a_tests_own(handle):
        slow_turns.append(f"{handle!r} took {taken:.3f} s")


def _is_a_tests_own(handle: asyncio.Handle) -> bool:
    """Is this a step of a test function or fixture, and not of a task that it started?"""
    task = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else None
    code = getattr(coroutine, "cr_code", None)
    return code is not None and not code.co_filename.startswith(RUNNER)


asyncio.Handle._run = timed  # type: ignore[assignment, method-assign]


@pytest.fixture(autouse=True)
def never_blocks_the_loop() -> Iterator[None]:
    """After each test: no step of the runner held the event loop for long."""
    slow_turns.clear()
    yield
    assert not slow_turns, f"the event loop was blocked: {slow_turns}"


LONGEST = 300
"""Seconds a test may take before it counts as hung, unless its marker ``longest`` says otherwise."""


@pytest.fixture(autouse=True)
def ends_in_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs fails, naming where."""
    marker = request.node.get_closest_marker("longest")
    longest = int(marker.args[0]) if marker else LONGEST

    def hung(signum: int, frame: object) -> None:
        pytest.fail(f"the test took longer than {longest} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(longest)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _cmdline(pid: int) -> str:
    try:
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}"
    except OSError:
        return str(pid)
