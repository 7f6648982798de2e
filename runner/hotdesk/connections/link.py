"""An agent on a channel: the client side of the frames. One Link per (connection, escalation), kept for the run.

CONTRACT ONLY so far: the signatures below are what the layers above use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from hotdesk.connections.base import Channel, Connection, Escalation


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that has ended, known from the agent's own exit frame. ``rc`` is 128 + n for a signal."""

    rc: int
    stdout: bytes
    stderr: bytes
    signal: int | None = None
    seconds: float = 0.0
    truncated: bool = False
    """The output was longer than the cap (64 MiB a stream) and its middle was dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentInfo:
    """What an agent says of itself when it starts."""

    python: tuple[int, int, int]
    executable: str
    pid: int
    uid: int
    user: str
    home: str
    hostname: str
    machine_id: str
    subreaper: bool
    """False: double-forked children of an unfinished task are found by their mark alone."""
    proc: bool
    """False: no readable /proc; the limits of that are said in a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskState:
    """A file system as an agent sees it (bytes). One formula everywhere: free = available to an unprivileged writer."""

    mount: str
    device: str
    total: int
    free: int
    paths: tuple[str, ...] = ()
    """Which of the asked paths are on it."""


class Link:
    """One agent. Every method raises LinkLost once the link is gone; nothing is ever reported as done that was not seen to be."""

    info: AgentInfo

    @classmethod
    async def start(
        cls,
        connection: Connection,
        *,
        run: str,
        escalation: Escalation | None = None,
        lease: float = 30.0,
        grace: float = 3.0,
    ) -> Self:
        """Start an agent over ``connection`` (through sudo with ``escalation``) and wait for its hello.

        Raises BecomeError, ConnectError (no python, too old: which, and the remedy) or LinkLost.
        """
        raise NotImplementedError

    async def run(
        self,
        argv: Sequence[str | bytes],
        *,
        task: str,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | None = None,
        umask: int | None = None,
        on_output: Callable[[str, bytes], None] | None = None,
    ) -> Completed:
        """Run one command to its end, marked with ``task``. ``stdin`` None: /dev/null.

        ``on_output(stream, chunk)`` is called as output arrives. Cancelling the caller stops the task's processes on the PC
        (TERM, grace, KILL, until none is left) before the CancelledError goes on; when the link is lost, the agent's lease does it.
        """
        raise NotImplementedError

    async def call(
        self,
        module: str,
        function: str,
        /,
        *args: Any,
        task: str,
        on_item: Callable[[Any], None] | None = None,
        payload: bytes | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run ``function`` of the stdlib-only source ``module`` (its text; sent once per content hash) in a fork of the agent.

        Arguments and the returned value are JSON plus bytes (agent.frames says how). A generator's items go to ``on_item`` as
        they come, its return value is ours. ``payload`` (bytes) is given to it as keyword ``payload``. An OSError there is raised
        here as OSError with errno and filename; ``agent.calls.Failed(msg, **data)`` as TaskError; anything else as TaskError with
        the remote traceback in ``data['exception']``. Cancelling is as for ``run``.
        """
        raise NotImplementedError

    async def put(self, path: str, data: bytes | AsyncIterator[bytes], *, task: str, mode: int | None = None) -> None:
        """Write a file atomically (temp file in the same directory, fsync, rename), streaming."""
        raise NotImplementedError

    def get(self, path: str, *, task: str) -> AsyncIterator[bytes]:
        """The content of a file, in chunks."""
        raise NotImplementedError

    async def stop(self, task: str, *, grace: float | None = None) -> None:
        """End every process of ``task`` there: TERM, ``grace``, KILL; returns when none is left."""
        raise NotImplementedError

    async def disks(self, paths: Sequence[str]) -> list[DiskState]:
        """The file systems of ``paths`` (of the nearest existing parent of each) now; measured in a child, so it cannot hang us."""
        raise NotImplementedError

    async def watch_disks(
        self,
        thresholds: Mapping[str, Mapping[str, int]],
        *,
        interval: float,
        on_change: Callable[[DiskState, str], None],
    ) -> None:
        """Watch until cancelled. ``thresholds``: path -> {"warning": bytes, "minimum": bytes}; ``on_change(state, level)``.

        The agent looks every ``interval`` seconds and sends crossings only ("ok", "warning", "minimum").
        """
        raise NotImplementedError

    async def lock(self, name: str, record: Mapping[str, Any]) -> None:
        """Take this PC's lock ``name`` (flock in /run/lock, else /var/lock or /tmp; any user) until ``unlock`` or the agent's end.

        The record (run, holder, since) is written only after the lock is held. Raises LockHeld naming the holder.
        """
        raise NotImplementedError

    async def unlock(self, name: str) -> None:
        raise NotImplementedError

    async def ping(self) -> float:
        """Seconds for a frame there and back."""
        raise NotImplementedError

    async def bulk(self, argv: Sequence[str], *, task: str, env: Mapping[str, str] | None = None) -> Bulk:
        """Start ``argv`` under this agent with its stdin and stdout on a channel of its own (no frames): for rsync --server."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Stop what is left, end the agent; bounded."""
        raise NotImplementedError


class Bulk:
    """A command whose stdin/stdout are ``channel``; its end and stderr are known from the agent."""

    channel: Channel

    async def wait(self) -> Completed:
        raise NotImplementedError
