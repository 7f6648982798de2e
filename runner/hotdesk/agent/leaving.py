"""What an agent gives back when it leaves: its locks, and what tasks had put there for a while and did not come to remove."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hotdesk.agent.main import Agent


def tidy(agent: Agent) -> None:
    """Blocks; a file system that fails keeps what it has."""
    for path in agent.temporary:
        _remove(path)
    if agent.locks:
        from hotdesk.agent import lock

        lock.release_all(agent)


def _remove(path: bytes) -> None:
    """A file, or a directory with all in it; links are not followed."""
    if not os.path.lexists(path):
        return
    import shutil

    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            os.unlink(path)
        except OSError:
            pass
