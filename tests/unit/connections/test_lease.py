"""What the agent does when its runner is gone, stopped or silent: nothing unfinished stays."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .conftest import end, marked, until

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDER = """
import asyncio, signal, sys
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import LinkLost

async def main(run, lease):
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run, lease=lease, grace=0.3)
        if "shorter" in sys.argv:
            link.lease = 2.0
        try:
            await link.run(["sh", "-c", "trap '' TERM; setsid sleep 300 & (nohup sleep 300 &) ; sleep 300; sleep 300"], task="held")
        except LinkLost as exc:
            print("lost:", exc, flush=True)
        await link.aclose()

if "ignore" in sys.argv:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


@pytest.fixture
def holder(request: pytest.FixtureRequest, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """A runner of its own with a stubborn tree under way; ``request.param`` is its lease."""
    argv = [sys.executable, "-X", "dev", "-c", HOLDER, run_id, *str(request.param).split()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            end(marked(run_id))


@pytest.mark.parametrize("holder", [60], indirect=True)
async def test_a_killed_runner_leaves_nothing(holder: subprocess.Popen[str], run_id: str) -> None:
    """kill -9: the end of the agent's stdin is enough, long before the lease."""
    await until(lambda: len(marked(run_id, task="held")) >= 3)
    holder.kill()
    await until(lambda: not marked(run_id))


@pytest.mark.parametrize("holder", [2.0, "60 shorter"], indirect=True)
async def test_a_stopped_runner_loses_its_lease(holder: subprocess.Popen[str], run_id: str) -> None:
    """A runner that is silent for the lease finds its work ended and the link lost when it goes on."""
    await until(lambda: len(marked(run_id, task="held")) >= 3)
    holder.send_signal(signal.SIGSTOP)
    await until(lambda: not marked(run_id))
    holder.send_signal(signal.SIGCONT)
    await until(lambda: holder.poll() is not None)
    assert holder.returncode == 0
    assert holder.stdout is not None
    said = holder.stdout.read()
    assert "lost: localhost:" in said
    assert "nothing was heard from the runner for 2 s" in said


@pytest.mark.parametrize("holder", [2.0, "60 shorter"], indirect=True)
async def test_an_idle_runner_keeps_its_lease(holder: subprocess.Popen[str], run_id: str) -> None:
    """The heartbeat holds the work through several leases."""
    await until(lambda: len(marked(run_id, task="held")) >= 3)
    await asyncio.sleep(5.0)
    assert len(marked(run_id, task="held")) >= 3


async def test_a_parent_that_ignores_sigchld(run_id: str) -> None:
    """Exit codes are right even when the runner was born with SIGCHLD ignored."""
    code = HOLDER.replace("trap '' TERM; setsid sleep 300 & (nohup sleep 300 &) ; sleep 300; sleep 300", "exit 3")
    code = code.replace("            await link.run(", "            print(await link.run(").replace(
        'task="held")', 'task="held"))'
    )
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        'trap "" CHLD; exec "$@"',
        "sh",
        sys.executable,
        "-c",
        code,
        run_id,
        "20",
        "ignore",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert b"Completed(rc=3" in out
    assert process.returncode == 0
