"""The guardian: what a killed agent had under way is ended by the agent that comes next, or else by the guardian, and nothing else is."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from hotdesk.agent import proc
from hotdesk.agent.guardian import SCRIPT
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import LinkLost

from .conftest import alive, guardians, marked, started, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def short_lease(run_id: str) -> AsyncIterator[Link]:
    """An agent whose commands outlive it by 1.2 s, longer than any of these tests takes from its death to its look."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id, grace=0.5, lease=1.2)
        try:
            yield link
        finally:
            await link.aclose()


async def lost(running: asyncio.Task[object]) -> None:
    """It ends because its link is gone."""
    with pytest.raises(LinkLost):
        await running


async def test_what_is_under_way_dies_after_its_agent(run_id: str) -> None:
    """Nobody else ends it: its runner does not start another agent here. What it has started in a session of its own dies, too."""
    async with short_lease(run_id) as link:
        running = await started(link, "setsid sleep 300 & while :; do sleep 300; done", "t")
        assert len(marked(run_id, task="t")) >= 2
        os.kill(link.info.pid, signal.SIGKILL)
        await lost(running)
        await until(lambda: not marked(run_id))


async def test_a_command_in_a_directory_of_its_own_dies_after_its_agent(run_id: str, tmp_path: Path) -> None:
    """It is forked."""
    seconds = f"300.{secrets.randbelow(10**9):09}"
    async with short_lease(run_id) as link:
        running = asyncio.ensure_future(link.run(["env", "-i", "sleep", seconds], task="t", cwd=str(tmp_path)))
        await until(lambda: alive(seconds) and not marked(run_id, task="t"))
        os.kill(link.info.pid, signal.SIGKILL)
        await lost(running)
        await until(lambda: not alive(seconds))


async def test_a_command_without_marks_dies_after_its_agent(run_id: str) -> None:
    """It has cleared its environment: it is known by its pid and when it started."""
    seconds = f"300.{secrets.randbelow(10**9):09}"
    async with short_lease(run_id) as link:
        running = await started(link, f"exec env -i sleep {seconds}", "t")
        await until(lambda: alive(seconds) and not marked(run_id, task="t"))
        os.kill(link.info.pid, signal.SIGKILL)
        await lost(running)
        await until(lambda: not alive(seconds))


async def test_the_next_agent_finds_everything_alive(link: Link, run_id: str, tmp_path: Path) -> None:
    """It ends it in order, and the guardian leaves when nothing is left."""
    running = await started(link, f"trap '>{tmp_path}/in-order; exit' TERM; while :; do sleep 300 & wait; done", "t")
    os.kill(link.info.pid, signal.SIGKILL)
    await lost(running)
    async with LocalConnection() as connection:
        following = await Link.start(connection, run=run_id, grace=5.0, lease=20.0)
        await following.stop("t", orphaned=True)
        assert marked(run_id, task="t") == []
        await following.aclose()
    assert (tmp_path / "in-order").exists()
    await until(lambda: not marked(run_id))


def guarded(tmp_path: Path, notes: bytes, *, looks: int = 0, mark: str = "x.") -> None:
    """The shell's work, from the end of an agent that has left these notes."""
    (tmp_path / "notes").write_bytes(notes)
    argv = ["sh", "-c", f"exec 3<{tmp_path}/notes; {SCRIPT}", "sh", mark, str(looks), str(looks + 10), "0.01"]
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)


def test_a_pid_that_was_given_anew_is_left_alone(tmp_path: Path) -> None:
    """Who started later than what was noted is somebody else."""
    with subprocess.Popen(["sleep", "300"]) as older, subprocess.Popen(["sleep", "300"]) as newer:
        born = {each.pid: stat.born for each in (older, newer) if (stat := proc.stat(each.pid)) is not None}
        notes = b"%d:1:%d  \n \n%d:2:%d\n" % (newer.pid, born[newer.pid] - 1, older.pid, born[older.pid] + 1)
        guarded(tmp_path, notes)
        assert older.wait(30) == -signal.SIGKILL
        assert newer.poll() is None
        newer.kill()


