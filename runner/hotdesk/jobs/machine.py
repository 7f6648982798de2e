"""A PC as actions and sync jobs see it. Every verb says whether it reads or changes (R11).

CONTRACT ONLY so far: the signatures below are what actions and jobs use.

``change=True`` means: this alters the machine. In check mode such a call raises CheckModeError before anything is sent; with
``--step`` it may ask; it is announced as ``events.Changed``; it is what "interrupted while ..." names. Reading verbs are free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from types import ModuleType

    from hotdesk.connections.link import AgentInfo, Completed, DiskState
    from hotdesk.results import Progress


class Machine:
    """One PC, as one user, within one task."""

    host: str
    """Its inventory name ("localhost" for the control node when it is not in the inventory)."""
    check: bool
    info: AgentInfo

    async def run(
        self,
        argv: Sequence[str | bytes],
        *,
        change: bool,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | None = None,
        umask: int | None = None,
        timeout: float | None = None,
        on_output: Callable[[str, bytes], None] | None = None,
        stall: bool = False,
    ) -> Completed:
        """Run a command. The task's ``environment:`` is added under ``env``. ``timeout`` (seconds) raises TimedOut naming the command;
        ``stall=True`` puts it under the stall limit."""
        raise NotImplementedError

    async def call(
        self,
        module: ModuleType,
        function: str,
        *args: Any,
        change: bool,
        on_item: Callable[[Any], None] | None = None,
        payload: bytes | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a function of a stdlib-only module on that PC (see Link.call). The module's source text is what is sent."""
        raise NotImplementedError

    async def read(self, path: str) -> bytes:
        """A whole file. Raises OSError (FileNotFoundError, PermissionError, ...)."""
        raise NotImplementedError

    def stream(self, path: str) -> AsyncIterator[bytes]:
        """A file in chunks."""
        raise NotImplementedError

    async def write(self, path: str, data: bytes | AsyncIterator[bytes], *, mode: int | None = None) -> None:
        """Change: write a file atomically."""
        raise NotImplementedError

    async def disks(self, paths: Sequence[str]) -> list[DiskState]:
        raise NotImplementedError

    def report(self, progress: Progress) -> None:
        """Show how far it is; also feeds the stall watch."""
        raise NotImplementedError

    def warn(self, text: str) -> None:
        """A warning in the task's result, repeated at the end of the run."""
        raise NotImplementedError
