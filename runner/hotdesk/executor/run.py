"""What the whole run shares: the one owner of the inventory as it grows, the host states, the limits and the stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hotdesk import events as ev
from hotdesk.executor.host import HostState
from hotdesk.frozen import frozen
from hotdesk.playbook.model import TagSelection
from hotdesk.results import EMPTY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from pathlib import Path

    from hotdesk.actions.base import Action, AddHost, GroupBy
    from hotdesk.bus import Bus
    from hotdesk.connections.base import Endpoint, Escalation
    from hotdesk.executor.fact_cache import FactCache
    from hotdesk.inventory.model import Inventory
    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.run import JobRun
    from hotdesk.playbook.load import Loader
    from hotdesk.playbook.model import Task
    from hotdesk.settings import Settings
    from hotdesk.variables.scope import Scope
    from hotdesk.variables.templates import Templates


@frozen(kw_only=True)
class PlayOptions:
    """What the command line says about one run of playbooks, beyond Settings."""

    limit: str = ""
    tags: TagSelection = field(default_factory=TagSelection)
    extra_vars: tuple[str, ...] = ()
    """As after ``-e``: k=v words, JSON or YAML, @file."""
    start_at_task: str = ""
    step: bool = False
    flush_cache: bool = False
    """Forget the facts that are kept of all hosts first."""
    plan: Path | None = None
    """A reviewed plan file: of what sync jobs would change, exactly that is done."""
    removals: bool = True
    """False: what sync jobs would remove is left, unless a plan approves it."""
    conflicts: Literal["leave", "keep", "discard"] = "leave"
    """Without ``removals``, or with a gate: what becomes of files that were changed on a target since the last sync."""
    gate: bool = False
    """Ask who has written to whom before anything is changed; a run that asks brings all that its source has."""
    allow_first: frozenset[str] = frozenset()
    """Hosts that may meet their source for the first time."""
    allow_order: frozenset[str] = frozenset()
    """Hosts whose own work, or another source's, may be overwritten; also a source that is half-written."""
    expectations: bool = True
    """Keep what sync jobs leave to be expected, for ``verify --jobs``."""
    command: tuple[str, ...] = ()
    """The command line, for the run log."""


def with_settings(options: PlayOptions, settings: Settings) -> PlayOptions:
    """``options`` with the settings' tags where the command line names none (ANSIBLE_RUN_TAGS, ANSIBLE_SKIP_TAGS)."""
    only, skip = options.tags.only, options.tags.skip
    if only == TagSelection().only and settings.tags:
        only = frozenset(settings.tags)
    return replace(options, tags=TagSelection(only=only, skip=skip or frozenset(settings.skip_tags)))


class Machines(Protocol):
    """Hands out Machines: the executor's view of connections."""

    async def machine(self, host: str, scope: Scope, task: Task, setting: Working) -> Machine:
        """``host`` as ``task`` wants it (connection variables out of ``scope``, become). Raises Unreachable, InventoryError."""

    async def control(self, task: Task, setting: Working) -> Machine:
        """The control node, as the user who runs us."""

    async def reset(self, host: str, scope: Scope, task: Task) -> None:
        """Drop the host's connection: the next task makes a new one."""

    async def way(self, host: str, scope: Scope, task: Task) -> tuple[Endpoint, Escalation | None]:
        """How ``host`` is reached and as whom ``task`` works there, without connecting."""

    async def connect(self, host: str, scope: Scope, task: Task) -> None:
        """Be connected soon; errors wait for the first task."""

    async def wait(self, host: str, scope: Scope, task: Task, timeout: float, connect_timeout: float) -> None:
        """Drop the host's link and reconnect until it answers."""

    async def stop(self, host: str, scope: Scope, task: Task, mark: str) -> None:
        """End what still runs under ``mark`` on ``host``, if it can be reached."""


