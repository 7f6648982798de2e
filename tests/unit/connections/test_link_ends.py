"""Link: how what was started comes to its end, looked at from outside."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from pathlib import Path

import pytest

from hotdesk.agent.tree import PERSISTENCE
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import LinkLost

from .conftest import alive, end, marked, started, until

TREES = {
    "a shell with a background child": "sleep 300 & wait",
    "a leader that goes while its child ignores TERM": "trap 'exit 0' TERM; (trap '' TERM; sleep 300) & wait",
    "everything ignores TERM": "trap '' TERM; while :; do sleep 300; done",
    "nohup": "nohup sleep 300 >/dev/null 2>&1 & wait",
    "setsid": "setsid sleep 300 & wait",
    "double fork into another session": "(setsid sh -c 'sleep 300 & sleep 300' &) ; sleep 300",
    "a stopped process": "sleep 300 & kill -STOP $!; wait",
    "a daemon with an empty environment": "(setsid env -i sleep SECONDS &); sleep 300",
}


@pytest.mark.parametrize("script", TREES.values(), ids=TREES.keys())
async def test_cancel_ends_the_whole_tree(link: Link, run_id: str, script: str) -> None:
    """Cancelling a run returns only when nothing it started is left."""
    seconds = f"300.{secrets.randbelow(10**9):09}"  # what this test, of all that run beside it, is known by
    running = await started(link, script.replace("SECONDS", seconds), "tree")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert marked(run_id, task="tree") == []
    assert alive(seconds) == []
    assert link.warnings == []


async def test_a_command_has_its_grace_to_tidy_up(link: Link, tmp_path: Path) -> None:
    """TERM comes first, and KILL not before the grace is over."""
    done = tmp_path / "tidy"
    running = await started(link, f"trap 'sleep 0.1; echo tidy >{done}; exit' TERM; sleep 300 & wait", "t")
    link.grace = 20.0
    running.cancel()
    await asyncio.wait({running})
    assert done.read_text() == "tidy\n"


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


RSYNC = """#!/bin/sh
trap 'echo tidy >>"$0.log"; exit 20' TERM
echo ready
while :; do sleep 0.05; done
"""


async def test_rsync_is_let_tidy_up_when_there_is_no_grace(link: Link, tmp_path: Path) -> None:
    """A forced stop kills the rest at once, and rsync a moment later: half a file would stay under its temporary name."""
    program = tmp_path / "rsync"
    program.write_text(RSYNC)
    program.chmod(0o755)
    ready = asyncio.Event()
    running = asyncio.ensure_future(link.run(["env", str(program)], task="t", on_output=lambda *_: ready.set()))
    async with asyncio.timeout(10):
        await ready.wait()
    link.grace = 0
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tmp_path / "rsync.log").read_text() == "tidy\n"


async def test_what_others_started_for_a_command_has_its_part_of_the_grace(link: Link, run_id: str) -> None:
    """A job that was handed to a daemon, with its environment: it is no descendant, and is asked to end before it is killed."""
    said: list[bytes] = []
    argv = ["sh", "-c", "trap '' TERM; echo $HOTDESK_REQUEST; sleep 300"]
    running = asyncio.ensure_future(link.run(argv, task="t", on_output=lambda _, data: said.append(data)))
    await until(lambda: said)
    job = ["sh", "-c", "trap 'exit 7' TERM; echo; while :; do sleep 0.05; done"]
    environment = {**os.environ, "HOTDESK_REQUEST": said[0].decode().strip(), "HOTDESK_RUN": run_id}
    elsewhere = await asyncio.create_subprocess_exec(*job, env=environment, stdout=asyncio.subprocess.PIPE)
    assert elsewhere.stdout is not None
    await elsewhere.stdout.readline()
    link.grace = 3.0
    running.cancel()
    await asyncio.wait({running})
    assert await elsewhere.wait() == 7


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


@pytest.mark.parametrize("way", ["in order", "cut off"])
async def test_what_a_task_had_put_there_for_a_while_goes_with_the_agent(run_id: str, tmp_path: Path, way: str) -> None:
    """A script's directory, half of a file; what links in it lead to stays, and what its task has removed already is no matter."""
    (tmp_path / "theirs").write_text("stays")
    (tmp_path / "script").mkdir()
    (tmp_path / "script/link").symlink_to(tmp_path / "theirs")
    (tmp_path / "half").write_text("half")
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id)
        for name in ("script", "half", "gone"):
            link.temporary(str(tmp_path / name))
        await link.ping()
        if way == "in order":
            await link.aclose()
        else:
            await link._wire._channel.write_eof()  # what a dropped connection looks like to the agent
        await until(lambda: not marked(run_id))
        await link.aclose()
    assert os.listdir(tmp_path) == ["theirs"]  # noqa: PTH208 - pathlib would be a blocking call to the linter


async def test_a_service_of_a_finished_command_lives_on(run_id: str) -> None:
    """What a finished task started on purpose survives the agent; stop(task) would find it."""
    async with LocalConnection() as connection:
        link = await Link.start(connection, run=run_id)
        await link.run(["sh", "-c", "setsid sleep 300 >/dev/null 2>&1 &"], task="service")
        await link.aclose()
    try:
        assert len(marked(run_id, task="service")) == 1
    finally:
        end(marked(run_id))


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
    end(marked(run_id))


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


def leader(run: str, task: str) -> int:
    """The pid of a task's command: it leads its session, and what it is just forking does not."""
    (found,) = [pid for pid in marked(run, task=task) if os.getsid(pid) == pid]
    return found


async def test_kill_ends_what_another_agent_could_not(link: Link, run_id: str) -> None:
    """By pid and start time, descendants included; a pid that means another process by now is left alone."""
    async with LocalConnection() as connection:
        other = await Link.start(connection, run=run_id, grace=0.5)
        first, second = await started(other, "sleep 300 & wait", "a"), await started(other, "sleep 301 & wait", "b")
        ended, spared = leader(run_id, "a"), leader(run_id, "b")
        assert await link.kill([[ended, born(ended)], [spared, born(spared) - 1]]) == []
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


async def test_an_agent_that_was_frozen_during_a_stop_still_ends_everything(
    link: Link, run_id: str, tmp_path: Path
) -> None:
    """A PC that hangs past the grace, or is too busy to look in time: what ignores TERM gets its KILL all the same."""
    asked = tmp_path / "asked"
    command = f"trap ': >{asked}' TERM; while :; do sleep 0.05; done"
    running = asyncio.ensure_future(link.run(["sh", "-c", command], task="t"))
    await until(lambda: len(marked(run_id, task="t")) >= 2)
    running.cancel()
    await until(asked.exists)
    os.kill(link.info.pid, signal.SIGSTOP)
    await asyncio.sleep(link.grace + PERSISTENCE + 0.5)
    os.kill(link.info.pid, signal.SIGCONT)
    await asyncio.wait({running})
    await until(lambda: not marked(run_id, task="t"))
