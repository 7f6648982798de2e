"""What can happen in a run: one union of frozen dataclasses. Screen, run log, recap, report and exit code are folds over it (R9).

Events carry no secret: a ``no_log`` result has been censored before it gets here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from hotdesk.frozen import frozen
from hotdesk.place import Place
from hotdesk.results import Result

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from hotdesk.results import HostRecap, JobChange, Progress


@frozen(kw_only=True)
class Event:
    """Base. ``at`` is seconds since the epoch, UTC."""

    at: float = field(default_factory=time.time)


@frozen(kw_only=True)
class RunStarted(Event):
    run: str
    """The run's id: the value of HOTDESK_RUN in every process it starts."""
    command: tuple[str, ...]
    """The command line, secrets removed."""
    check: bool = False
    forks: int = 0


@frozen(kw_only=True)
class PlayStarted(Event):
    play: str
    hosts: tuple[str, ...]
    batch: int = 0
    """With ``serial``: which batch, from 0. PLAY is printed for each, as Ansible does."""
    place: Place | None = None


@frozen(kw_only=True)
class NoHosts(Event):
    """``reason`` is "matched" (skipping: no hosts matched) or "remaining" (NO MORE HOSTS LEFT)."""

    play: str
    reason: Literal["matched", "remaining"]


@frozen(kw_only=True)
class TaskStarted(Event):
    """A task is reached by the first host. ``task`` is its id in this run; ``name`` is as shown (``role : name``)."""

    task: str
    name: str
    action: str
    kind: Literal["task", "handler", "setup", "cleanup"] = "task"
    place: Place | None = None
    args: Mapping[str, object] = field(default_factory=dict)
    no_log: bool = False


@frozen(kw_only=True)
class HostStarted(Event):
    """A host begins a task (the free strategy and the live screen need it)."""

    task: str
    host: str
    delegate: str = ""


@frozen(kw_only=True)
class ItemFinished(Event):
    task: str
    host: str
    label: str
    result: Result
    delegate: str = ""
    ignored: bool = False


@frozen(kw_only=True)
class Retrying(Event):
    task: str
    host: str
    attempts: int
    left: int
    result: Result


@frozen(kw_only=True)
class TaskFinished(Event):
    """The final word of a task on a host. ``place`` is the origin shown with a failure."""

    task: str
    host: str
    result: Result
    delegate: str = ""
    ignored: bool = False
    rescued: bool = False
    """The failure is handled by a ``rescue:``: counted as rescued, not as failed."""
    duration: float = 0.0
    place: Place | None = None
    diff: bool = False
    """Show ``result.diff``."""


@frozen(kw_only=True)
class Included(Event):
    """A dynamic include: ``included: FILE for HOSTS``. ``label`` is the loop item's, if any."""

    file: str
    hosts: tuple[str, ...]
    label: str = ""


@frozen(kw_only=True)
class Progressed(Event):
    """At most about five a second for a host and task."""

    task: str
    host: str
    progress: Progress


@frozen(kw_only=True)
class Output(Event):
    """A line a running command printed (live output at -v and above)."""

    task: str
    host: str
    stream: Literal["stdout", "stderr"]
    line: str


@frozen(kw_only=True)
class Connecting(Event):
    host: str
    address: str


@frozen(kw_only=True)
class Connected(Event):
    host: str
    seconds: float


@frozen(kw_only=True)
class Warned(Event):
    """A warning; repeated at the end of the run. ``deprecation`` picks the prefix."""

    text: str
    host: str = ""
    place: Place | None = None
    deprecation: bool = False


@frozen(kw_only=True)
class Noted(Event):
    """A plain line for the person, e.g. what preflight does, an answered prompt, a meta action; shown at ``verbosity`` and above."""

    text: str
    host: str = ""
    verbosity: int = 0


@frozen(kw_only=True)
class Problems(Event):
    """Preflight found that something does not hold; nothing has been changed."""

    host: str
    job: str
    problems: tuple[tuple[str, str], ...]
    """(message, remedy) pairs."""


@frozen(kw_only=True)
class DiskCrossed(Event):
    """Free space crossed a threshold (bytes; ``level`` "ok" when it recovered)."""

    host: str
    mount: str
    free: int
    total: int
    threshold: int
    level: Literal["ok", "warning", "minimum"]