@frozen(kw_only=True)
class Working:
    """How one execution of a task works on a machine."""

    mark: str
    for_host: str
    check: bool
    emit: Callable[[ev.Event], None]
    environment: Mapping[str, str] = EMPTY
    no_log: bool = False
    stall_timeout: float = 600.0
    become: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class Run:
    """One run. What changes in it: ``inventory`` (replaced, never altered), ``hosts``, ``removed`` and the stop."""

    id: str
    settings: Settings
    options: PlayOptions
    bus: Bus
    inventory: Inventory
    templates: Templates
    loader: Loader
    machines: Machines
    load_action: Callable[[str], Action]
    check_arguments: Callable[..., Any]
    """``(action, args, place=...) -> (checked args, names given)``."""
    playbook_dir: Path
    reload_inventory: Callable[[], Awaitable[Inventory]] | None = None
    extra_vars: Mapping[str, Any] = EMPTY
    prompt: Callable[..., Awaitable[str]] | None = None
    jobs: JobRun | None = None
    """What sync jobs share."""
    fact_cache: FactCache | None = None
    """What keeps facts between runs."""
    hosts: dict[str, HostState] = field(default_factory=dict)
    grown: list[tuple[AddHost | GroupBy, str]] = field(default_factory=list)
    """What add_host and group_by (on which host) have added to the inventory: it outlives a refresh."""
    custom_stats: dict[str, Any] = field(default_factory=dict)
    stop: Stop = field(default_factory=lambda: Stop())
    started: bool = True
    """False until --start-at-task's task is met."""
    stepping: bool = False
    errors_cleared: bool = False
    """meta: clear_host_errors was used: the states of the hosts, not the counts, say how the run ended."""
    forks: asyncio.Semaphore = field(init=False)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One dynamic include is loaded at a time: the loader is not made for several threads."""
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A person talks with one debugger at a time."""
    throttles: dict[tuple[str, int], asyncio.Semaphore] = field(default_factory=dict)
    decrypt: Callable[..., bytes] | None = None
    """For vars files that are wholly vaulted."""
    vars_cache: dict[Path, Any] = field(default_factory=dict)
    """vars_files that have been read."""
    actions: Any = None
    """What names mean (actions.registry.ActionNames)."""
    beside: set[asyncio.Task[Any]] = field(default_factory=set)
    group: asyncio.TaskGroup | None = None
    """Where what goes on beside the plays (connecting) belongs."""
    abandoned: set[asyncio.Task[Any]] = field(default_factory=set)
    """Actions that ignored their cancellation: kept referenced, not waited for."""
    under_way: dict[str, str] = field(default_factory=dict)
    """host -> name of the task it is at, for "what was interrupted"."""

    def __post_init__(self) -> None:
        self.forks = asyncio.Semaphore(max(1, self.settings.forks))
        self.started = not self.options.start_at_task
        self.stepping = self.options.step

    def state(self, name: str) -> HostState:
        """The state of a host of this run (a delegate or the control node may have one too)."""
        found = self.hosts.get(name)
        if found is None:
            found = self.hosts[name] = HostState(name)
            if self.fact_cache is not None:
                self.fact_cache.recall(found)
        return found

    def connecting(self, connect: Coroutine[Any, Any, None]) -> None:
        """Let a connection be made beside the plays."""
        if self.group is None:
            connect.close()
        else:
            task = self.group.create_task(connect)
            self.beside.add(task)
            task.add_done_callback(self.beside.discard)

    def emit(self, event: ev.Event) -> None:
        self.bus.emit(event)

    def warn(self, text: str, **where: Any) -> None:
        self.bus.emit(ev.Warned(text=text, **where))


@dataclass(slots=True, eq=False)
class Stop:
    """The state of a stop: begun or not, and how long clean-up may still take."""

    begun: bool = False
    reason: str = ""
    signum: int | None = None
    deadline: float = float("inf")
    """Loop time after which clean-up is cut."""
    scopes: set[asyncio.Timeout] = field(default_factory=set)

    def begin(self, reason: str, *, limit: float, signum: int | None = None) -> None:
        self.begun, self.reason, self.signum = True, reason, signum
        self.deadline = asyncio.get_running_loop().time() + limit

    def force(self) -> None:
        """The second signal: no more waiting."""
        self.deadline = asyncio.get_running_loop().time()
        for scope in self.scopes:
            if not scope.expired():
                scope.reschedule(self.deadline)

    def left(self, most: float) -> float:
        """Seconds that clean-up may take now: at most ``most``, and never beyond the deadline."""
        if not self.begun:
            return most
        return max(0.0, min(most, self.deadline - asyncio.get_running_loop().time()))
