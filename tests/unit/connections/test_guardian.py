"""The guardian: what an agent has spawned dies with it, and nothing else does."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from hotdesk.agent import proc
from hotdesk.agent.guardian import SCRIPT
from hotdesk.errors import LinkLost

from .conftest import alive, guardians, marked, started, until

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from hotdesk.connections.link import Link


async def lost(running: asyncio.Task[object]) -> None:
    """It ends because its link is gone."""
    with pytest.raises(LinkLost):
        await running


async def test_a_spawned_command_dies_with_its_agent(link: Link, run_id: str) -> None:
    """Nobody else ends it: its runner does not start another agent here."""
    running = await started(link, "while :; do sleep 300; done", "t")
    leader = min(marked(run_id, task="t"))
    os.kill(link.info.pid, signal.SIGKILL)
    await lost(running)
    await until(lambda: leader not in marked(run_id, task="t"))
    for pid in marked(run_id, task="t"):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not marked(run_id))


async def test_a_command_without_marks_dies_with_its_agent(link: Link, run_id: str) -> None:
    """It has cleared its environment: it is known by its pid and when it started."""
    seconds = f"300.{secrets.randbelow(10**9):09}"
    running = await started(link, f"exec env -i sleep {seconds}", "t")
    await until(lambda: alive(seconds) and not marked(run_id, task="t"))
    os.kill(link.info.pid, signal.SIGKILL)
    await lost(running)
    await until(lambda: not alive(seconds))


def test_a_pid_that_was_given_anew_is_left_alone(tmp_path: Path) -> None:
    """Who started later than what was noted is somebody else."""
    its = proc.stat(os.getpid())
    assert its is not None
    pid, born = its.pid, its.born
    notes = tmp_path / "notes"
    killed = tmp_path / "killed"
    script = f"kill() {{ echo $2 >>{killed}; }}; " + SCRIPT
    notes.write_bytes(b"%d:1:%d " % (pid, born - 1) + b"%d:2:%d  " % (os.getppid(), born + 1) + b" " * 30)
    code = f"exec 3<{notes}; {script}"
    subprocess.run(["sh", "-c", code, "sh", "x."], stdin=subprocess.DEVNULL, check=False)
    assert killed.read_text().split() == [str(os.getppid())]


async def test_what_a_finished_command_left_on_purpose_stays(link: Link, run_id: str) -> None:
    """A service that an earlier command has started is none of the guardian's."""
    seconds = f"300.{secrets.randbelow(10**9):09}"
    await link.run(["sh", "-c", f"setsid sleep {seconds} >/dev/null 2>&1 &"], task="service")
    running = await started(link, "exec sleep 300", "t")
    os.kill(link.info.pid, signal.SIGKILL)
    await lost(running)
    await until(lambda: not marked(run_id, task="t"))
    left = alive(seconds)
    assert len(left) == 1
    os.kill(left[0], signal.SIGKILL)


async def test_a_guardian_that_was_killed_has_a_successor(link: Link, run_id: str) -> None:
    """It knows the commands under way."""
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
