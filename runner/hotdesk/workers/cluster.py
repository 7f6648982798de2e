"""Workers of a Dask cluster (https://distributed.dask.org): each serves one line for us beside its own work.

An actor on each Dask worker says to the scheduler that it is in use, and to the worker what to do with a connection of ours. The line is a
connection of Dask's own to the worker's own port: with its TLS where the cluster has that, and through no further hole in a firewall. An
actor, unlike a task, is not run again elsewhere when its worker is lost, so nothing is done twice.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from hotdesk.connections.base import Channel
from hotdesk.errors import LinkLost, UsageError
from hotdesk.workers.seat import Seat
from hotdesk.workers.server import serve

if TYPE_CHECKING:
    from distributed import Client
    from distributed.comm import Comm

CONNECT_LIMIT = 10.0
"""Seconds for the scheduler, and for each worker, to answer."""
OPERATION = "hotdesk"
"""What a Dask worker is asked for in the first message of a line."""


class CommChannel(Channel):
    """Bytes over one of Dask's connections."""

    def __init__(self, comm: Comm) -> None:
        self._comm = comm
        self._ended = asyncio.Event()

    async def read(self, limit: int = 65536) -> bytes:
        """One message, however long; what is none of ours ends the line."""
        try:
            data = await self._comm.read()
        except OSError:  # CommClosedError is one
            data = b""
        if not isinstance(data, bytes) or not data:
            self._ended.set()
            return b""
        return data

    async def read_stderr(self, limit: int = 65536) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        try:
            await self._comm.write(data)
        except OSError as exc:
            raise LinkLost("the connection to it has ended") from exc

    async def write_eof(self) -> None:
        await self._comm.close()

    async def wait(self) -> int | None:
        await self._ended.wait()
        return None

    async def aclose(self) -> None:
        self._comm.abort()
        self._ended.set()


class Post:
    """The actor on a Dask worker."""

    def __init__(self) -> None:
        from distributed import get_worker

        get_worker().handlers[OPERATION] = take_line


async def take_line(comm: Comm) -> None:
    """A Dask worker's handler: the connection is ours until it ends."""
    await serve(CommChannel(comm))


class ClusterSeat(Seat):
    """One worker of the cluster."""

    def __init__(self, number: int, address: str, client: Client) -> None:
        self.name = f"worker {number} ({address})"
        self.private = address.startswith("tls://") or _is_loopback(address)
        self._address, self._client = address, client
        self._actor: Any = None

    async def open(self, run: str) -> None:
        from distributed.comm import connect

        try:
            self._actor = self._client.submit(
                Post,
                key=f"hotdesk-{run}-{self._address}",
                workers=[self._address],
                allow_other_workers=False,
                actor=True,
            )
            await self._actor
            arguments = self._client.security.get_connection_args("client")
            comm = await connect(self._address, timeout=CONNECT_LIMIT, deserialize=False, **arguments)
            self.channel = CommChannel(comm)
            await comm.write({"op": OPERATION, "reply": False})
        except ImportError as exc:
            raise LinkLost(f"hotdesk cannot be imported there: {exc}") from exc
        except (OSError, RuntimeError, ValueError) as exc:
            raise LinkLost(f"{type(exc).__name__}: {exc}") from exc

    def named(self, pid: int) -> str:
        return self.name

    async def why(self, line: str) -> str:
        return line

    async def aclose(self) -> None:
        if hasattr(self, "channel"):
            await self.channel.aclose()
        if self._actor is not None:
            self._actor.release()


class Cluster:
    """A Dask cluster by its scheduler's address."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Client | None = None
        self._known: dict[str, ClusterSeat] = {}

    async def seats(self) -> list[ClusterSeat]:
        """One for each worker there is now. Raises UsageError when there is no scheduler, or no worker, or no Dask here."""
        try:
            from distributed import Client
        except ImportError:
            raise UsageError(
                f"--workers {self._address} needs Dask.distributed here and on the workers",
                remedy="pip install 'hotdesk[cluster]'",
            ) from None
        logging.getLogger("distributed").setLevel(
            logging.CRITICAL
        )  # it would write into the screen; we say ourselves what is lost
        try:
            self._client = await Client(self._address, asynchronous=True, set_as_default=False, timeout=CONNECT_LIMIT)
            found = await self.newcomers()
        except (OSError, TypeError, RuntimeError, ValueError) as exc:
            raise UsageError(
                f"no Dask scheduler answers at {self._address}: {exc}",
                remedy="Is it running (dask scheduler)? For tls:// Dask's own configuration names the certificates.",
            ) from None
        if not found:
            raise UsageError(
                f"the Dask cluster of {self._address} has no workers", remedy=f"dask worker {self._address}"
            )
        return found

    async def newcomers(self) -> list[ClusterSeat]:
        """One for each worker that was not there when it was looked last. Raises OSError when the scheduler does not answer."""
        assert self._client is not None
        told = await self._client.scheduler.identity(n_workers=-1)
        found = []
        for address in sorted(told["workers"].keys() - self._known.keys()):
            self._known[address] = ClusterSeat(len(self._known) + 1, address, self._client)
            found.append(self._known[address])
        return found

    async def aclose(self) -> None:
        if self._client is not None:
            with suppress(TimeoutError, OSError):
                await self._client.close(timeout=1)


def _is_loopback(address: str) -> bool:
    host = address.partition("://")[2].rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