def test_what_has_just_been_started_is_known_by_its_mark(tmp_path: Path) -> None:
    """The agent was killed before it could note the pid; another request's mark is none of its."""
    mark = secrets.token_hex(6) + "."
    environments = [{"HOTDESK_REQUEST": f"{mark}{number}"} for number in (3, 33)]
    started = [subprocess.Popen(["/bin/sleep", "300"], env=each) for each in environments]
    guarded(tmp_path, b"0:3:1\n", mark=mark)
    assert started[0].wait(30) == -signal.SIGKILL
    assert started[1].poll() is None
    started[1].kill()
    started[1].wait()


def test_nothing_under_way_is_nothing_to_wait_for(tmp_path: Path) -> None:
    """With a thousand looks of patience it leaves at once."""
    guarded(tmp_path, b"   \n", looks=10**9)


async def test_what_a_finished_command_left_on_purpose_stays(run_id: str) -> None:
    """A service that an earlier command has started is none of the guardian's."""
    seconds = f"300.{secrets.randbelow(10**9):09}"
    async with short_lease(run_id) as link:
        await link.run(["sh", "-c", f"setsid sleep {seconds} >/dev/null 2>&1 &"], task="service")
        running = await started(link, "exec sleep 300", "t")
        first = guardians(link)
        os.kill(link.info.pid, signal.SIGKILL)
        await lost(running)
        await until(lambda: not marked(run_id, task="t") and first[0] not in marked(run_id))
    left = alive(seconds)
    assert len(left) == 1
    os.kill(left[0], signal.SIGKILL)


async def test_a_guardian_that_was_killed_has_a_successor(run_id: str) -> None:
    """It knows the commands under way."""
    async with short_lease(run_id) as link:
        running = await started(link, "exec sleep 300", "t")
        first = guardians(link)
        os.kill(first[0], signal.SIGKILL)
        await until(lambda: len(guardians(link)) == 1 and guardians(link) != first)
        os.kill(link.info.pid, signal.SIGKILL)
        await lost(running)
        await until(lambda: not marked(run_id))


async def test_an_orderly_end_leaves_no_guardian(link: Link, run_id: str) -> None:
    """It is gone before its agent is."""
    await link.run(["true"], task="t")
    first = guardians(link)
    assert len(first) == 1
    await link.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(first[0], 0)


async def test_what_cannot_be_spawned_says_why(link: Link, tmp_path: Path) -> None:
    """A program without a right word in its first line, under a name in a system's folder's place, and a folder to run in."""
    script = tmp_path / "script"
    script.write_text("echo no interpreter\n")
    script.chmod(0o755)
    with pytest.raises(OSError, match="Exec format error"):
        await link.run([str(script)], task="t")
    with pytest.raises(FileNotFoundError):
        await link.run(["/usr/bin/no-such-program"], task="t")
    done = await link.run(["pwd"], task="t", cwd=str(tmp_path))
    assert done.stdout.decode().strip() == str(tmp_path)


async def test_a_spawned_command_has_its_umask_and_plain_signals(link: Link, tmp_path: Path) -> None:
    """Its umask is not its successor's; no signal is ignored or blocked; no descriptor is left open for it; it leads a session."""
    script = (
        "umask; grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/$$/fd | tr '\\n' ' '; cut -d' ' -f1,6 /proc/$$/stat"
    )
    with_umask = await link.run(["sh", "-c", script], task="t", umask=0o027)
    plain = await link.run(["sh", "-c", "umask"], task="t")
    words = with_umask.stdout.decode().split()
    assert words[0] == "0027" != plain.stdout.decode().strip()
    assert [int(words[number], 16) & 0x7FFFFFFF for number in (2, 4)] == [0, 0]  # glibc ignores its own 32 and 33
    assert words[5:8] == ["0", "1", "2"]
    assert words[8] == words[9]
