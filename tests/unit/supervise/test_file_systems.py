"""The disk watch on real file systems: several at once, one that stops answering, one that is dead."""

from __future__ import annotations

import asyncio
import os
import shlex
from typing import TYPE_CHECKING

import pytest

from hotdesk.connections.base import Channel, Endpoint
from hotdesk.connections.link import Link
from hotdesk.connections.local import LocalConnection
from hotdesk.errors import DiskLow, HostError, Unreachable
from hotdesk.supervise.disk_watch import DiskWatch, Watched, parse, preflight
from tests.unit.machines import RUN, needs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hotdesk.events import Event

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
fuse = pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="there is no /dev/fuse")
FUSE = "exec 7<>/dev/fuse && mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 none {} && exec {}"
"""A file system whose daemon never answers; it is dead once the daemon's descriptor is closed."""


class Apart(LocalConnection):
    """Whatever is mounted there, nobody else sees it."""

    async def open(self, command: str) -> Channel:
        return await super().open(f"exec unshare --mount sh -c {shlex.quote(command)}")


@pytest.fixture
async def pc() -> AsyncIterator[Link]:
    """An agent with mounts of its own."""
    needs("unshare", "mount")
    async with Apart(Endpoint(host="vega", kind="local")) as connection:
        link = await Link.start(connection, run=RUN, grace=1.0)
        yield link
        await link.aclose()


async def shell(pc: Link, script: str) -> None:
    done = await pc.run(["sh", "-c", script], task="mounts")
    assert done.rc == 0, done.stderr


async def first_low(watched: Watched, emit: Callable[[Event], None] = lambda _: None) -> list[HostError]:
    """What the watch has told of the host up to and with its first error."""
    told: list[HostError] = []
    called = asyncio.Event()

    def on_low(_: Watched, error: HostError) -> None:
        told.append(error)
        called.set()

    async with DiskWatch([watched], on_low=on_low, emit=emit), asyncio.timeout(30):
        await called.wait()
    return told


async def test_each_file_system_has_its_own_measure(pc: Link, tmp_path: Path) -> None:
    """Two mounts below one another: only the one that is full is named, before a play and while it runs."""
    inner = f"{tmp_path}/inner"
    await shell(pc, f"mount -t tmpfs -o size=8m x {tmp_path} && mkdir {inner} && mount -t tmpfs -o size=4m x {inner}")
    paths = (f"{tmp_path}/a", f"{inner}/a", f"{inner}/b")
    watched = Watched("vega", pc, paths, parse({"preflight_minimum": "50%", "runtime_minimum": "50%", "interval": 0.1}))
    assert await preflight([watched]) == {}
    await shell(pc, f"head -c 3M /dev/zero >{inner}/full")
    (problem,) = (await preflight([watched]))["vega"]
    assert problem.message.startswith(f"{inner} on vega has 1.0 MiB free of 4.0 MiB; 2.0 MiB are needed")
    (error,) = await first_low(watched)
    assert isinstance(error, DiskLow)
    assert error.data["mount"] == inner


@fuse
async def test_a_file_system_that_stops_answering_stops_the_host(pc: Link, tmp_path: Path) -> None:
    """Three looks without an answer: unreachable, with the mount's name."""
    there, looked_at = f"{tmp_path}/there", asyncio.Event()
    await shell(pc, f"mkdir {there} && mount -t tmpfs -o size=4m x {there} && head -c 1M /dev/zero >{there}/file")
    watched = Watched("vega", pc, (there,), parse({"warning": "99%", "interval": 0.1}))
    async with asyncio.TaskGroup() as group:
        low = group.create_task(first_low(watched, lambda _: looked_at.set()))
        await looked_at.wait()
        hangs = group.create_task(pc.run(["sh", "-c", FUSE.format(there, "sleep 300")], task="fuse"))
        (error,) = await low
        hangs.cancel()
    assert isinstance(error, Unreachable)
    assert error.message == f"{there} on vega has not answered three times running"


@fuse
async def test_a_dead_mount_is_not_taken_for_its_parent(pc: Link, tmp_path: Path) -> None:
    """Its server or its disk is gone: the space of the file system below would be a wrong answer."""
    await shell(pc, FUSE.format(tmp_path, "true"))
    (problem,) = (await preflight([Watched("vega", pc, (f"{tmp_path}/new",), parse(None))]))["vega"]
    assert "cannot be read" in problem.message
    assert "not connected" in problem.message
