"""Members: which processes are found, and how little is looked at for it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.agent import proc
from hotdesk.agent.members import Members

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not proc.lists_children(), reason="this kernel has no /proc/PID/task/TID/children")
WAYS = pytest.mark.parametrize("family", [True, False], ids=["below the agent", "among all"])
NOBODY = 1 << 30
"""A pid that no process has."""
THREAD = """
import subprocess, sys, threading
def start():
    print(subprocess.Popen(["sleep", "300"], start_new_session=True, env={}).pid, flush=True)
    threading.Event().wait()
threading.Thread(target=start).start()
"""


@contextmanager
def request(*argv: str) -> Iterator[SimpleNamespace]:
    """A request's process with its mark, and what its first line of output says as ``said``."""
    mark = b"HOTDESK_REQUEST=" + secrets.token_hex(6).encode()
    environment = {**os.environb, b"HOTDESK_REQUEST": mark.partition(b"=")[2]}
    with subprocess.Popen(
        argv, env=environment, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = [int(word) for word in process.stdout.readline().split()]
        try:
            yield SimpleNamespace(pid=process.pid, id=1, mark=frozenset([mark]), said=said, process=process)
        finally:
            process.kill()
            for pid in said:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def members(
    *requests: Any, agent: int = 0, family: bool = True, others: frozenset[int] = frozenset(), marks: Any = None
) -> Members:
    """Of these requests, seen by an agent that is this process, or has another pid."""
    its: Any = SimpleNamespace(
        proc=True, family=family, pid=agent or os.getpid(), roots=lambda: {each.pid for each in requests} | others,
        elevated=SimpleNamespace(pids=set()), guardian=SimpleNamespace(pid=0), under_way_at=lambda tick: set(),
    )  # fmt: skip
    return Members(its, list(requests), marks or [each.mark for each in requests], {})


def found(looking: Members, *, far: bool = False) -> set[int]:
    return {stat.pid for stat in looking.look(far=far)}


@WAYS
def test_a_tree_is_found_and_nothing_else(family: bool) -> None:
    """Children and theirs, a session of their own or an empty environment or not; another request's are left alone."""
    script = "sleep 300 & a=$!; setsid env -i sleep 300 & echo $a $!; wait"
    with request("sh", "-c", script) as one, request("sh", "-c", "sleep 300 & echo $!; wait") as other:
        looking = members(one, family=family, others=frozenset({other.pid}))
        assert found(looking) == {one.pid, *one.said}


@WAYS
def test_what_a_thread_has_started_is_found(family: bool) -> None:
    """The kernel lists children by the thread that started them."""
    with request(sys.executable, "-c", THREAD) as one:
        assert found(members(one, family=family)) == {one.pid, *one.said}


@WAYS
def test_what_somebody_else_has_started_is_known_by_its_mark(family: bool) -> None:
    """It is no descendant; it is found once nothing else is left, at the first or at the second look."""
    with request("sh", "-c", "echo; read x") as one:
        looking = members(agent=NOBODY, family=family, marks=[one.mark])
        assert found(looking) == {one.pid}
        one.process.kill()
        one.process.wait()
        assert found(looking) == set()
        with request("sh", "-c", "echo; read x") as late:
            looking.marks = [late.mark]
            assert found(looking) == {late.pid}


@contextmanager
def an_agent_and_its_request() -> Iterator[tuple[int, SimpleNamespace]]:
    """The pid of a process that stands for the agent, and what it has started."""
    with request("sh", "-c", "sleep 300 & echo $!; wait") as agent:
        yield agent.pid, SimpleNamespace(pid=agent.said[0], id=1, mark=frozenset([b"HOTDESK_REQUEST=none"]))


@WAYS
def test_parents_come_before_children(family: bool) -> None:
    """Also of those that were named: a shell whose child is ended first goes on with its next command."""
    with request("sh", "-c", "sleep 300 & echo $!; wait") as one:
        known = {stat.pid: stat.born for stat in members(one).look()}
        agent = members(agent=NOBODY, family=family).agent
        for order in (known.items(), reversed(known.items())):
            looking = Members(agent, [], [one.mark], dict(order))
            assert [stat.pid for stat in looking.look()] == [one.pid, *one.said]


def test_what_somebody_else_has_started_can_be_looked_for_before_the_rest_is_gone() -> None:
    """It shall have its part of the grace; once found it is known."""
    with an_agent_and_its_request() as (agent, own), request("sh", "-c", "echo; read x") as other:
        looking = members(own, agent=agent, marks=[other.mark])
        assert found(looking) == {own.pid}
        assert found(looking, far=True) == {own.pid, other.pid}
        assert found(looking) == {own.pid, other.pid}


def test_what_was_looked_through_before_is_not_looked_through_at_the_end(read: list[set[int]]) -> None:
    """A hundred agents of one PC do that in the same moment, when the grace is over."""
    with an_agent_and_its_request() as (agent, own):
        looking = members(own, agent=agent)
        assert found(looking, far=True) == {own.pid}
        os.kill(own.pid, signal.SIGKILL)
        while found(looking):
            pass
        assert os.getpid() in read[0]
        assert not any(os.getpid() in each for each in read[1:])


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The pids of each time that all processes are looked through."""
    pids: list[set[int]] = []
    real = proc.carriers

    def carriers(marks: Any, names: Any, but: Any = ()) -> tuple[list[int], list[str]]:
        pids.append({int(name) for name in names})
        return real(marks, names, but)

    monkeypatch.setattr(proc, "carriers", carriers)
    monkeypatch.setattr(proc, "processes", lambda: pytest.fail("all processes were read"))
    return pids


def test_other_processes_are_looked_at_only_when_nothing_is_left_below(read: list[set[int]]) -> None:
    """And but once: at the second look only those that are new. A hundred agents of one PC would keep it busy else."""
    with request("sh", "-c", "echo; read x") as one:
        looking = members(one)
        assert found(looking) == {one.pid}
        assert read == []
        one.process.kill()
        one.process.wait()
    with request("sh", "-c", "echo; read x") as new:
        assert found(looking) == found(looking) == set()
        assert {os.getpid(), new.pid} <= read[0]
        assert os.getpid() not in read[1]
        assert new.pid in read[1]


def test_a_mark_that_begins_like_another_is_another() -> None:
    """Request 1 is not request 12."""
    with request("sh", "-c", "echo; read x") as one:
        (mark,) = one.mark
        assert proc.carriers([frozenset([mark[:-1]])], [str(one.pid)]) == ([], [])
        assert proc.carriers([one.mark], [str(one.pid)]) == ([one.pid], [])


def test_one_that_is_just_becoming_another_program_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment it has no environment, as a zombie has none."""
    with request("sh", "-c", "echo; read x") as one:
        looking = members(agent=NOBODY, marks=[one.mark])
        with monkeypatch.context() as patch:
            patch.setattr(os, "read", lambda fd, size: b"")
            assert found(looking) == set()
        assert found(looking) == {one.pid}


@pytest.mark.parametrize(("state", "threads", "dead"), [(b"S", 1, False), (b"Z", 1, True), (b"Z", 3, False)])
def test_a_process_lives_as_long_as_one_of_its_threads(state: bytes, threads: int, dead: bool) -> None:
    """The first thread alone may have ended; proc(5) calls that Z too."""
    line = b"7 (a) b) %s 1 7 6 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 %d 0 4711 0 0" % (state, threads)
    stat = proc.Stat(7, line)
    assert (stat.name, stat.ppid, stat.session, stat.born, stat.zombie) == (b"a) b", 1, 6, 4711, dead)
