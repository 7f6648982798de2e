"""Free space: looked at before a play, on every file system that will be written, and watched by each PC's agent while it runs.

``hotdesk_disk_watch`` (docs/variables.md) says how much must be free: a share (``15%``) or a size (``50GiB``), for all paths or for each.
Below the runtime minimum on a target, that host's work is stopped and fails; on the source, the play stops in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from hotdesk.aio import TaskGroup
from hotdesk.errors import DiskLow, HostError, TaskError, Unreachable, VariableError, nearest
from hotdesk.events import DiskCrossed, DiskMeasured, Warned
from hotdesk.frozen import frozen
from hotdesk.results import Problem
from hotdesk.text import size

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from hotdesk.connections.link import DiskState, Link
    from hotdesk.events import Event
    from hotdesk.place import Place

VARIABLE = "hotdesk_disk_watch"
UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
LAST_LOOK = 6.0
"""Seconds for what is free at the end."""
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp])(i?b)?", re.IGNORECASE)
REMEDY = "Write a share such as 15%, or a size such as 50GiB."


@frozen
class Threshold:
    """A share of the file system (0 to 1) or bytes; ``written`` is the user's text."""

    written: str
    share: float | None = None
    size: int = 0

    def of(self, total: int) -> int:
        """Bytes, on a file system of ``total`` bytes."""
        return int(total * self.share) if self.share is not None else self.size


@frozen
class Limits:
    """How much must be free to begin, to go on, and without a warning."""

    preflight_minimum: Threshold = Threshold("20%", 0.20)
    runtime_minimum: Threshold = Threshold("15%", 0.15)
    warning: Threshold = Threshold("25%", 0.25)


@frozen
class Wanted:
    """``hotdesk_disk_watch``, parsed. ``auto``: the paths that jobs write to and read from are watched; ``paths``: these too."""

    on: bool = True
    auto: bool = True
    limits: Limits = Limits()
    paths: Mapping[str, Limits] = field(default_factory=dict)
    interval: float = 1.0
    """Seconds."""


def threshold(value: Any, option: str, place: Place | None = None) -> Threshold:
    """Parse ``15%``, ``50GiB``, ``500 MB`` or 0. KiB and K are 1024, KB is 1000. Raises VariableError naming the option."""
    text = str(value).strip()
    if found := _SHARE.fullmatch(text):
        share = float(found[1]) / 100
        if share < 1:
            return Threshold(text, share)
    if (found := _SIZE.fullmatch(text)) is not None:
        base = 1000 if (found[3] or "").lower() == "b" else 1024
        return Threshold(text, None, int(float(found[1]) * base ** UNITS[found[2].lower()]))
    if text == "0":
        return Threshold("0")
    raise VariableError(f"{option}: {value!r} is neither a share nor a size", place=place, remedy=REMEDY)


def parse(value: Any, place: Place | None = None) -> Wanted:
    """The variable's value (None: the defaults; false: no watch). Raises VariableError naming the option inside it."""
    if value is None or value is True:
        return Wanted()
    if value is False:
        return Wanted(on=False)
    if not isinstance(value, Mapping):
        raise VariableError(f"{VARIABLE}: {value!r} is not a mapping", place=place, remedy="See docs/variables.md.")
    known = {"paths", "interval", *Limits.__dataclass_fields__}
    for name in value:
        if name not in known:
            raise VariableError(
                f"{VARIABLE}: there is no option {name!r}", place=place, remedy=nearest(str(name), known)
            )
    limits = _limits(value, Limits(), VARIABLE, place)
    auto, paths = _paths(value.get("paths", "auto"), limits, place)
    return Wanted(True, auto, limits, paths, _interval(value.get("interval", 1), place))


def _limits(value: Mapping[Any, Any], base: Limits, option: str, place: Place | None) -> Limits:
    given = {
        name: threshold(value[name], f"{option}.{name}", place) for name in Limits.__dataclass_fields__ if name in value
    }
    return replace(base, **given)


def _paths(value: Any, limits: Limits, place: Place | None) -> tuple[bool, dict[str, Limits]]:
    option = f"{VARIABLE}.paths"
    if isinstance(value, str):
        value = [value]
    if isinstance(value, Mapping):
        given = {str(path): own for path, own in value.items()}
    elif isinstance(value, Sequence):
        given = {str(path): None for path in value}
    else:
        raise VariableError(f"{option}: {value!r} is neither auto, a list nor a mapping", place=place)
    auto = "auto" in given
    given.pop("auto", None)
    out: dict[str, Limits] = {}
    for path, own in given.items():
        if not path.startswith("/"):
            raise VariableError(f"{option}: {path!r} is not an absolute path", place=place, remedy="Or write auto.")
        if own is not None and not isinstance(own, Mapping):
            raise VariableError(f"{option}.{path}: {own!r} is not a mapping", place=place, remedy=REMEDY)
        for name in own or ():
            if name not in Limits.__dataclass_fields__:
                raise VariableError(
                    f"{option}.{path}: there is no option {name!r}", place=place,
                    remedy=nearest(str(name), Limits.__dataclass_fields__))  # fmt: skip
        out[path] = _limits(own or {}, limits, f"{option}.{path}", place)
    return auto, out


def _interval(value: Any, place: Place | None) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise VariableError(f"{VARIABLE}.interval: {value!r} is not a number of seconds from 0.1 to 3600", place=place)
    return seconds


@frozen
class _FileSystem:
    """A file system to watch, with the strictest limits of the paths on it, in bytes."""

    state: DiskState
    preflight: int
    runtime: int
    warning: int


