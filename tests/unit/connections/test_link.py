"""Link: what a request does and how it ends, with real processes on this PC, looked at from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import LinkLost, LockHeld, TaskError

from .conftest import alive, marked, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TREES = {
    "a shell with a background child": "sleep 300 & wait",
    "a leader that goes while its child ignores TERM": "trap 'exit 0' TERM; (trap '' TERM; sleep 300) & wait",
    "everything ignores TERM": "trap '' TERM; while :; do sleep 300; done",
    "nohup": "nohup sleep 300 >/dev/null 2>&1 & wait",
    "setsid": "setsid sleep 300 & wait",
    "double fork into another session": "(setsid sh -c 'sleep 300 & sleep 300' &) ; sleep 300",
    "a stopped process": "sleep 300 & kill -STOP $!; wait",
    "a daemon with an empty environment": "(setsid env -i sleep 300.25 &); sleep 300",
}


async def started(link: Link, script: str, task: str) -> asyncio.Task[object]:
    """A shell under way, its tree in place."""
    ready = asyncio.Event()
    argv = ["sh", "-c", f"{script.replace('wait', 'echo ready; wait', 1)}"]
    if "wait" not in script:
        argv = ["sh", "-c", f"(sleep 0.2; echo ready) & {script}"]
    running = asyncio.ensure_future(link.run(argv, task=task, on_output=lambda *_: ready.set()))
    async with asyncio.timeout(10):
        await ready.wait()
    return running


@pytest.mark.parametrize("script", TREES.values(), ids=TREES.keys())
async def test_cancel_ends_the_whole_tree(link: Link, run_id: str, script: str) -> None:
    """Cancelling a run returns only when nothing it started is left."""
    running = await started(link, script, "tree")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert marked(run_id, task="tree") == []
    assert alive("300.25") == []
    assert link.warnings == []


DPKG = """#!/bin/sh
trap 'echo signalled >>"$0.log"' TERM
echo ready
sleep 300
echo in order >>"$0.log"
"""


async def test_dpkg_is_let_finish_its_records(link: Link, tmp_path: Path) -> None:
    """It gets no signal: what it runs is ended, and so it ends; that packages may be half installed is said with the remedy."""
    program = tmp_path / "dpkg"
    program.write_text(DPKG)
    program.chmod(0o755)
    ready = asyncio.Event()
    running = asyncio.ensure_future(link.run(["env", str(program)], task="t", on_output=lambda *_: ready.set()))
    async with asyncio.timeout(10):
        await ready.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tmp_path / "dpkg.log").read_text() == "in order\n"
    (warning,) = link.warnings
    assert "dpkg --configure -a" in warning


async def test_cancel_leaves_the_other_commands_of_the_task_alone(link: Link, run_id: str) -> None:
    """A cancel ends one command, not its task."""
    first, second = await started(link, "sleep 300 & wait", "t"), await started(link, "sleep 301 & wait", "t")
    first.cancel()
    await asyncio.wait({first})
    assert not second.done()
    assert len(marked(run_id, task="t")) == 2
    second.cancel()
    await asyncio.wait({second})


async def test_stop_ends_a_task_and_only_it(link: Link, run_id: str) -> None:
    """stop(task) ends all of its commands; they report the signal; another task goes on."""
    first, other = await started(link, "sleep 300 & wait", "one"), await started(link, "sleep 301 & wait", "two")
    await link.stop("one")
    assert marked(run_id, task="one") == []
    assert (await first).signal == signal.SIGTERM  # type: ignore[attr-defined]
    assert len(marked(run_id, task="two")) == 2
    other.cancel()
    await asyncio.wait({other})


async def test_grace_set_to_zero_reaches_a_stop_under_way(link: Link, run_id: str) -> None:
    """The second signal makes KILL come at once."""
    running = await started(link, "trap '' TERM; sleep 300 & wait; sleep 300", "stubborn")
    link.grace = 30.0
    running.cancel()
    await asyncio.sleep(0.05)
    assert marked(run_id, task="stubborn")
    link.grace = 0
    async with asyncio.timeout(5):
        await asyncio.wait({running})
    assert marked(run_id, task="stubborn") == []


async def test_a_service_of_a_finished_command_lives_on(run_id: str) -> None:
    """What a finished task started on purpose survives the agent; stop(task) would find it."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id)
        await link.run(["sh", "-c", "setsid sleep 300 >/dev/null 2>&1 &"], task="service")
        await link.aclose()
    try:
        assert len(marked(run_id, task="service")) == 1
    finally:
        for pid in marked(run_id):
            os.kill(pid, signal.SIGKILL)


