"""A worker process of this machine: ``python -P -m hotdesk.workers``, started by the control process with the line as stdin and stdout."""

from __future__ import annotations

import gc
import os
import signal

from hotdesk import aio
from hotdesk.connections.local import FdChannel
from hotdesk.connections.pool import raise_descriptor_limit
from hotdesk.workers.server import serve

DEAF = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Whoever stops a whole group of processes stops the run in order: the control process tells us when all is over, or its end does."""


async def work() -> None:
    line = os.dup(1), os.dup(0)
    os.dup2(2, 1)  # what anything prints does not come between the frames
    await serve(FdChannel(*line))


def main() -> None:
    """To the end of the line; what connections are left end with the process."""
    for each in DEAF:
        signal.signal(each, lambda *_: None)  # a handler, since what is ignored would be ignored by a ProxyCommand too
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        gc.freeze()  # what was imported is never garbage
        aio.use_pidfd_watcher()
        raise_descriptor_limit()
        aio.run(work())
    except Exception:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
