"""wait_for and wait_for_connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.actions.on_target import waiting
from hotdesk.errors import ArgumentError, ConnectError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.actions.builtin.conftest import RunResult


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_file_and_its_text(result: RunResult, tmp_path: Path) -> None:
    """A path that is there, and a text in it with its groups, end the wait at once."""
    (tmp_path / "x").write_text("ready: yes\n")
    done = await result("wait_for", path=tmp_path / "x", search_regex=r"ready: (?P<word>\w+)", timeout=5)
    assert (done.data["match_groups"], done.data["match_groupdict"]) == (["yes"], {"word": "yes"})
    assert done.data["state"] == "file"
    assert not done.changed


async def test_with_nothing_to_wait_for_the_delay_comes_before_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are waited, as under Ansible."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    waiting.wait(options={"timeout": 2, "delay": 3, "port": None, "path": None, "state": "started"})
    assert sum(slept) == 5


async def test_the_time_runs_out(result: RunResult, tmp_path: Path) -> None:
    """When nothing comes the wait fails, with a message of its own or the one asked for."""
    done = await result("wait_for", path=tmp_path / "none", timeout=0)
    assert done.failed
    assert done.message == f"Timeout when waiting for file {tmp_path}/none"
    assert (await result("wait_for", path=tmp_path / "none", timeout=0, msg="ouch")).message == "ouch"


async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that says hello and closes."""
    with contextlib.suppress(ConnectionError):
        writer.write(b"hello there\n")
        await writer.drain()
    writer.close()


async def test_ports(result: RunResult) -> None:
    """An open port is started, a closed one stopped."""
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert not (await result("wait_for", port=port, timeout=5)).failed
        said = await result("wait_for", port=port, search_regex="hel(lo)", timeout=5)
        assert said.data["match_groups"] == ["lo"]
        assert (await result("wait_for", port=port, state="stopped", timeout=0)).failed
    done = await result("wait_for", port=free_port(), state="stopped", timeout=5)
    assert (done.failed, done.data["state"]) == (False, "stopped")


async def test_draining_sees_a_connection(result: RunResult) -> None:
    """A port with a connection is not drained, one without is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert (await result("wait_for", port=port, state="drained", timeout=0)).failed
            peer = await result("wait_for", port=port, state="drained", timeout=0, exclude_hosts=["127.0.0.1"])
            assert not peer.failed
    assert not (await result("wait_for", port=free_port(), state="drained", timeout=5)).failed


@pytest.mark.parametrize(
    "args",
    [
        {"port": 1, "path": "/x"},
        {"path": "/x", "state": "drained"},
        {"port": 1, "exclude_hosts": ["a"]},
        {"port": 1, "state": "drained", "active_connection_states": ["NONE"]},
    ],
)
async def test_contradictions_are_refused(result: RunResult, args: dict[str, Any]) -> None:
    """Options that do not go together are an error."""
    with pytest.raises(ArgumentError):
        await result("wait_for", **args)


async def test_waiting_for_a_connection_tries_again(result: RunResult) -> None:
    """Attempts are repeated until one succeeds."""
    attempts: list[float] = []

    async def connect(timeout: float, connect_timeout: float) -> None:
        attempts.append(connect_timeout)
        if len(attempts) < 3:
            raise ConnectError("not yet")

    done = await result("wait_for_connection", sleep=0, _wait_for_connection=connect)
    assert not done.failed
    assert attempts == [5.0, 5.0, 5.0]


async def test_waiting_for_a_connection_ends(result: RunResult) -> None:
    """After its timeout the wait fails."""

    async def connect(timeout: float, connect_timeout: float) -> None:
        await asyncio.Event().wait()

    done = await result("wait_for_connection", timeout=0, _wait_for_connection=connect)
    assert done.failed
    assert "timed out" in done.message