async def test_a_background_child_that_holds_the_pipe_does_not_hold_the_task(link: Link) -> None:
    """The exit is the process's, not the pipe's."""
    began = time.monotonic()
    done = await link.run(["sh", "-c", "sleep 20 & echo out; exit 3"], task="t")
    assert (done.rc, done.stdout) == (3, b"out\n")
    assert time.monotonic() - began < 10
    await link.stop("t")


async def test_output_arrives_as_it_was_written(link: Link) -> None:
    """A line of 3 MB, carriage returns, NUL, bytes that are no UTF-8, no newline at the end."""
    code = (
        "import sys; o=sys.stdout.buffer; o.write(b'x'*3000000+b'\\n'+b'1%\\r2%\\r'+b'\\0\\xff\\xfe'+b'end'); o.flush()"
    )
    done = await link.run([sys.executable, "-c", code], task="t")
    assert done.stdout == b"x" * 3000000 + b"\n1%\r2%\r\0\xff\xfeend"
    assert not done.truncated


async def test_a_flood_on_stderr_does_not_block(link: Link) -> None:
    """10 MB on stderr while stdout is idle."""
    done = await link.run(["sh", "-c", "head -c 10000000 /dev/zero >&2; echo done"], task="t")
    assert (len(done.stderr), done.stdout) == (10000000, b"done\n")


async def test_one_commands_flood_does_not_delay_anothers_lines(link: Link) -> None:
    """While one task prints without end, a ping and another task's output come through."""
    flood = asyncio.ensure_future(link.run(["cat", "/dev/zero"], task="flood"))
    try:
        slowest = max([await link.ping() for _ in range(50)])
        done = await link.run(["echo", "line"], task="quiet")
    finally:
        flood.cancel()
        await asyncio.wait({flood})
    assert done.stdout == b"line\n"
    assert slowest < 1.0


