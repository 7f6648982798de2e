"""The connections that the contract suite runs against: a name, and what opens one. Add a line for a new kind."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hotdesk.connections.answers import Completed
from hotdesk.connections.endpoint import endpoint_for
from hotdesk.connections.fake import FakeConnection, Script
from hotdesk.connections.local import LocalConnection
from hotdesk.connections.ssh import SSHConnection
from hotdesk.demo.embedded import embedded_pcs
from hotdesk.settings import Settings
from tests.sshd import sshd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from hotdesk.connections.base import Connection


async def canned(argv: list[str | bytes], request: dict[str, Any]) -> Completed:
    """What a real PC would do with the few commands that the suite uses."""
    words = [word.decode("utf-8", "surrogateescape") if isinstance(word, bytes) else word for word in argv]
    if words[0] == "echo":
        return Completed(rc=0, stdout=" ".join(words[1:]).encode("utf-8", "surrogateescape") + b"\n", stderr=b"")
    if words[0] == "cat":
        return Completed(rc=0, stdout=request.get("input", b""), stderr=b"")
    if words[0] == "ls":
        return Completed(rc=2, stdout=b"", stderr=b"ls: no such file\n")
    if words[0] == "sleep":
        await asyncio.sleep(float(words[1]))
        return Completed(rc=0, stdout=b"", stderr=b"")
    raise FileNotFoundError(2, "No such file or directory", words[0])


@asynccontextmanager
async def local() -> AsyncIterator[Connection]:
    async with LocalConnection() as connection:
        yield connection


@asynccontextmanager
async def fake() -> AsyncIterator[Connection]:
    async with FakeConnection(Script(on_run=canned)) as connection:
        yield connection


@asynccontextmanager
async def embedded() -> AsyncIterator[Connection]:
    """asyncssh's server: SSH without root."""
    with TemporaryDirectory() as folder:
        async with embedded_pcs(["pc1"], Path(folder)) as pcs:
            endpoint = endpoint_for("pc1", pcs.variables("pc1"), Settings())
            async with await SSHConnection.connect(endpoint) as connection:
                yield connection


@asynccontextmanager
async def openssh() -> AsyncIterator[Connection]:
    """A real sshd on a loopback port; a named skip without one."""
    with TemporaryDirectory() as folder:
        async with sshd(Path(folder) / "sshd") as server:
            endpoint = endpoint_for("pc1", server.variables(), Settings())
            async with await SSHConnection.connect(endpoint) as connection:
                yield connection


CONNECTIONS: dict[str, Callable[[], AbstractAsyncContextManager[Connection]]] = {
    "local": local,
    "fake": fake,
    "embedded": embedded,
    "openssh": openssh,
}
