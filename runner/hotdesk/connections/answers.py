"""What comes back from an agent, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from hotdesk.errors import TaskError
from hotdesk.frozen import frozen
from hotdesk.shapes import expect

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

INTERRUPTED = {
    "dpkg": "packages may be half installed: see 'dpkg --audit', and finish them there with 'dpkg --configure -a'"
}
"""What to do about a program of ``agent.tree.ORDERLY`` that a stop has ended."""


@frozen(kw_only=True)
class Completed:
    """A command that has ended, known from the agent's own exit frame. ``rc`` is 128 + n for a signal."""

    rc: int
    stdout: bytes
    stderr: bytes
    signal: int | None = None
    seconds: float = 0.0
    truncated: bool = False
    """The output was longer than what is kept (``bounds.OUTPUT``) and its middle was dropped."""


STAYS = "is not found and stays when the task is stopped"


@frozen(kw_only=True)
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
    """False: no readable /proc. What is started is found by its process group alone."""
    sees_others: bool
    """False: /proc shows this user nothing but its own processes."""
    magic: int = 0
    """Of the bytecode that it runs, ``importlib.util.MAGIC_NUMBER`` as a number; 0: it takes sources only."""

    @classmethod
    def of(cls, hello: Mapping[str, Any]) -> Self:
        """From an agent's ``hello`` (checked: ``protocol.check``)."""
        fields = {name: hello[name] for name in cls.__dataclass_fields__ if name in hello}
        return cls(**{**fields, "python": tuple(fields["python"])})

    @property
    def limits(self) -> list[str]:
        """What cannot be promised on this PC and why, each the text of a warning; empty on an ordinary Linux."""
        if not self.proc:
            return [
                f"{self.user} cannot read /proc here: what leaves a task's process group (setsid, a double fork) {STAYS}"
            ]
        hidden = f"/proc hides others' processes from {self.user} (hidepid): what a task starts by sudo {STAYS}; use become instead"
        orphaned = f"no child subreaper here: what leaves its session and clears its environment {STAYS}"
        return [*([hidden] if not self.sees_others else []), *([orphaned] if not self.subreaper else [])]


@frozen(kw_only=True)
class DiskState:
    """A file system as an agent sees it (bytes). One formula everywhere: free = available to an unprivileged writer."""

    mount: str
    device: str
    total: int
    free: int
    paths: tuple[str, ...] = ()
    """Which of the asked paths are on it."""


_STATE = {"mount": str, "device": str, "total": int, "free": int, "paths": [str]}
_CHANGE = {"state": _STATE, "level": str}
LEVELS = ("ok", "warning", "minimum", "failed")


def disk_states(found: Any, asked: Collection[str], host: str) -> list[DiskState]:
    """What ``agent.disk.measure`` gave for the paths ``asked``. Raises TaskError for anything else."""
    return [_state(each, asked, host) for each in expect(found, [_STATE], host, "disk.measure")]


def disk_change(item: Any, asked: Collection[str], host: str) -> tuple[DiskState, str]:
    """An item of ``agent.disk.watch``: (state, level). Raises TaskError."""
    change = expect(item, _CHANGE, host, "disk.watch")
    if change["level"] not in LEVELS:
        raise TaskError(f"{host}: the answer to disk.watch is not one: there is no level {change['level']!r:.80}")
    return _state(change["state"], asked, host), change["level"]


def _state(fields: dict[str, Any], asked: Collection[str], host: str) -> DiskState:
    if not fields["paths"] or not set(fields["paths"]) <= set(asked):
        raise TaskError(f"{host}: the answer of its disks is not one: it tells of paths that were not asked for")
    return DiskState(**{name: fields[name] for name in _STATE} | {"paths": tuple(fields["paths"])})