async def test_output_beyond_the_cap_loses_its_middle(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded; first and last bytes stay."""
    monkeypatch.setattr("hotdesk.connections.streams.Capture.__init__.__defaults__", (200000,))
    done = await link.run(["sh", "-c", "echo first; head -c 5000000 /dev/zero; echo last"], task="t")
    assert done.truncated
    assert done.stdout.startswith(b"first\n")
    assert done.stdout.endswith(b"last\n")
    assert len(done.stdout) < 400000


async def test_arguments_that_are_no_utf8_work(link: Link) -> None:
    """argv items may be bytes, or str with surrogates."""
    assert (await link.run(["printf", "%s", b"a\xff"], task="t")).stdout == b"a\xff"
    assert (await link.run(["printf", "%s", "a\udcff"], task="t")).stdout == b"a\xff"


async def test_environment_directory_umask_and_input(link: Link, tmp_path: Path) -> None:
    """env, cwd, umask and stdin are what was asked; stdin is otherwise empty."""
    script = 'echo "$COLOUR"; pwd; umask; cat'
    done = await link.run(
        ["sh", "-c", script], task="t", env={"COLOUR": "blue"}, cwd=str(tmp_path), umask=0o27, stdin=b"in"
    )
    assert done.stdout.decode() == f"blue\n{tmp_path}\n0027\nin"
    assert (await link.run(["cat"], task="t")).stdout == b""


async def test_input_longer_than_a_window_is_fed(link: Link) -> None:
    """2 MB through stdin and back."""
    data = os.urandom(2 << 20)
    assert (await link.run(["cat"], task="t", stdin=data)).stdout == data
    assert (await link.run(["true"], task="t", stdin=data)).rc == 0


async def test_what_cannot_be_started_is_an_oserror(link: Link, tmp_path: Path) -> None:
    """errno and name of the program or directory."""
    with pytest.raises(FileNotFoundError) as caught:
        await link.run(["/no/such/program"], task="t")
    assert caught.value.filename == "/no/such/program"
    plain = tmp_path / "plain"
    plain.write_text("no program")
    with pytest.raises(PermissionError):
        await link.run([str(plain)], task="t")
    with pytest.raises(FileNotFoundError) as caught:
        await link.run(["true"], task="t", cwd="/no/such/folder")
    assert caught.value.filename == "/no/such/folder"


async def test_a_command_starts_clean(link: Link) -> None:
    """Own session, default signals, nothing open but 0, 1 and 2."""
    lines = (await link.run(["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"], task="t")).stdout.decode().split()
    assert lines[:3] == ["SigBlk:", "0" * 16, "SigIgn:"]
    assert int(lines[3], 16) & ~0x180000000 == 0  # 32 and 33 are the C library's own
    found = (await link.run(["ls", "/proc/self/fd"], task="t")).stdout.split()
    assert found == [b"0", b"1", b"2", b"3"]  # 3 is the listing itself
    found = (await link.run(["sh", "-c", "ps -o sid= -p $$; echo $$"], task="t")).stdout.split()
    assert found[0] == found[1]


async def test_death_by_signal_is_reported(link: Link) -> None:
    """rc is 128 + n, and the signal stands beside it."""
    done = await link.run(["sh", "-c", "kill -9 $$"], task="t")
    assert (done.rc, done.signal) == (137, 9)


async def test_hundreds_of_runs_at_once(link: Link) -> None:
    """Interleaved runs get their own outputs."""
    done = await asyncio.gather(*(link.run(["echo", str(n)], task=f"t{n}") for n in range(200)))
    assert [int(each.stdout) for each in done] == list(range(200))


@pytest.mark.parametrize("turns", range(12))
async def test_cancel_at_any_turn_of_a_start_leaves_nothing(link: Link, run_id: str, turns: int) -> None:
    """However early the cancel comes, the process does not stay."""
    running = asyncio.ensure_future(link.run(["sleep", "300"], task="early"))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    await link.ping()
    assert marked(run_id, task="early") == []


async def test_an_error_of_the_consumer_ends_the_command(link: Link, run_id: str) -> None:
    """on_output that raises: the caller gets it, the command is ended."""

    def refuse(*_: object) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await link.run(["sh", "-c", "echo x; sleep 300"], task="t", on_output=refuse)
    assert marked(run_id, task="t") == []


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


async def test_a_get_that_is_left_early_ends(link: Link, run_id: str) -> None:
    """Breaking off a read of an endless file."""
    reading = link.get("/dev/zero", task="reading")
    assert len(await anext(reading)) > 0
    await reading.aclose()  # type: ignore[attr-defined]
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


async def test_bulk_gives_a_command_its_own_channel(link: Link) -> None:
    """Bytes go straight through; exit and stderr come by the agent."""
    async with await link.bulk(["sh", "-c", "echo problem >&2; cat; exit 5"], task="t") as bulk:
        await bulk.channel.write(b"through")
        await bulk.channel.write_eof()
        got = b""
        while data := await bulk.channel.read():
            got += data
        done = await bulk.wait()
    assert (got, done.rc, done.stderr) == (b"through", 5, b"problem\n")


async def test_leaving_bulk_ends_its_command(link: Link, run_id: str) -> None:
    """An unfinished bulk command does not outlive its context."""
    async with await link.bulk(["sleep", "300"], task="bulk"):
        await until(lambda: marked(run_id, task="bulk"))
    assert marked(run_id, task="bulk") == []


async def test_bulk_of_a_missing_program(link: Link) -> None:
    """Its OSError comes out of wait()."""
    async with await link.bulk(["/no/such"], task="t") as bulk:
        with pytest.raises(FileNotFoundError):
            await bulk.wait()


async def test_a_lost_link_reaches_every_waiter(run_id: str) -> None:
    """The agent killed from outside: LinkLost for all, at once, and for everybody after them; the context still closes."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id)
        waiting = [asyncio.ensure_future(link.run(["sleep", "300"], task="t")) for _ in range(3)]
        await until(lambda: len(marked(run_id, task="t")) == 3)
        os.kill(link.info.pid, signal.SIGKILL)
        async with asyncio.timeout(5):
            done, _ = await asyncio.wait(waiting)
        assert all(isinstance(each.exception(), LinkLost) for each in done)
        with pytest.raises(LinkLost):
            await link.ping()
        await link.aclose()
    for pid in marked(run_id):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_to_the_agent_ends_its_work(run_id: str, number: int) -> None:
    """TERM, HUP and INT end what is unfinished before the agent goes."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id, grace=0.2)
        running = asyncio.ensure_future(
            link.run(["sh", "-c", "trap '' TERM; setsid sleep 300 & wait; sleep 300"], task="t")
        )
        await until(lambda: len(marked(run_id, task="t")) >= 2)
        os.kill(link.info.pid, number)
        await asyncio.wait({running})
        await link.aclose()
    assert isinstance(running.exception(), LinkLost) or running.result().signal
    assert marked(run_id) == []


def born(pid: int) -> int:
    """The start time in /proc/PID/stat."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def shell(run: str, task: str) -> int:
    """The pid of a task's shell."""
    (found,) = [pid for pid in marked(run, task=task) if b"wait" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


async def test_kill_ends_what_another_agent_could_not(link: Link, run_id: str) -> None:
    """By pid and start time, descendants included; a pid that means another process by now is left alone."""
    async with LocalConnection() as connection:
        other = await Link.start(connection, run=run_id, grace=0.5)
        first, second = await started(other, "sleep 300 & wait", "a"), await started(other, "sleep 301 & wait", "b")
        leader = shell(run_id, "a")
        spared = shell(run_id, "b")
        assert await link.kill([[leader, born(leader)], [spared, born(spared) - 1]]) == []
        assert marked(run_id, task="a") == []
        assert len(marked(run_id, task="b")) == 2
        assert (await first).signal == signal.SIGTERM  # type: ignore[attr-defined]
        second.cancel()
        await asyncio.wait({second})
        await other.aclose()


async def test_a_killed_agent_takes_its_command_along(run_id: str) -> None:
    """kill -9 of the agent: the link is lost, and the process it had started dies with it."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id)
        running = asyncio.ensure_future(link.run(["sleep", "300.75"], task="t"))
        await until(lambda: alive("300.75"))
        os.kill(link.info.pid, signal.SIGKILL)
        with pytest.raises(LinkLost):
            await running
        await until(lambda: not alive("300.75"))
        await link.aclose()


async def test_a_forced_stop_does_not_wait_for_an_agent_that_is_frozen(run_id: str) -> None:
    """With no grace left, an agent that does not answer counts as lost; it ends its work once it goes on."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id, grace=60.0)
        running = asyncio.ensure_future(link.run(["sleep", "300.5"], task="t"))
        await until(lambda: alive("300.5"))
        os.kill(link.info.pid, signal.SIGSTOP)
        running.cancel()
        link.grace = 0.0
        async with asyncio.timeout(10):
            await asyncio.wait({running})
            await link.aclose()
        assert running.cancelled()
        assert link.lost
        os.kill(link.info.pid, signal.SIGCONT)
        await until(lambda: not alive("300.5"))


async def test_a_forced_stop_waits_for_an_agent_that_answers(link: Link) -> None:
    """Having no grace left is no reason to give up one that is there."""
    running = await started(link, "trap '' TERM; sleep 300 & wait", "t")
    link.grace = 0.0
    await asyncio.sleep(0.6)
    assert not link.lost
    running.cancel()
    await asyncio.wait({running})
    assert not link.lost
