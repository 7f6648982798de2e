"""rsync whose remote shell ends on a channel of the runner, joined to a bulk command."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hotdesk.agent import bridge as bridge_program
from hotdesk.connections import bulk
from hotdesk.connections.bulk import opening
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import TaskError

from .conftest import guardians, marked, until

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.connections.base import Channel
    from hotdesk.connections.link import Link

BRIDGE = str(bridge_program.__file__)
pytestmark = pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")


class Elsewhere(LocalConnection):
    """What ``bulk`` takes for the control node from now on; the tests' own connection is none."""


@pytest.fixture(params=["control node", "another PC"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both roads: rsync's own descriptors, and the copying bridge."""
    if request.param == "another PC":
        monkeypatch.setattr(bulk, "LocalConnection", Elsewhere)


async def copy(source: Channel, target: Channel) -> None:
    while data := await source.read(1 << 18):
        await target.write(data)


@pytest.mark.usefixtures("place")
async def test_rsync_goes_over_our_channels(link: Link, tmp_path: Path) -> None:
    """A tree with a big file arrives; the words of the server come from rsync itself."""
    source = tmp_path / "a folder"
    source.mkdir()
    (source / "big").write_bytes(bytes(range(256)) * 20000)
    (source / "it's $odd").write_text("x")
    argv = ["rsync", "-a", "-s", f"{source}/", f"peer:{tmp_path}/the copy/"]
    async with await link.remote_shell(argv, task="t") as shell:
        assert shell.command[:2] == ["rsync", "--server"]
        async with (
            opening(link) as bridge,
            await link.bulk(shell.command, bridge, task="t") as server,
            asyncio.TaskGroup() as group,
        ):
            up = group.create_task(copy(shell.channel, server.channel))
            down = group.create_task(copy(server.channel, shell.channel))
            done = await server.wait()
            await down
            await shell.finish(done.rc)
            assert (done.rc, (await shell.wait()).rc) == (0, 0)
            up.cancel()
    assert (tmp_path / "the copy" / "big").read_bytes() == (source / "big").read_bytes()
    assert (tmp_path / "the copy" / "it's $odd").read_text() == "x"


@pytest.mark.usefixtures("place")
async def test_leaving_ends_both_ends(link: Link, run_id: str, tmp_path: Path) -> None:
    """An interrupted transfer leaves no rsync, no bridge, no remote shell."""
    (tmp_path / "file").write_text("x")
    async with await link.remote_shell(["rsync", "-a", "-s", f"{tmp_path}/file", "peer:/nowhere/"], task="t"):
        assert marked(run_id, task="t")
    await until(lambda: sorted(marked(run_id)) == sorted([link.info.pid, *guardians(link)]))


@pytest.mark.usefixtures("place")
async def test_an_rsync_that_cannot_begin_says_why(link: Link) -> None:
    """Its own words in a TaskError."""
    with pytest.raises(TaskError, match="unknown option"):
        await link.remote_shell(["rsync", "--no-such-option", "/a", "peer:/b"], task="t")


async def test_the_copying_bridge_leaves_with_rsyncs_remote_shell() -> None:
    """When its agent has ended rsync, nothing holds it: not a runner that is frozen and neither reads nor closes the channel."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", BRIDGE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert program.stdin is not None
    assert program.stdout is not None
    wanted = json.dumps({"do": "shell", "token": "t" * 32, "users": [os.geteuid()]}).encode()
    program.stdin.write(b"%10d" % len(wanted) + wanted)
    address = json.loads(await program.stdout.readline())["address"]
    takes, gives = os.pipe(), os.pipe()
    with socket.socket(socket.AF_UNIX) as remote_shell:
        remote_shell.connect("\0" + address)
        socket.send_fds(remote_shell, [b"t" * 32 + b"[]"], [takes[0], gives[1]])
        assert json.loads(await program.stdout.readline()) == {"words": []}
        os.close(takes[0])
        os.close(gives[1])
        os.write(takes[1], bytes(1 << 16))  # more than anybody reads
    assert await asyncio.wait_for(program.wait(), 10) == 0
    os.close(takes[1])
    os.close(gives[0])
    program.stdin.close()


def test_a_bridge_that_waits_for_rsync_goes_with_the_runner() -> None:
    """Stopped while rsync is just being started: the end of the channel is all that a bridge hears of it."""
    wanted = json.dumps({"do": "shell", "token": "t" * 32, "users": [os.getuid()]}).encode()
    with subprocess.Popen([sys.executable, BRIDGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        bridge.stdin.write(b"%010d" % len(wanted) + wanted)
        bridge.stdin.flush()
        assert json.loads(bridge.stdout.readline())["address"]
        bridge.stdin.close()
        assert bridge.wait(bridge_program.PATIENCE / 2) == 0
