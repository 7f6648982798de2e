"""What an agent gives back: what tasks had put there for a while and did not come to remove, and, when it leaves, its locks."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hotdesk.agent.main import Agent


def tidy(agent: Agent) -> None:
    """Blocks; a file system that fails keeps what it has."""
    if agent.standby is not None:
        agent.standby.end()
    for path in agent.temporary:
        remove(path)
    if agent.locks:
        from hotdesk.agent import lock

        lock.release_all(agent)


def remove(path: bytes) -> None:
    """A file, or a directory with all in it; links are not followed. Blocks."""
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
