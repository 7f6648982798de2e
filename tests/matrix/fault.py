"""What a fault is: data about what is done and when, how long until nothing may be left, what must then be reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.matrix.scene import LEASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.matrix.scene import Scene
    from tests.matrix.works import Work

Status = Literal["ok", "failed", "unreachable", "stopped"]
"""Of the task named Work on a host. "stopped": the run was ended before the task had a result."""
Kind = Literal["signal", "timeout", "runner", "network", "power", "process", "memory", "disk", "environment"]
STOP = 5.0
"""Seconds a stop may take, by signal or timeout, with the default grace."""
FORCED = 1.0
"""Seconds after the second signal."""
LEASE_OVER = LEASE + 5.0
"""Seconds after which nothing is left where nobody can tell a PC to stop."""


def nothing(scene: Scene) -> None:
    """Nothing is done at that point."""


def under_way(scene: Scene) -> bool:
    """The work runs on all its PCs."""
    return scene.under_way()


def possible(work: Work) -> str:
    """With every kind of work."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. ``strike`` is done when ``ready``; the clock of ``bound`` begins when it returns, or at the moment it returns."""

    name: str
    kind: Kind
    strike: Callable[[Scene], float | None]
    bound: float
    """Seconds until no marked process may be left: on all PCs and here, or for a fault of one host on that one."""
    code: int
    """Exit code of the run."""
    faulted: Status
    others: Status
    one_host: bool = False
    """The fault is of the scene's ``faulted`` PC alone: the others' gates are opened and they must finish."""
    ready: Callable[[Scene], bool] = under_way
    before: Callable[[Scene], None] = nothing
    """Done before the run starts."""
    then: Callable[[Scene], None] = nothing
    """Done when nothing is left or the bound is over, and before the end of the run is waited for."""
    mend: Callable[[Scene], None] = nothing
    """Undone after everything is judged, before the next run. Must be harmless twice."""
    head: str = ""
    """Further keywords of the play."""
    keywords: str = ""
    """Further keywords of the task."""
    first: str = ""
    """Tasks before the work."""
    last: str = ""
    """Tasks after it."""
    always: str = ""
    """Tasks of an ``always:`` around it."""
    released: bool = False
    """The gates are open from the start: the work is finished when the fault comes."""
    terminal: bool = False
    """The run has a terminal."""
    unheard: bool = False
    """The faulted PC cannot be told of a stop: what is left there when the run has ended ends by itself, within the bound."""
    followed: bool = False
    """Another agent comes to the faulted PC and tells what it finds there."""
    reboots: bool = False
    """Services do not survive it."""
    lease: float = 0.0
    """Seconds of hotdesk_lease; 0: the matrix's."""
    senseless: Callable[[Work], str] = possible
    """Why there is no such fault for a kind of work; empty when there is one."""
    restore: Callable[[Scene], None] = nothing
    """Undone after the next run, which has to cope with it. Must be harmless when nothing was done."""
    says: str = ""
    """What the run must print: a limit is told, never silent."""
    aliases: int = 0
    """Further names of each PC in the inventory, which do the work too."""
    log_is_lost: bool = False
    """The run log cannot be written; what happened is read from the output."""
    sampled: bool = True
    """Part of the sample that every test run takes."""

    @property
    def stops(self) -> bool:
        """It is a signal that ends the run in order."""
        return self.code > 128
