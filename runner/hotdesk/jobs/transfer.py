"""A transfer as a job sees it: from its source to its target, announced, under the stall watch, with progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.transfer import End, Mirror, Report, Transfers

if TYPE_CHECKING:
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
        async with target.stalling(f"rsync {what}"):
            return await self._transfers.mirror(
                mirror,
                End(source.link, source.host, source.mark),
                End(target.link, target.host, target.mark),
                dry_run=not change,
                on_progress=target.report if change else None,
                on_heard=target.heard,
                bytes_total=bytes_total,
                limit=self._limit,
            )
