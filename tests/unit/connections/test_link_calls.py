"""Link: functions called on a PC, files, disks and locks."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.actions.on_target import copying
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import LockHeld, TaskError
from hotdesk.jobs.shipping import bundle

from .conftest import marked, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CALLED = """
import os, subprocess, time
class Odd(Exception): pass
def echo(*args, **kwargs): return [args, kwargs]
def count(n):
    for i in range(n):
        yield {"i": i, "raw": bytes([i])}
    return "counted"
def missing(): open("/no/such")
def fails(): raise Failed("it failed", code=7)
def breaks(): raise Odd("odd")
def dies(): os.kill(os.getpid(), 9)
def noisy(): print("noise"); os.system("echo more noise"); return os.environ["HOTDESK_TASK"]
def child(): subprocess.Popen(["setsid", "sleep", "300"]); yield 1; time.sleep(300)
def size(payload): return len(payload)
def making(path, then):
    about_to_make(path)
    os.makedirs(path + "/below")
    yield os.getpid()
    if then == "hangs": time.sleep(300)
    if then == "renames": os.rename(path, path + "-final")
"""


async def test_a_call_returns_values_and_bytes(link: Link) -> None:
    """JSON, bytes and surrogates go there and back; a payload arrives; what it prints is no answer."""
    found = await link.call(CALLED, "echo", b"\xff", {"a": [1, None]}, task="t", name="\udcff")
    assert found == [[b"\xff", {"a": [1, None]}], {"name": "\udcff"}]
    assert await link.call(CALLED, "size", task="t", payload=b"x" * 1000000) == 1000000
    assert await link.call(CALLED, "noisy", task="noisy-task") == "noisy-task"


async def test_a_generator_streams(link: Link) -> None:
    """Items come to on_item, the return value is ours."""
    items: list[object] = []
    assert await link.call(CALLED, "count", 3, task="t", on_item=items.append) == "counted"
    assert items == [{"i": n, "raw": bytes([n])} for n in range(3)]


async def test_errors_of_a_call(link: Link) -> None:
    """OSError stays one; Failed and anything else are TaskErrors."""
    with pytest.raises(FileNotFoundError) as lost:
        await link.call(CALLED, "missing", task="t")
    assert lost.value.filename == "/no/such"
    with pytest.raises(TaskError, match=r"^it failed$") as failed:
        await link.call(CALLED, "fails", task="t")
    assert failed.value.data == {"code": 7}
    with pytest.raises(TaskError, match="Odd: odd") as odd:
        await link.call(CALLED, "breaks", task="t")
    assert "line" in odd.value.data["exception"]
    with pytest.raises(TaskError, match="signal 9"):
        await link.call(CALLED, "dies", task="t")


async def test_cancelling_a_call_ends_what_it_started(link: Link, run_id: str) -> None:
    """The fork and its children go."""
    began = asyncio.Event()
    calling = asyncio.ensure_future(link.call(CALLED, "child", task="called", on_item=lambda _: began.set()))
    await began.wait()
    assert marked(run_id, task="called")
    calling.cancel()
    await asyncio.wait({calling})
    assert marked(run_id, task="called") == []


async def test_put_and_get(link: Link, tmp_path: Path) -> None:
    """A file goes there and back, in chunks, with its mode; a replaced one keeps its own."""
    path, data = tmp_path / "file", os.urandom(1 << 20)
    await link.put(str(path), data, task="t", mode=0o640)
    assert path.read_bytes() == data
    assert b"".join([chunk async for chunk in link.get(str(path), task="t")]) == data
    await link.put(str(path), _chunks([b"a", b"", b"b" * 100000]), task="t")
    assert path.read_bytes() == b"a" + b"b" * 100000
    assert path.stat().st_mode & 0o7777 == 0o640
    assert names(tmp_path) == ["file"]


async def test_an_interrupted_put_changes_nothing(link: Link, tmp_path: Path) -> None:
    """Cancelled halfway, or its source failing: the old content, no temporary file."""
    path = tmp_path / "file"
    path.write_text("old")
    stuck = asyncio.Event()

    async def halfway() -> AsyncIterator[bytes]:
        yield b"x" * 100000
        stuck.set()
        await asyncio.sleep(300)

    putting = asyncio.ensure_future(link.put(str(path), halfway(), task="t"))
    await stuck.wait()
    await until(lambda: len(names(tmp_path)) == 2)
    putting.cancel()
    await asyncio.wait({putting})
    assert names(tmp_path) == ["file"]

    async def breaking() -> AsyncIterator[bytes]:
        yield b"x"
        raise ValueError("source")

    with pytest.raises(ValueError, match="source"):
        await link.put(str(path), breaking(), task="t")
    assert names(tmp_path) == ["file"]
    assert path.read_text() == "old"


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def _chunks(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("end", ["stopped", "killed"])
async def test_a_call_that_is_ended_leaves_nothing_unfinished(
    link: Link, tmp_path: Path, end: str, stays: bool
) -> None:
    """What it noted is gone, whether it was told to stop or killed from outside; what lies beside it stays."""
    (tmp_path / "beside").touch()
    made = tmp_path / "made"
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    calling = asyncio.ensure_future(
        link.call(CALLED, "making", str(made), "hangs", task="t", stays=stays, on_item=pid.set_result)
    )
    if end == "killed":
        os.kill(await pid, 9)
        with pytest.raises(TaskError, match="signal 9"):
            await calling
    else:
        await pid
        calling.cancel()
        await asyncio.wait({calling})
    assert names(tmp_path) == ["beside"]


async def test_a_module_that_is_stopped_leaves_no_staged_file(link: Link, tmp_path: Path) -> None:
    """The check of a copy is under way when it is stopped: nothing new lies there."""
    options = {"validate": f"sh -c 'touch {tmp_path}/checking; sleep 300' %s", "no_diff": True}
    request: dict[str, Any] = {
        "dest": str(tmp_path / "file"),
        "name": "",
        "source": "",
        "attributes": {},
        "options": options,
    }
    request |= {"checksum": hashlib.sha1(b"new").hexdigest(), "size": 3}
    source = inspect.getsource(bundle(copying))
    calling = asyncio.ensure_future(link.call(source, "put", task="t", payload=b"new", **request))
    await until(lambda: "checking" in names(tmp_path))
    assert len(names(tmp_path)) == 2
    calling.cancel()
    await asyncio.wait({calling})
    assert names(tmp_path) == ["checking"]


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize(("then", "left"), [("renames", ["made-final"]), ("stays", [])])
async def test_what_a_finished_call_leaves_goes_with_its_agent(
    tmp_path: Path, then: str, left: list[str], stays: bool
) -> None:
    """Under the noted name it is there for the task, and no longer than the agent; renamed it stays."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run="r")
        await link.call(CALLED, "making", str(tmp_path / "made"), then, task="t", stays=stays, on_item=lambda _: None)
        assert names(tmp_path) == (left or ["made"])
        await link.aclose()
    assert names(tmp_path) == left


