from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hotdesk.aio import in_thread
from hotdesk.connections.endpoint import endpoint_for
from hotdesk.connections.pool import Pool
from hotdesk.errors import TransferError, Unreachable
from hotdesk.settings import Settings
from hotdesk.transfer import End, Mirror, Transfers
from hotdesk.transfer.rsync import server_argv
from tests.embedded import pcs
from tests.unit.collection.trees import everyday, listing
from tests.unit.machines import RUN, needs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from hotdesk.demo.embedded import EmbeddedPCs
    from hotdesk.results import Progress

__all__ = ["pcs"]

TASK = f"t@pc2-{os.getpid()}"
"""Other workers' transfers carry another mark."""


class Ends:
    """The control node and two embedded PCs, as ends of transfers."""

    def __init__(self, control: End, pc1: End, pc2: End) -> None:
        self.control, self.pc1, self.pc2 = control, pc1, pc2


@pytest.fixture
async def ends(pcs: EmbeddedPCs) -> AsyncIterator[Ends]:
    needs("rsync")
    settings = Settings(stop_grace=1.0)
    async with Pool(settings, run=RUN) as pool:
        links = [await pool.link(endpoint_for(name, pcs.variables(name), settings)) for name in ("pc1", "pc2")]
        yield Ends(
            End(await pool.control(), "localhost", TASK),
            End(links[0], "pc1", TASK),
            End(links[1], "pc2", TASK),
        )


def noise(path: Path, size: int) -> None:
    """A file that cannot be compressed or guessed."""
    path.write_bytes(os.urandom(size))


@pytest.mark.parametrize("source", ["control", "pc1"])
async def test_a_tree_goes_from_any_pc_to_any_other(ends: Ends, tmp_path: Path, source: str) -> None:
    """From the control node, and from another PC through it, with no keys between the two."""
    (tmp_path / "src").mkdir()
    everyday(tmp_path / "src")
    mirror = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "a b'\"$x" / "dst"))
    report = await Transfers().mirror(mirror, getattr(ends, source), ends.pc2, dry_run=False)
    assert await in_thread(listing, tmp_path / "a b'\"$x" / "dst") == await in_thread(listing, tmp_path / "src")
    assert report.totals.entries == len(listing(tmp_path / "src")) + 1


@pytest.mark.parametrize("source", ["control", "pc1"])
async def test_a_cancelled_transfer_leaves_no_process_and_is_resumed(ends: Ends, tmp_path: Path, source: str) -> None:
    """Both rsyncs are gone; what had arrived waits beside its destination, and the next run completes it."""
    (tmp_path / "src").mkdir()
    await in_thread(noise, tmp_path / "src" / "big", 30_000_000)
    slow = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "dst"), bwlimit="8m")
    begun = asyncio.Event()

    def on_progress(progress: Progress) -> None:
        if progress.bytes_done > 3_000_000:
            begun.set()

    transfers, start = Transfers(), getattr(ends, source)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        task = group.create_task(transfers.mirror(slow, start, ends.pc2, dry_run=False, on_progress=on_progress))
        await begun.wait()
        task.cancel()
    assert task.cancelled()
    assert marked(f"HOTDESK_TASK={TASK}") == []
    assert os.stat(tmp_path / "dst" / ".hotdesk-partial" / "big").st_size > 1_000_000  # noqa: PTH116
    fast = Mirror(path=slow.path, dest=slow.dest)
    await transfers.mirror(fast, start, ends.pc2, dry_run=False)
    assert await in_thread(listing, tmp_path / "dst") == await in_thread(listing, tmp_path / "src")


async def test_a_pc_that_dies_is_unreachable(ends: Ends, pcs: EmbeddedPCs, tmp_path: Path) -> None:
    """Never a success, and never a mere failure of rsync."""
    (tmp_path / "src").mkdir()
    await in_thread(noise, tmp_path / "src" / "big", 30_000_000)
    slow = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "dst"), bwlimit="4m")

    def on_progress(progress: Progress) -> None:
        if progress.bytes_done > 1_000_000:
            os.kill(pcs.pid, 9)

    async with asyncio.timeout(60):
        with pytest.raises(Unreachable):
            await Transfers().mirror(slow, ends.control, ends.pc2, dry_run=False, on_progress=on_progress)


async def test_no_more_at_a_time_than_allowed(ends: Ends, tmp_path: Path) -> None:
    """hotdesk_transfers limits how many trees are walked at once."""
    (tmp_path / "src").mkdir()
    everyday(tmp_path / "src")
    transfers = Transfers(1)
    mirrors = [Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / name)) for name in ("a", "b")]
    async with asyncio.TaskGroup() as group:
        for mirror in mirrors:
            group.create_task(transfers.mirror(mirror, ends.control, ends.pc2, dry_run=False))
    assert await in_thread(listing, tmp_path / "a") == await in_thread(listing, tmp_path / "b")


async def test_files_that_vanish_are_a_warning(ends: Ends, tmp_path: Path) -> None:
    """rsync's exit code 24: the rest has arrived, the names are told."""
    (tmp_path / "src").mkdir()
    await in_thread(noise, tmp_path / "src" / "a", 9_000_000)
    (tmp_path / "src" / "z\nz").write_text("x")
    mirror = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "dst"), bwlimit="3m")

    def on_progress(_progress: Progress) -> None:
        (tmp_path / "src" / "z\nz").unlink(missing_ok=True)

    report = await Transfers().mirror(mirror, ends.control, ends.pc2, dry_run=False, on_progress=on_progress)
    assert [path.rpartition("/")[2] for path in report.vanished] == ["z\\nz"]


