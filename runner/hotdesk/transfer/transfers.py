"""A transfer: rsync on the source, its receiver on the target, and the runner between them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import field
from typing import TYPE_CHECKING

from hotdesk.connections.bulk import opening
from hotdesk.errors import HostError, LinkLost, TransferError
from hotdesk.frozen import frozen
from hotdesk.transfer import outcome
from hotdesk.transfer.itemize import Item, Output, Totals
from hotdesk.transfer.pipe import pipe
from hotdesk.transfer.relay import relay
from hotdesk.transfer.rsync import Mirror, server_argv

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hotdesk.connections.bulk import Bulk, Prefixed
    from hotdesk.connections.link import Completed, Link
    from hotdesk.results import Progress

ENVIRONMENT = {"LC_ALL": "C", "RSYNC_PROTECT_ARGS": "0", "RSYNC_OLD_ARGS": "0", "RSYNC_ICONV": ""}
"""For both rsyncs: messages that can be read back, and none of the user's settings that change what they say to each other."""
STDERR_LIMIT = 1 << 20
"""Bytes of the sender's messages that are kept."""


@frozen
class End:
    """One side of a transfer. ``mark`` is what its processes carry: unique for a task on a host."""

    link: Link
    host: str
    mark: str


@frozen
class Report:
    """What a transfer did (or, rehearsed, would do)."""

    items: tuple[Item, ...]
    totals: Totals = field(default_factory=Totals)
    vanished: tuple[str, ...] = ()
    """Files of the source that were gone when their turn came (rsync's exit code 24)."""
    messages: tuple[str, ...] = ()
    """What else rsync had to say."""


class Transfers:
    """All bulk transfers of a run: at most ``limit`` of them at a time (``hotdesk_transfers``), each walks a whole tree."""

    def __init__(self, limit: int = 4) -> None:
        self.limit = max(1, limit)
        self._running = 0
        self._waiting: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def _place(self, limit: int) -> AsyncIterator[None]:
        """Wait until fewer than ``limit`` transfers run, then be one of them."""
        while self._running >= limit:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            finally:
                self._waiting.remove(waiter)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            for each in self._waiting:
                if not each.done():
                    each.set_result(None)

    async def pipe(
        self,
        source: End,
        sender: Sequence[str],
        target: End,
        receiver: Sequence[str],
        *,
        rate: int = 0,
        on_bytes: Callable[[int], None] | None = None,
        limit: int | None = None,
    ) -> int:
        """One program's output into another's input (see ``transfer.pipe``); begins when fewer than ``limit`` transfers run."""
        async with self._place(max(1, limit or self.limit)):
            try:
                return await pipe(source, sender, target, receiver, rate=rate, on_bytes=on_bytes)
            except BaseExceptionGroup as group:
                raise _first(group) from None

    async def mirror(
        self,
        mirror: Mirror,
        source: End,
        target: End,
        *,
        dry_run: bool,
        on_progress: Callable[[Progress], None] | None = None,
        on_heard: Callable[[], None] | None = None,
        bytes_total: int = 0,
        limit: int | None = None,
    ) -> Report:
        """Make ``target`` like ``source``; with ``dry_run`` only say what that would do. ``on_heard`` is called at each sign of life.

        It begins when fewer than ``limit`` transfers run (None: the run's own limit).

        Raises TransferError (with ``data['paths']``), or Unreachable and LinkLost when the way broke. Cancelling it ends rsync at both ends.
        """
        output = Output(on_progress, bytes_total)
        errors = bytearray()

        def take(stream: str, chunk: bytes) -> None:
            if on_heard is not None:
                on_heard()
            if stream == "stdout":
                output.feed(chunk)
            elif len(errors) < STDERR_LIMIT:
                errors.extend(chunk)

        async with self._place(max(1, limit or self.limit)):
            try:
                client, server = await _session(mirror, source, target, dry_run, take)
            except BaseExceptionGroup as group:
                raise _first(group) from None
        output.close()
        if client.rc not in (0, outcome.VANISHED):
            raise _error(client, server, b"\n".join([bytes(errors), *output.kept]), source, target)
        output.complete()
        gone = tuple(outcome.vanished(outcome.complaints(bytes(errors))))
        return Report(tuple(output.items), output.totals, gone, tuple(output.messages))


async def _session(
    mirror: Mirror, source: End, target: End, dry_run: bool, take: Callable[[str, bytes], None]
) -> tuple[Completed, Completed]:
    """One rsync session, from start to the end of both; how the sender and the receiver ended."""
    async with opening(target.link) as bridge:
        client = await _sender(mirror, source, dry_run, take)
        async with client:
            server = await _receiver(server_argv(client.command, mirror, dry_run=dry_run), target, bridge)
            async with server:
                try:
                    sent, received = await relay(client, server, limit=mirror.timeout)
                except BaseException:
                    client.end()  # both ends at once, not one after the other
                    raise
                if sent is None:
                    raise TransferError(f"rsync on {source.host} did not end after its receiver on {target.host} had")
                if received is None:
                    raise TransferError(
                        f"rsync on {target.host} did not end after its sender on {source.host} had (rsync exit code {sent.rc})"
                    )
                return sent, received


async def _sender(mirror: Mirror, source: End, dry_run: bool, take: Callable[[str, bytes], None]) -> Bulk:
    try:
        return await source.link.remote_shell(
            mirror.argv(dry_run=dry_run), task=source.mark, env=ENVIRONMENT, on_output=take
        )
    except FileNotFoundError as exc:
        raise TransferError(f"{source.host} has no rsync", remedy="Install the package rsync there.") from exc


async def _receiver(argv: list[str], target: End, bridge: asyncio.Task[Prefixed]) -> Bulk:
    try:
        return await target.link.bulk(argv, bridge, task=target.mark, env=ENVIRONMENT)
    except FileNotFoundError as exc:
        raise TransferError(f"{target.host} has no rsync", remedy="Install the package rsync there.") from exc


def _error(client: Completed, server: Completed, errors: bytes, source: End, target: End) -> HostError:
    """The receiver's exit code counts when the sender only saw the stream break. Each end says on its own stderr what went wrong there
    (rsync(1), --stderr=errors; before 3.2.3 the receiver's words came through the sender)."""
    # Above 128: rsync passes on how its remote shell ended, which is how the receiver did.
    passed_on = client.signal is None and (client.rc in outcome.LINK_CODES | {127} or client.rc > 128)
    ended = server if server.rc and passed_on else client
    said = b"\n".join([errors, server.stderr])
    return outcome.error(ended.rc, said, source=source.host, target=target.host, signal=ended.signal)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one cause to report: a lost link explains whatever else broke."""
    flat: list[BaseException] = []

    def walk(each: BaseException) -> None:
        if isinstance(each, BaseExceptionGroup):
            for inner in each.exceptions:
                walk(inner)
        else:
            flat.append(each)

    walk(group)
    return next((each for each in flat if isinstance(each, LinkLost)), flat[0])
