from __future__ import annotations

import asyncio
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.connections.base import Connection, Endpoint, Escalation
from hotdesk.connections.endpoint import endpoint_for
from hotdesk.connections.link import Link
from hotdesk.connections.pool import Pool, raise_descriptor_limit
from hotdesk.errors import ConnectError, LinkLost
from hotdesk.events import Connected, Connecting, Event
from hotdesk.settings import Settings
from tests.sshd import Sshd, sshd
from tests.unit.connections.conftest import alive, marked, until
from tests.unit.machines import RUN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.sshd


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Sshd]:
    async with sshd(tmp_path / "sshd") as running:
        yield running


def endpoint(server: Sshd, name: str = "desk") -> Endpoint:
    return endpoint_for(name, server.variables(), Settings())


async def test_callers_share_one_link(server: Sshd) -> None:
    """Ten callers at once: one connection, one agent, two events."""
    events: list[Event] = []
    async with Pool(Settings(), run=RUN, on_event=events.append) as pool:
        async with asyncio.TaskGroup() as group:
            links = [group.create_task(pool.link(endpoint(server))) for _ in range(10)]
        assert len({id(link.result()) for link in links}) == 1
        assert (await links[0].result().run(["echo", "hi"], task="t")).stdout == b"hi\n"
        assert [type(event) for event in events] == [Connecting, Connected]


async def test_forty_hosts_behind_one_sshd_all_connect(server: Sshd) -> None:
    """MaxStartups 10:30:100 would refuse many of 40 simultaneous logins."""
    async with Pool(Settings(), run=RUN) as pool, asyncio.TaskGroup() as group:
        tasks = [group.create_task(pool.connection(endpoint(server, f"pc{number}"))) for number in range(40)]
    assert len({id(task.result()) for task in tasks}) == 40


