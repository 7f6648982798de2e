"""The agent of this machine for commands that make no run: inventory scripts and vault password programs (R3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from hotdesk.connections.link import Link
    from hotdesk.settings import Settings


class Control:
    """Started when it is first asked to run something; ends with ``stack``."""

    def __init__(self, stack: AsyncExitStack, settings: Settings, run: str) -> None:
        self._stack = stack
        self._settings = settings
        self._run = run
        self._link: Link | None = None

    async def run(self, argv: Sequence[str], cwd: str) -> tuple[int, bytes, bytes]:
        """(exit status, stdout, stderr). Raises OSError when the program cannot be started."""
        if self._link is None:
            from hotdesk.connections.link import Link
            from hotdesk.connections.local import LocalConnection

            connection = await self._stack.enter_async_context(LocalConnection())
            self._link = await Link.start(connection, run=self._run, lease=self._settings.lease)
            self._stack.push_async_callback(self._link.aclose)
        ended = await self._link.run(argv, task=self._run, cwd=cwd)
        return ended.rc, ended.stdout, ended.stderr

    async def run_text(self, argv: list[str]) -> tuple[int, str, str]:
        """As ``run``, in the working directory."""
        rc, out, err = await self.run(argv, str(Path.cwd()))
        return rc, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "replace")