async def test_a_receiver_that_cannot_write_names_the_path(ends: Ends, tmp_path: Path) -> None:
    """Exit codes of rsync become errors with paths."""
    (tmp_path / "src").mkdir()
    (tmp_path / "file").write_text("x")
    mirror = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "file" / "below"))
    with pytest.raises(TransferError) as caught:
        await Transfers().mirror(mirror, ends.control, ends.pc2, dry_run=False)
    assert "file" in str(caught.value)


@pytest.mark.parametrize("source", ["control", "pc1"])
async def test_a_receiver_that_dies_is_no_lost_link(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Its channel ends under a stream of data, as on a full disk: what the agent says of its end counts, in its own words."""
    (tmp_path / "src").mkdir()
    await in_thread(noise, tmp_path / "src" / "big", 30_000_000)
    between(monkeypatch, DYING)
    mirror = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "dst"))
    async with asyncio.timeout(30):
        with pytest.raises(TransferError, match="no space left on pc2 at /x"):
            await Transfers().mirror(mirror, getattr(ends, source), ends.pc2, dry_run=False)


async def test_what_a_killed_receiver_leaves_is_told_and_kept_unless_deletions_are_wanted(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 leaves rsync no time to tidy up, and its temporary file cannot be told from one of the user's."""
    (tmp_path / "src").mkdir()
    await in_thread(noise, tmp_path / "src" / "big", 30_000_000)
    mirror = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "dst"))

    def left() -> list[str]:
        return sorted(path.name for path in (tmp_path / "dst").iterdir())

    with monkeypatch.context() as patch:
        between(patch, KILLED)
        async with asyncio.timeout(60):
            with pytest.raises(TransferError, match="stopped by a signal") as caught:
                await Transfers().mirror(mirror, ends.control, ends.pc2, dry_run=False)
    assert ".NAME.xxxxxx" in caught.value.remedy
    (name,) = left()
    assert name.startswith(".big.")
    await Transfers().mirror(mirror, ends.control, ends.pc2, dry_run=False)
    assert left() == [name, "big"]
    await Transfers().mirror(replace(mirror, delete=True), ends.control, ends.pc2, dry_run=False)
    assert left() == ["big"]


@pytest.mark.parametrize("source", ["control", "pc1"])
async def test_a_slow_receiver_gets_every_byte(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """More data than all windows and pipes on the way hold, taken slowly at first: nothing on the way mistakes full for ended."""
    (tmp_path / "src").mkdir()
    await in_thread(noise, tmp_path / "src" / "big", 24_000_000)
    between(monkeypatch, SLOW)
    mirror = Mirror(path=str(tmp_path / "src"), dest=str(tmp_path / "dst"))
    async with asyncio.timeout(60):
        await Transfers().mirror(mirror, getattr(ends, source), ends.pc2, dry_run=False)
    assert await in_thread(listing, tmp_path / "dst") == await in_thread(listing, tmp_path / "src")


def between(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a Python script between the runner and the receiver, whose command line it gets."""

    def wrapped(asked: Sequence[str], mirror: Mirror, *, dry_run: bool) -> list[str]:
        return [sys.executable, "-c", BETWEEN + script, *server_argv(asked, mirror, dry_run=dry_run)]

    monkeypatch.setattr("hotdesk.transfer.transfers.server_argv", wrapped)


BETWEEN = """
import os, subprocess, sys, threading, time
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
passed = 0
def copy():
    global passed
    while data := os.read(0, 1 << 16):
        child.stdin.write(data)
        child.stdin.flush()
        passed += len(data)
        between()
os.set_blocking(0, True)
"""
SLOW = """
def between():
    if 1 << 20 < passed < 2 << 20:
        time.sleep(0.1)
threading.Thread(target=copy, daemon=True).start()
os._exit(child.wait())
"""
DYING = """
def between():
    if passed > 3 << 20:
        os.killpg(child.pid, 9)
        child.wait()
        print('rsync: [receiver] write failed on "/x": No space left on device (28)', file=sys.stderr, flush=True)
        os._exit(11)
copy()
"""

KILLED = """
def between():
    if passed > 3 << 20:
        os.killpg(child.pid, 9)
        child.wait()
        os.kill(os.getpid(), 9)
copy()
"""


def marked(mark: str) -> list[str]:
    """The commands of all processes that carry ``mark``, looked up from outside."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
                if mark.encode() in file.read().split(b"\0"):
                    found.append(pid)
        except OSError:
            continue
    return found


async def test_a_transfer_waits_until_fewer_than_its_limit_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """``hotdesk_transfers`` of a host, else the run's own limit; a cancelled one gives its place back."""
    running: list[str] = []
    gates = {name: asyncio.Event() for name in "abc"}

    async def session(mirror: Mirror, *_: object) -> object:
        running.append(mirror.path)
        try:
            await gates[mirror.path].wait()
        finally:
            running.remove(mirror.path)
        raise TransferError("enough")

    monkeypatch.setattr("hotdesk.transfer.transfers._session", session)
    transfers = Transfers(2)

    def begin(path: str, limit: int | None) -> asyncio.Task[object]:
        end = End(None, "pc", "t")  # type: ignore[arg-type]
        return asyncio.ensure_future(
            transfers.mirror(Mirror(path=path, dest="/d"), end, end, dry_run=True, limit=limit)
        )

    async def settled() -> list[str]:
        for _ in range(10):
            await asyncio.sleep(0)
        return sorted(running)

    tasks = [begin("a", None), begin("b", 1), begin("c", None)]
    assert await settled() == ["a", "c"]
    tasks[0].cancel()
    assert await settled() == ["c"]
    gates["c"].set()
    assert await settled() == ["b"]
    gates["b"].set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, TransferError, TransferError]