async def test_agents_start_a_few_at_a_time_on_a_pc_of_many_names(
    server: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy PC that had to start all at once would start none within the limit."""
    most = now = 0
    start = Link.start

    async def counted(*args: Any, **kwargs: Any) -> Link:
        nonlocal most, now
        now += 1
        most = max(most, now)
        try:
            return await start(*args, **kwargs)
        finally:
            now -= 1

    monkeypatch.setattr("hotdesk.connections.pool.Link.start", counted)
    async with Pool(Settings(handshakes_per_address=3), run="r") as pool, asyncio.TaskGroup() as group:
        for number in range(9):
            group.create_task(pool.link(endpoint(server, f"pc{number}")))
    assert most == 3


async def test_a_refused_handshake_is_tried_again(tmp_path: Path) -> None:
    """With MaxStartups 2 and eight at once, most first attempts are refused; all get in."""
    async with (
        sshd(tmp_path / "narrow", "MaxStartups 2") as server,
        Pool(Settings(), run=RUN) as pool,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(pool.connection(endpoint(server, f"pc{number}"))) for number in range(12)]
    assert all(task.result() for task in tasks)


async def test_hosts_get_in_past_a_crowd_that_takes_nearly_all_places(tmp_path: Path) -> None:
    """Strangers who do not log in leave one place at the address: thirty names take turns, and waiting for one's turn costs no time."""
    async with sshd(tmp_path / "narrow", "MaxStartups 4") as server, AsyncExitStack() as crowd:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            crowd.callback(writer.close)
        async with Pool(Settings(), run=RUN) as pool, asyncio.TaskGroup() as group:
            points = [replace(endpoint(server, f"pc{number}"), connect_timeout=6.0) for number in range(30)]
            tasks = [group.create_task(pool.connection(point)) for point in points]
        assert len({id(task.result()) for task in tasks}) == 30


async def test_a_cancelled_caller_does_not_take_the_attempt_along(server: Sshd) -> None:
    """Who waits for the same link still gets it."""
    async with Pool(Settings(), run=RUN) as pool, asyncio.TaskGroup() as group:
        first = group.create_task(pool.link(endpoint(server)))
        second = group.create_task(pool.link(endpoint(server)))
        await asyncio.sleep(0)
        first.cancel()
        assert not (await second).lost
        assert first.cancelled()


async def test_a_jump_host_is_logged_into_once(server: Sshd, tmp_path: Path) -> None:
    """Five hosts behind one: six connections, the jump host's key checked like any other."""
    async with sshd(tmp_path / "inner") as inner, Pool(Settings(), run=RUN) as pool:
        both = tmp_path / "both"
        both.write_text(server.known_hosts.read_text() + inner.known_hosts.read_text())
        behind = [
            replace(
                endpoint(inner, f"pc{number}"),
                options=(
                    ("IdentitiesOnly", "yes"),
                    ("ProxyJump", f"{os.environ.get('USER', 'root')}@127.0.0.1:{server.port}"),
                ),
                known_hosts=(str(both),),
                private_key_files=(str(inner.identity), str(server.identity)),
            )
            for number in range(5)
        ]
        async with asyncio.TaskGroup() as group:
            links = [group.create_task(pool.link(each)) for each in behind]
        assert (await links[4].result().run(["echo", "hi"], task="t")).rc == 0
        assert len(server.logins()) == 1
        stranger = replace(behind[0], known_hosts=(str(inner.known_hosts),))
        with pytest.raises(Exception, match=r"pc0: through its jump host: .* not known"):
            await pool.link(stranger)


async def test_jump_hosts_in_a_circle_are_an_error(tmp_path: Path) -> None:
    """Instead of connecting for ever."""
    config = tmp_path / "config"
    config.write_text("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    async with Pool(Settings(), run=RUN) as pool:
        with pytest.raises(ConnectError, match="circle"):
            async with asyncio.timeout(10):
                await pool.link(Endpoint(host="a", ssh_config=(str(config),)))


async def test_a_lost_link_is_made_anew(server: Sshd) -> None:
    """The server's processes are killed: the old link is lost, the next one works."""
    async with Pool(Settings(), run=RUN) as pool:
        link = await pool.link(endpoint(server))
        for pid in server.children():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(LinkLost):
            await link.run(["sleep", "20"], task="t")
        again = await pool.link(endpoint(server))
        assert (await again.run(["true"], task="t")).rc == 0


async def test_what_a_killed_agent_had_under_way_is_ended(server: Sshd, run_id: str) -> None:
    """A new agent ends the child that left its parent's session; a service of a task that has finished lives on."""
    service, child = f"{secrets.randbelow(10**6)}.25", f"{secrets.randbelow(10**6)}.75"
    async with Pool(Settings(), run=run_id) as pool:
        link = await pool.link(endpoint(server))
        await link.run(["sh", "-c", f"setsid sleep {service} >/dev/null 2>&1 &"], task="finished")
        running = asyncio.ensure_future(link.run(["sh", "-c", f"setsid sleep {child} & wait"], task="unfinished"))
        await until(lambda: alive(child))
        os.kill(link.info.pid, signal.SIGKILL)
        with pytest.raises(LinkLost, match="killed"):
            await running
        await until(lambda: not alive(child))
        # The new agent does not stay either: nobody may need this PC again.
        await until(lambda: marked(run_id) == alive(service))
    (pid,) = alive(service)
    os.kill(pid, signal.SIGKILL)


async def test_a_run_that_ends_waits_for_the_end_of_what_a_killed_agent_had_under_way(server: Sshd) -> None:
    """Closing the pool does not get in the way."""
    child = f"{secrets.randbelow(10**6)}.75"
    async with Pool(Settings(), run=RUN) as pool:
        link = await pool.link(endpoint(server))
        running = asyncio.ensure_future(link.run(["sh", "-c", f"setsid sleep {child} & wait"], task="unfinished"))
        await until(lambda: alive(child))
        os.kill(link.info.pid, signal.SIGKILL)
        await asyncio.wait({running})
        assert running.exception()
    assert not alive(child)


async def test_a_pc_that_is_not_heard_sees_the_end_of_the_connection(server: Sshd, run_id: str) -> None:
    """It may hear us all the same (a link that is cut one way): waiting for the end of the run would be longer than the lease."""
    async with Pool(Settings(), run=run_id) as pool:
        link = await pool.link(endpoint(server), lease=1.0)
        os.kill(link.info.pid, signal.SIGSTOP)
        try:
            await until(lambda: link.lost)
            await until(lambda: not server.logins())
        finally:
            os.kill(link.info.pid, signal.SIGCONT)


async def test_one_silent_agent_of_two_does_not_take_the_connection_along(
    server: Sshd, run_id: str, tmp_path: Path
) -> None:
    """The other one of the same PC is heard."""
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "$1" != env ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    async with Pool(Settings(), run=run_id) as pool:
        link = await pool.link(endpoint(server), lease=1.0)
        other = await pool.link(endpoint(server), Escalation(exe=str(sudo)))
        os.kill(link.info.pid, signal.SIGSTOP)
        try:
            await until(lambda: link.lost)
            await other.ping()
        finally:
            os.kill(link.info.pid, signal.SIGCONT)


async def test_reset_gives_a_new_connection(server: Sshd) -> None:
    """The old one is closed."""
    async with Pool(Settings(), run=RUN) as pool:
        old = await pool.connection(endpoint(server))
        await pool.link(endpoint(server))
        await pool.reset(endpoint(server))
        assert old.closed
        assert await pool.connection(endpoint(server)) is not old


async def test_a_host_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After five failures no more attempts in this run, until a reset."""
    attempts: list[Event] = []
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    dead = Endpoint(host="desk", address="127.0.0.1", port=port, ssh_config=("none",))
    async with Pool(Settings(), run=RUN, on_event=attempts.append) as pool:
        for _ in range(7):
            with pytest.raises(ConnectError, match="nothing listens"):
                await pool.link(dead)
        assert len(attempts) == 5
        await pool.reset(dead)
        with pytest.raises(ConnectError, match="nothing listens"):
            await pool.link(dead)
        assert len(attempts) == 6


async def test_a_cancelled_run_closes_everything(server: Sshd) -> None:
    """Also an attempt that is under way; the error of the block comes through as it is."""
    made: list[Connection] = []

    async def fail() -> None:
        async with Pool(Settings(), run=RUN) as pool, asyncio.timeout(20):
            made.append(await pool.connection(endpoint(server)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert made[0].closed
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = Endpoint(host="x", address="127.0.0.1", port=silent.getsockname()[1], ssh_config=("none",))
        with pytest.raises(TimeoutError):
            async with Pool(Settings(), run=RUN) as pool, asyncio.timeout(0.2):
                await pool.link(hanging)


async def test_the_control_node_has_an_agent_too() -> None:
    """And grace reaches every agent."""
    async with Pool(Settings(), run=RUN) as pool:
        link = await pool.control()
        pool.force()
        assert link.grace == 0
        assert link is await pool.control()


def test_the_descriptor_limit_is_raised() -> None:
    """Soft to hard."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_the_shortest_lease_that_is_asked_for_holds(server: Sshd) -> None:
    """Also on a link that runs already and on the next one there; other hosts keep the settings' own."""
    point = endpoint(server)
    async with Pool(Settings(lease=30.0), run=RUN) as pool:
        link = await pool.link(point)
        assert link.lease == 30.0
        for asked, holds in ((20.0, 20.0), (60.0, 20.0), (None, 20.0), (7.0, 7.0)):
            assert (await pool.link(point, lease=asked)) is link
            assert link.lease == holds
        await link.aclose()
        assert (await pool.link(point)).lease == 7.0
        assert (await pool.control()).lease == 30.0


def test_asyncssh_waits_for_the_first_connection() -> None:
    """What loads playbooks and inventories, and lists them, does without it."""
    code = "import sys, hotdesk.cli.play, hotdesk.prepare; sys.exit('asyncssh' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
