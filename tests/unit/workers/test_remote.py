"""What the control process does and does not do with a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hotdesk.configuration import load_settings
from hotdesk.connections.base import Endpoint, Escalation, Secret
from hotdesk.errors import ConnectError, UsageError, WorkerLost
from hotdesk.workers.line import Line
from hotdesk.workers.remote import FarConnection, Worker, mismatch
from hotdesk.workers.server import hello
from hotdesk.workers.workers import Workers
from tests.unit.workers.test_line import ends

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hotdesk.connections.local import FdChannel


@pytest.fixture
async def channel() -> AsyncIterator[FdChannel]:
    """One end of a line that nobody serves."""
    here, there = ends()
    yield here
    await here.aclose()
    await there.aclose()


async def test_no_password_goes_where_others_could_read_it(channel: FdChannel) -> None:
    """Neither that of the login, nor a key's, nor sudo's; the host says so and what to do."""
    worker = Worker(Line(channel, lease=30), "worker 1 (tcp://192.0.2.1:1)", lambda event: None, private=False)
    for endpoint in (Endpoint(host="pc", password=Secret("x")), Endpoint(host="pc", key_passphrase=Secret("x"))):
        with pytest.raises(ConnectError, match="pc: its password is not sent to worker 1"):
            async with asyncio.timeout(5):
                await worker.connect(endpoint)
    with pytest.raises(ConnectError, match="not encrypted"):
        async with asyncio.timeout(5):
            await FarConnection(worker, 1, Endpoint(host="pc")).start_agent(
                Escalation(password=Secret("x")), {}, limit=1
            )


async def test_whoever_waits_for_a_worker_is_told_that_it_is_gone(channel: FdChannel) -> None:
    """Requests, channels and connections, and everybody who comes later."""
    worker = Worker(Line(channel, lease=30), "worker 1", lambda event: None)
    far = worker.channel("pc")
    worker.lose("it was killed by SIGKILL")
    for waiting in (far.read(), far.read_stderr(), far.write(b"x"), worker.connect(Endpoint(host="pc"))):
        with pytest.raises(WorkerLost, match="worker 1 has gone with the connection: it was killed by SIGKILL"):
            await waiting
    assert await far.wait() is None


def test_a_worker_of_another_version_is_refused() -> None:
    """The frames may differ."""
    assert mismatch(hello()) == ""
    assert "it has hotdesk 0.0.0" in mismatch({**hello(), "version": "0.0.0"})


async def test_workers_that_do_not_start_are_told_with_their_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any host is touched; nothing of them is left."""
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with pytest.raises(UsageError, match=r"worker . did not start: .*ended with status 127.*nonexistent"):
        async with Workers(load_settings({"workers": "2"}), run="r", on_event=lambda event: None) as workers:
            await workers.start()


@pytest.mark.parametrize(
    ("given", "found"), [("3", "3"), ("0", ""), ("tcp://s:8786", "tcp://s:8786"), ("tls://s:1", "tls://s:1")]
)
def test_workers_are_a_number_or_a_scheduler(given: str, found: str) -> None:
    """0 is none at all."""
    assert load_settings({"workers": given}).workers == found


@pytest.mark.parametrize("given", ["-1", "two", "1.5", "http://s", ""])
def test_other_workers_are_refused(given: str) -> None:
    """With what there is instead."""
    with pytest.raises(UsageError, match="is not a number of workers"):
        load_settings({"workers": given})
