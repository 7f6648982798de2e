"""What a page tells of a run: bounded, however long its log is. ``fold.py`` makes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hotdesk.frozen import frozen
from hotdesk.report.bars import Row
from hotdesk.report.made import Sets
from hotdesk.report.trouble import Failures
from hotdesk.results import HostRecap


@dataclass(slots=True)
class Host:
    """A host; ``number`` is its place in the story's list."""

    name: str
    number: int
    recap: HostRecap = field(default_factory=HostRecap)
    row: Row = field(default_factory=Row)
    busy: float = 0.0
    """Seconds within tasks."""
    received: int = 0
    """Bytes."""
    checks: Counter[str] = field(default_factory=Counter)
    """Outcome -> how many verifications."""


@dataclass(slots=True)
class Task:
    """A task of the run, over all of its hosts."""

    name: str
    action: str
    kind: str
    place: str
    play: str
    number: int
    hosts: int = 0
    changed: int = 0
    failed: int = 0
    row: Row = field(default_factory=Row)
    began: float = 0.0
    ended: float = 0.0
    slowest: str = ""
    longest: float = 0.0
    """Seconds that it took on the slowest host."""
    sets: Sets = field(default_factory=Sets)


@frozen
class Transfer:
    """A finished bulk transfer; ordered by its size."""

    bytes: int
    at: float
    host: int
    source: str
    what: str
    files: int
    seconds: float


@dataclass(slots=True)
class Disk:
    """A file system of a host: (time, bytes free), and what was crossed."""

    host: int
    mount: str
    total: int
    samples: list[tuple[float, int]] = field(default_factory=list)
    crossed: dict[str, int] = field(default_factory=dict)
    """Level -> its threshold, bytes."""

    def add(self, at: float, free: int, apart: float) -> None:
        """One more sample; the last one always stays, of the others those that are ``apart`` seconds."""
        if len(self.samples) > 1 and at - self.samples[-2][0] < apart:
            self.samples.pop()
        self.samples.append((at, free))


@dataclass(slots=True)
class Undo:
    """What a job did on hosts, by whether it can be undone."""

    can: int = 0
    cannot: int = 0
    gone: int = 0
    """Removals that cannot be undone."""
    hosts: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Story:
    """What happened. ``begin`` and ``end`` are seconds since the epoch."""

    run: str
    begin: float = 0.0
    end: float = 0.0
    command: tuple[str, ...] = ()
    exit_code: int | None = None
    """None: the run did not finish."""
    seconds: float = 0.0
    hosts: dict[str, Host] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)
    interrupted: list[str] = field(default_factory=list)
    open: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    """(task, host) -> since when it is under way, and how many bytes had come over."""
    transfers: list[tuple[int, int, Transfer]] = field(default_factory=list)
    """The largest, as a heap."""
    transferred: Counter[str] = field(default_factory=Counter)
    """``count``, ``bytes``."""
    disks: dict[tuple[str, str], Disk] = field(default_factory=dict)
    warnings: dict[str, set[int]] = field(default_factory=dict)
    checks: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    """(test, detail) -> hosts where it failed."""
    undo: dict[str, Undo] = field(default_factory=dict)
    """Job -> what of it can be undone."""
    snapshots: dict[str, set[int]] = field(default_factory=dict)
    """Mount -> hosts with a snapshot of before the run."""
    journals: dict[str, set[int]] = field(default_factory=dict)
    """Action -> hosts that keep a transaction of it which can be undone."""
    left_out: Counter[str] = field(default_factory=Counter)
    """What -> how many of it the page does not tell."""