@frozen(kw_only=True)
class DiskMeasured(Event):
    """How much is free (bytes): before a play, after it, and meanwhile whenever it has changed by a hundredth of the whole."""

    host: str
    mount: str
    free: int
    total: int


@frozen(kw_only=True)
class Transferred(Event):
    """A bulk transfer from ``source`` to ``host`` has ended well. ``files`` is 0 for a stream that is no files."""

    task: str
    host: str
    source: str
    what: str
    bytes: int
    files: int
    seconds: float


@frozen(kw_only=True)
class JobDone(Event):
    """What a sync job has done on a host, change by change (in check mode: would do); the first of them, ``total`` counts all."""

    task: str
    host: str
    job: str
    changes: tuple[JobChange, ...]
    total: int


@frozen(kw_only=True)
class Changed(Event):
    """The audit log: a verb that changes a machine was called (R11)."""

    host: str
    task: str
    verb: str
    detail: str


@frozen(kw_only=True)
class InterruptedRun(Event):
    """A stop has begun. ``reason`` is the signal's name or a sentence; ``under_way`` is host -> task name."""

    reason: str
    under_way: Mapping[str, str]
    forced: bool = False


@frozen(kw_only=True)
class VerifyStarted(Event):
    files: tuple[str, ...]
    hosts: tuple[str, ...]


@frozen(kw_only=True)
class Verified(Event):
    """One testinfra test on one host. ``seconds`` it took; ``detail`` is pytest's report of a failure.

    ``expected``: it is not a test that somebody wrote but one thing that a sync job left to be expected, one of many.
    """

    host: str
    test: str
    outcome: Literal["passed", "failed", "skipped", "error"]
    detail: str = ""
    seconds: float = 0.0
    expected: bool = False


@frozen(kw_only=True)
class RunFinished(Event):
    exit_code: int
    recap: Mapping[str, HostRecap]
    seconds: float
    custom_stats: Mapping[str, object] = field(default_factory=dict)


def record(event: Event, room: Room | None = None) -> dict[str, Any]:
    """The event as plain values for JSON: its class name under ``event``, results as Ansible shows them; shortened to ``room``.

    The end of a loop is told without the results of its items: each of them has been told by an event of its own.
    """
    out: dict[str, Any] = {"event": type(event).__name__}
    if isinstance(event, TaskFinished) and event.result.items:
        event = replace(event, result=event.result.but(items=None))
    for name in _names(type(event)):
        value = getattr(event, name)
        if value is not None and value != "":
            out[name] = plain(value, room)
    return out


def _names(kind: type[Event]) -> tuple[str, ...]:
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = tuple(item.name for item in fields(kind))
    return found


_NAMES: dict[type[Event], tuple[str, ...]] = {}


_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclass(slots=True)
class Room:
    """How much of an event is shown or logged: a host may have said a gigabyte. What is left out is counted where it stood."""

    left: int = 1 << 20
    """Characters for the whole event."""
    longest: int = 1 << 16
    """Characters of one text."""

    def text(self, value: str) -> str:
        if len(value) > 200 and len(value) > (most := min(self.longest, max(self.left, 200))):
            half = most // 2
            value = f"{value[:half]}\n[... {len(value) - 2 * half} characters left out here ...]\n{value[-half:]}"
        self.left -= len(value)
        return value

    def entries(self, values: Collection[Any]) -> Iterator[Any]:
        """The values while there is room, then how many were not given."""
        for number, value in enumerate(values):
            if self.left <= 0:
                yield f"[... {len(values) - number} more left out here ...]"
                return
            self.left -= 4
            yield plain(value, self)


def plain(value: Any, room: Room | None = None) -> Any:
    """``value`` as something ``json.dumps`` takes; with ``room``, no longer than that."""
    kind = type(value)
    if kind in _PLAIN:  # nearly all there is
        return value if room is None or kind is not str else room.text(value)
    if kind is dict:
        return {str(key): plain(item, room) for key, item in value.items()}
    if isinstance(value, Result):
        return plain(value.registered(), room)
    if isinstance(value, Place):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name), room) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item, room) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value] if room is None else list(room.entries(value))
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return text if room is None else room.text(text)
