"""One program's output on one PC as another's input on another PC, through the runner: ``btrfs send | btrfs receive`` and the like."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hotdesk.connections.bulk import opening
from hotdesk.errors import LinkLost, TransferError
from hotdesk.text import brief
from hotdesk.transfer.relay import CHUNK, GONE, LAST_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hotdesk.connections.bulk import Bulk
    from hotdesk.connections.link import Completed
    from hotdesk.transfer.transfers import End

ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
RECEIVER_LIMIT = 600.0
"""Seconds for the receiver to end once it has everything: it may write to a slow disk."""
SENDER_LIMIT = 60.0
"""Seconds for the sender to end once its output has."""


async def pipe(
    source: End,
    sender: Sequence[str],
    target: End,
    receiver: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    rate: int = 0,
    on_bytes: Callable[[int], None] | None = None,
) -> int:
    """``sender`` on ``source`` into ``receiver`` on ``target``, at most ``rate`` bytes a second (0: no limit). Gives the bytes sent.

    The receiver is told that its input has ended only when the sender has ended well; else it is ended itself, so that it cannot take
    half of the data for all of it. Raises TransferError with both programs' words, LinkLost. Cancelling it ends both.
    """
    environment = {**ENVIRONMENT, **(env or {})}
    async with (
        opening(source.link) as there,
        opening(target.link) as here,
        await source.link.bulk(sender, there, task=source.mark, env=environment) as out,
        await target.link.bulk(receiver, here, task=target.mark, env=environment) as into,
    ):
        try:
            return await _flow(out, into, source.host, target.host, rate, on_bytes)
        except BaseException:
            out.end()  # both at once, not one after the other
            into.end()
            raise


async def _flow(
    out: Bulk, into: Bulk, source: str, target: str, rate: int, on_bytes: Callable[[int], None] | None
) -> int:
    loop = asyncio.get_running_loop()
    began, total, taken = loop.time(), 0, True
    while taken and (data := await _read(out, source)):
        try:
            await into.channel.write(data)
        except GONE:
            taken = False
            continue
        total += len(data)
        if on_bytes is not None:
            on_bytes(total)
        if rate:
            await asyncio.sleep(max(0.0, began + total / rate - loop.time()))
    if taken:
        sent = await _end(out, source, SENDER_LIMIT)
        if sent.rc:
            raise _failed("sending", source, sent)
        with contextlib.suppress(*GONE):
            await into.channel.write_eof()
    received = await _end(into, target, RECEIVER_LIMIT if taken else LAST_WORDS)
    if received.rc or not taken:
        raise _failed("receiving", target, received)
    return total


async def _read(out: Bulk, host: str) -> bytes:
    """The sender's next bytes. A channel also breaks with the process behind it; the agent knows whether that, or the link, has ended."""
    try:
        return await out.channel.read(CHUNK)
    except LinkLost:
        raise _failed("sending", host, await _end(out, host, LAST_WORDS)) from None


async def _end(command: Bulk, host: str, limit: float) -> Completed:
    """Raises LinkLost when the link has ended, TransferError when the program is not there or does not end in time."""
    try:
        async with asyncio.timeout(limit):
            return await command.wait()
    except FileNotFoundError as exc:
        raise TransferError(f"{host} has no {exc.filename}") from exc
    except TimeoutError:
        raise TransferError(f"what was started on {host} did not end within {limit:g} s of its data's end") from None


def _failed(what: str, host: str, end: Completed) -> TransferError:
    said = brief(end.stderr.decode(errors="replace")) or f"exit code {end.rc}"
    return TransferError(f"{what} on {host} failed: {said}", data={"rc": end.rc})