async def test_a_get_that_is_left_early_ends(link: Link, run_id: str) -> None:
    """Breaking off a read of an endless file."""
    reading = link.get("/dev/zero", task="reading")
    assert len(await anext(reading)) > 0
    await reading.aclose()
    assert await link.ping() < 10


async def test_disks_and_their_watch(link: Link, tmp_path: Path) -> None:
    """A path that is not there yet counts for its parent; only crossings are told."""
    (state,) = await link.disks([str(tmp_path / "not" / "there"), str(tmp_path)])
    space = os.statvfs(tmp_path)
    assert state.total == space.f_blocks * space.f_frsize
    assert len(state.paths) == 2
    told: list[str] = []
    limits = {str(tmp_path): {"warning": 1 << 60, "minimum": 0}, "/": {"warning": 0, "minimum": 0}}
    watch = link.watch_disks(limits, interval=0.05, on_change=lambda _, level: told.append(level))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch, 1.0)
    assert told == ["warning"]


async def test_a_lock_has_one_holder(link: Link, run_id: str) -> None:
    """The loser learns who holds it and since when; released, or its holder gone, it is free."""
    name = run_id
    async with LocalConnection() as connection:
        other = await Link.start(connection, run="the-other")
        await other.lock(name, {"holder": "ann@desk", "since": "10:00"})
        with pytest.raises(LockHeld, match=r"the-other \(ann@desk\) since 10:00"):
            await link.lock(name, {"holder": "bob"})
        await other.aclose()
    await link.lock(name, {"holder": "bob", "since": "now"})
    await link.unlock(name)
    (path,) = [
        folder / f"hotdesk-{name}.lock"
        for folder in map(Path, ("/run/lock", "/tmp"))
        if (folder / f"hotdesk-{name}.lock").exists()
    ]
    assert path.read_text() == ""
    assert path.stat().st_mode & 0o777 == 0o666
    path.unlink()


@pytest.mark.parametrize("goes", [True, False])
async def test_a_holder_without_a_record_is_asked_again(link: Link, run_id: str, goes: bool) -> None:
    """It has just taken the lock, or is letting go: two names of one PC begin together, and the second must see whose lock it is."""
    await link.lock(run_id, {})
    await link.unlock(run_id)
    (path,) = [at for folder in ("/run/lock", "/tmp") if (at := Path(folder, f"hotdesk-{run_id}.lock")).exists()]
    with path.open("r+", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        asked = asyncio.ensure_future(link.lock(run_id, {}))
        await asyncio.sleep(0)
        await link.ping()  # the agent answers in order: it has tried once
        assert not asked.done()
        if goes:
            fcntl.flock(held, fcntl.LOCK_UN)
            await asked
        else:
            held.write('{"run": "the-other"}')
            held.flush()
            with pytest.raises(LockHeld, match="the-other"):
                await asked
    path.unlink()


async def test_what_a_module_imports_at_its_beginning_is_there_before_the_fork(link: Link) -> None:
    """Only the standard library: the code itself runs in the fork alone, and what cannot be imported is its own failure."""
    module = "import sys\nbefore = 'colorsys' in sys.modules\nimport stat, colorsys\ndef seen():\n    return before\n"
    assert await link.call(module, "seen", task="t") is True
    with pytest.raises(TaskError, match="no_such_module"):
        await link.call("import no_such_module\ndef seen():\n    pass\n", "seen", task="t")
