"""What comes back from an agent, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


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

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """From an agent's JSON."""
        return cls(**{**fields, "paths": tuple(fields["paths"])})
