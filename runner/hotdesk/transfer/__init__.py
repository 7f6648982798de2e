"""Bulk data between PCs: rsync as the engine, the runner's own connections as the road.

``Transfers`` is made once for a run, since it limits how many transfers run at a time.
"""

from hotdesk.transfer.itemize import Item, shown
from hotdesk.transfer.rsync import Mirror
from hotdesk.transfer.transfers import End, Report, Transfers

__all__ = ["End", "Item", "Mirror", "Report", "Transfers", "shown"]
