"""What every connection owes the layers above, the fake one included."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.agent.lock import path_of
from hotdesk.connections.link import Link
from hotdesk.errors import LinkLost, LockHeld, TaskError

from .connections import CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from hotdesk.connections.base import Connection


@pytest.fixture(params=CONNECTIONS)
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    async with CONNECTIONS[request.param]() as connection:
        yield connection


@pytest.fixture
async def link(connection: Connection) -> AsyncIterator[Link]:
    link = await Link.start(connection, run=f"contract-{secrets.token_hex(4)}", grace=0.5)
    try:
        yield link
    finally:
        await link.aclose()


async def test_the_agent_says_who_it_is(link: Link) -> None:
    """The hello carries an AgentInfo."""
    assert link.info.python >= (3, 8)
    assert link.info.home.startswith("/")
    assert await link.ping() >= 0


async def test_a_command_has_output_and_rc(link: Link) -> None:
    """stdout, stderr, rc; output is also told as it comes."""
    told: list[tuple[str, bytes]] = []
    done = await link.run(["echo", "hi", b"\xff"], task="t", on_output=lambda *each: told.append(each))
    assert (done.rc, done.stdout, done.stderr) == (0, b"hi \xff\n", b"")
    assert b"".join(data for stream, data in told if stream == "stdout") == done.stdout
    failed = await link.run(["ls", "/no/such/file"], task="t")
    assert failed.rc == 2
    assert failed.stderr.startswith(b"ls:")


async def test_stdin_is_given_or_empty(link: Link) -> None:
    """Bytes in, bytes out."""
    data = b"a\0b" * 300000
    assert (await link.run(["cat"], task="t", stdin=data)).stdout == data
    assert (await link.run(["cat"], task="t")).stdout == b""


async def test_a_missing_program_is_an_oserror(link: Link) -> None:
    """With its name."""
    with pytest.raises(FileNotFoundError) as caught:
        await link.run(["no-such-program"], task="t")
    assert caught.value.filename == "no-such-program"


async def test_cancelling_ends_it_and_the_link_goes_on(link: Link) -> None:
    """CancelledError, then business as usual."""
    running = asyncio.ensure_future(link.run(["sleep", "300"], task="t"))
    await link.ping()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await link.run(["echo", "on"], task="t")).stdout == b"on\n"


async def test_stop_ends_a_task(link: Link) -> None:
    """Its commands report the signal."""
    running = asyncio.ensure_future(link.run(["sleep", "300"], task="gone"))
    await link.ping()
    await link.stop("gone")
    assert (await running).signal == 15


async def test_calls(link: Link) -> None:
    """Values, items, Failed and OSError."""
    source = (
        "def items(n):\n    yield from range(n)\n    return b'end'\n"
        "def fail():\n    raise Failed('no', a=1)\n"
        "def lost():\n    open('/no/such')\n"
    )
    seen: list[int] = []
    assert await link.call(source, "items", 3, task="t", on_item=seen.append) == b"end"
    assert seen == [0, 1, 2]
    with pytest.raises(TaskError) as failed:
        await link.call(source, "fail", task="t")
    assert failed.value.data == {"a": 1}
    with pytest.raises(FileNotFoundError) as lost:
        await link.call(source, "lost", task="t")
    assert lost.value.filename == "/no/such"


async def test_files(link: Link, tmp_path: Path) -> None:
    """What is put can be got; what is not there cannot."""
    path, data = str(tmp_path / "file"), b"content" * 50000
    await link.put(path, data, task="t")
    assert b"".join([chunk async for chunk in link.get(path, task="t")]) == data
    with pytest.raises(FileNotFoundError):
        [chunk async for chunk in link.get(str(tmp_path / "missing"), task="t")]


async def test_disks(link: Link) -> None:
    """Sizes in bytes, the asked paths, and a watch that tells crossings."""
    (state,) = await link.disks(["/"])
    assert 0 <= state.free <= state.total
    assert state.paths == ("/",)
    told = asyncio.Event()
    limits = {"/": {"warning": state.total + 1, "minimum": 0}}
    watching = asyncio.ensure_future(link.watch_disks(limits, interval=0.05, on_change=lambda *_: told.set()))
    async with asyncio.timeout(10):
        await told.wait()
    watching.cancel()
    await asyncio.wait({watching})
    assert watching.cancelled()


@pytest.fixture
def lock_name() -> Iterator[str]:
    """The name of a lock nobody has; its file is removed."""
    name = f"contract-{secrets.token_hex(4)}"
    yield name
    Path(path_of(name)).unlink(missing_ok=True)


async def test_a_lock_is_exclusive(link: Link, lock_name: str) -> None:
    """Held once, free after unlock."""
    await link.lock(lock_name, {"run": "this-run", "holder": "ann", "since": "noon"})
    with pytest.raises(LockHeld, match=r"this-run \(ann\) since noon"):
        await link.lock(lock_name, {"run": "that-run"})
    await link.unlock(lock_name)
    await link.lock(lock_name, {"run": "that-run"})
    await link.unlock(lock_name)


async def test_a_closed_connection_loses_its_links(connection: Connection) -> None:
    """LinkLost for who waits and for who comes."""
    link = await Link.start(connection, run=f"contract-{secrets.token_hex(4)}", grace=0.2)
    running = asyncio.ensure_future(link.run(["sleep", "300"], task="t"))
    await link.ping()
    await connection.aclose()
    assert connection.closed
    async with asyncio.timeout(5):
        await asyncio.wait({running})
    assert isinstance(running.exception(), LinkLost)
    with pytest.raises(LinkLost):
        await link.ping()
    await link.aclose()
    with pytest.raises(LinkLost):
        await Link.start(connection, run=f"contract-{secrets.token_hex(4)}")
