"""What is known of one host in a run. Touched only by the coroutine that works on that host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.actions.fact_names import reserved

if TYPE_CHECKING:
    from hotdesk.playbook.model import RoleUse
    from hotdesk.results import Result
    from hotdesk.variables.precedence import Sources


class HostFailed(Exception):
    """A task failed on this host and nothing says to ignore it: on to ``rescue``, else out of the play."""

    def __init__(self, name: str = "", result: Result | None = None, *, task: dict[str, Any] | None = None) -> None:
        super().__init__(name)
        self.result = result
        self.task = task


class HostUnreachable(Exception):
    """The host is gone: no rescue, no always."""


class HostEnded(Exception):
    """meta: end_host, end_batch, end_play: nothing more for this host in this batch, and that is no failure."""


class RoleEnded(Exception):
    """meta: end_role."""

    def __init__(self, role: RoleUse | None) -> None:
        super().__init__()
        self.role = role


@dataclass(slots=True, eq=False)
class HostState:
    """The only mutable state of a run that belongs to a host. Facts and variables live for the run, the rest for a play."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    """``ansible_facts``, keys without the ``ansible_`` prefix."""
    injected: dict[str, Any] = field(default_factory=dict)
    """The same with the prefix: facts as variables of their own (and facts whose names have no prefix)."""
    set_facts: dict[str, Any] = field(default_factory=dict)
    """set_fact and register."""
    include_vars: dict[str, Any] = field(default_factory=dict)
    gathered: bool = False
    failed: bool = False
    unreachable: bool = False

    notified: dict[Any, None] = field(default_factory=dict)
    """What tasks notified, in order, until the next flush."""
    to_run: dict[str, None] = field(default_factory=dict)
    """Ids of handlers that the flush under way has still to run."""
    flushing: bool = False
    roles_run: set[Any] = field(default_factory=set)
    roles_completed: set[Any] = field(default_factory=set)
    public_roles: list[RoleUse] = field(default_factory=list)
    """Roles included with ``public``."""
    sources: Sources | None = None
    """Levels 3 to 10 for this play, until the inventory changes."""
    vars_files: tuple[Any, ...] | None = None
    ended: bool = False
    pardons: int = 0
    """How often meta: clear_host_errors has been said: a block's failure that was there before is forgotten."""
    stopped: Exception | None = None
    """Why nothing more may be done here (a disk is full): set from outside, also ends what is under way."""
    action: Any = None
    """The asyncio task of the action under way."""

    def begin_play(self) -> None:
        """Forget what belongs to the play before."""
        self.notified, self.to_run, self.flushing = {}, {}, False
        self.roles_run, self.roles_completed, self.public_roles = set(), set(), []
        self.sources = self.vars_files = None
        self.ended = False

    def halt(self, error: Exception) -> None:
        """Nothing more may be done here: what is under way is ended, and the task it belongs to fails with ``error``."""
        if self.stopped is None:
            self.stopped = error
            if self.action is not None:
                self.action.cancel()

    def learn(self, facts: Any) -> None:
        """Take facts as a module returned them (``ansible_`` before most names)."""
        for name, value in facts.items():
            self.facts[name.removeprefix("ansible_")] = value
            if not reserved(name):
                self.injected[name] = value

    def forget_facts(self) -> None:
        """meta: clear_facts."""
        self.facts, self.injected, self.gathered = {}, {}, False
