"""A transfer as a job sees it: from its source to its target, announced, under the stall watch, with progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hotdesk.results import Progress
from hotdesk.transfer import End, Mirror, Report, Transfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.jobs.machine import Machine


class JobTransfer:
    """``await transfer(mirror, change=True)``. With ``change=False`` it is a rehearsal that writes nothing."""

    def __init__(self, transfers: Transfers, source: Machine, target: Machine, limit: int | None = None) -> None:
        self._transfers, self._source, self._target, self._limit = transfers, source, target, limit

    async def __call__(self, mirror: Mirror, *, change: bool, bytes_total: int = 0) -> Report:
        """See Transfers.mirror. ``bytes_total``: what a rehearsal said will be sent, for the bar.

        Raises TransferError, Unreachable, LinkLost, Stalled, and CheckModeError for a change in check mode.
        """
        source, target = self._source, self._target
        what = f"{source.host}:{mirror.path} -> {target.host}:{mirror.dest}"
        if change:
            target.announce("rsync", what)
        began = time.monotonic()
        async with target.stalling(f"rsync {what}"):
            report = await self._transfers.mirror(
                mirror,
                End(source.link, source.host, source.mark),
                End(target.link, target.host, target.mark),
                dry_run=not change,
                on_progress=target.report if change else None,
                on_heard=target.heard,
                bytes_total=bytes_total,
                limit=self._limit,
            )
        if change:
            files = sum(1 for item in report.items if item.flags[:1] in "<>" and item.flags[1:2] == "f")
            target.transferred(
                source.host,
                mirror.dest,
                size=report.totals.transferred,
                files=files,
                seconds=time.monotonic() - began,
            )
        return report

    async def pipe(
        self, sender: Sequence[str], receiver: Sequence[str], *, what: str, rate: int = 0, bytes_total: int = 0
    ) -> int:
        """Change: the output of ``sender`` on the source is the input of ``receiver`` on the target. Gives the bytes that went.

        ``what`` names it; ``rate`` is bytes a second (0: no limit); ``bytes_total`` (0: not known) is for the bar.
        Raises TransferError, Unreachable, LinkLost, Stalled, and CheckModeError in check mode.
        """
        source, target = self._source, self._target
        road = f"{what} {source.host} -> {target.host}"
        target.announce("pipe", road)
        began = time.monotonic()

        def moved(total: int) -> None:
            passed = max(time.monotonic() - began, 0.001)
            left = (bytes_total - total) * passed / total if bytes_total > total else None
            target.report(
                Progress(
                    bytes_done=total,
                    bytes_total=max(bytes_total, total) if bytes_total else 0,
                    rate=total / passed,
                    eta=left,
                )
            )

        async with target.stalling(road):
            sent = await self._transfers.pipe(
                End(source.link, source.host, source.mark),
                sender,
                End(target.link, target.host, target.mark),
                receiver,
                rate=rate,
                on_bytes=moved,
                limit=self._limit,
            )
        target.report(Progress(bytes_done=sent, bytes_total=sent, eta=0))
        target.transferred(source.host, what, size=sent, files=0, seconds=time.monotonic() - began)
        return sent