@dataclass(slots=True)
class Watched:
    """One PC: its inventory name, an agent on it, the paths that the play writes to (or, as the source, reads from)."""

    host: str
    link: Link
    paths: tuple[str, ...]
    wanted: Wanted = field(default_factory=Wanted)
    source: bool = False
    found: list[_FileSystem] | None = None
    """What the last ``measure`` found: a watch begins with preflight's."""

    def limits(self) -> dict[str, Limits]:
        """Path -> its limits: the paths named in the variable, and with ``auto`` those of the jobs."""
        if not self.wanted.on:
            return {}
        found = dict.fromkeys(self.paths, self.wanted.limits) if self.wanted.auto else {}
        return {**found, **self.wanted.paths}

    async def measure(self) -> list[_FileSystem]:
        """Ask for the file systems of these paths, and remember the answer. Raises HostError."""
        limits = self.limits()
        self.found = [_limited(state, limits) for state in await self.link.disks(list(limits))] if limits else []
        return self.found


def _limited(state: DiskState, limits: Mapping[str, Limits]) -> _FileSystem:
    here = [limits[path] for path in state.paths]
    return _FileSystem(
        state,
        max(one.preflight_minimum.of(state.total) for one in here),
        max(one.runtime_minimum.of(state.total) for one in here),
        max(one.warning.of(state.total) for one in here),
    )


async def preflight(watched: Sequence[Watched]) -> dict[str, list[Problem]]:
    """Host -> what is too full to begin; hosts where all is well are left out. Reads only; all hosts at once."""
    async with TaskGroup() as group:
        tasks = {each.host: group.create_task(_too_full(each)) for each in watched}
    return {host: task.result() for host, task in tasks.items() if task.result()}


async def _too_full(watched: Watched) -> list[Problem]:
    try:
        found = await watched.measure()
    except Unreachable:
        return []  # its first task says so; it must not keep the others from their work
    except HostError as exc:
        return [Problem(f"free space on {watched.host} cannot be read: {exc}")]
    return [
        Problem(
            f"{each.state.mount} on {watched.host} has {size(each.state.free)} free of {size(each.state.total)}; "
            f"{size(each.preflight)} are needed to begin",
            f"Free some space, or lower {VARIABLE}.preflight_minimum.",
        )
        for each in found
        if each.state.free < each.preflight
    ]


class DiskWatch:
    """Watches while its block runs: ``async with DiskWatch(watched, on_low=..., emit=...)``.

    ``on_low(watched, error)`` is called once per file system that falls below its runtime minimum, with a DiskLow (mount, free space
    and threshold in its message), or an Unreachable when a file system has not answered three times running. It must not block:
    it cancels that host's work, or, when ``watched.source``, stops the play. A PC whose link is lost is no longer watched.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        *,
        on_low: Callable[[Watched, HostError], None],
        emit: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        self._watched, self._on_low, self._emit = watched, on_low, emit
        self._levels: dict[tuple[str, str], str] = {}
        """(host, path) -> the level last told."""
        self._group = TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._tasks = [self._group.create_task(self._watch(each), name=f"disks {each.host}") for each in self._watched]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if kind is None:
            for each in self._watched:
                self._group.create_task(self._look_again(each), name=f"disks {each.host} at the end")
        await self._group.__aexit__(kind, exc, trace)

    async def _watch(self, watched: Watched) -> None:
        try:
            measured = watched.found if watched.found is not None else await watched.measure()
            self._tell(watched, *(each.state for each in measured))
            found = {each.state.paths[0]: each for each in measured}
            if not found:
                return
            thresholds = {path: {"warning": each.warning, "minimum": each.runtime} for path, each in found.items()}

            def changed(state: DiskState, level: str) -> None:
                self._changed(watched, found[state.paths[0]], state, level)

            await watched.link.watch_disks(thresholds, interval=watched.wanted.interval, on_change=changed)
        except Unreachable:
            return  # whatever runs there finds out by itself
        except TaskError as exc:
            self._emit(Warned(text=f"the disks of {watched.host} are not watched: {exc}", host=watched.host))

    async def _look_again(self, watched: Watched) -> None:
        """What is free at the end; whoever does not answer now has been told of already."""
        with contextlib.suppress(HostError, TimeoutError):
            async with asyncio.timeout(LAST_LOOK):
                self._tell(watched, *(each.state for each in await watched.measure()))

    def _tell(self, watched: Watched, *states: DiskState) -> None:
        for state in states:
            self._emit(DiskMeasured(host=watched.host, mount=state.mount, free=state.free, total=state.total))

    def _changed(self, watched: Watched, known: _FileSystem, state: DiskState, level: str) -> None:
        if level == "failed":
            self._on_low(
                watched, Unreachable(f"{known.state.mount} on {watched.host} has not answered three times running")
            )
            return
        self._tell(watched, state)
        if self._levels.get((watched.host, state.paths[0]), "ok") == level:
            return
        self._levels[watched.host, state.paths[0]] = level
        limit = known.warning if level == "warning" else known.runtime
        crossed: Any = level
        self._emit(
            DiskCrossed(
                host=watched.host, mount=state.mount, free=state.free, total=state.total, threshold=limit, level=crossed
            )
        )
        if level == "minimum":
            self._on_low(watched, low(watched, state, limit))


def low(watched: Watched, state: DiskState, limit: int) -> DiskLow:
    """The failure: which file system, how much is free, how much has to be."""
    return DiskLow(
        f"{state.mount} on {watched.host} has only {size(state.free)} free of {size(state.total)}; the minimum is {size(limit)}",
        remedy=f"Free some space, or lower {VARIABLE}.runtime_minimum.",
        data={"mount": state.mount, "free": state.free, "total": state.total, "threshold": limit},
    )
