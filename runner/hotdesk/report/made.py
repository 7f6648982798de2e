"""What a task changed on hosts: those where it was the same are told together, and no more is kept than a page can show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.results import DIFF_TEXTS, Diff, diff_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotdesk.events import Room

MOST_SETS = 12
"""Different sets of changes of one task; of hosts with yet another only the number is told."""
MOST_LINES = 200
"""Changes of one set."""
MOST_DIFF_LINES = 300
MOST_ITEMS = 30
"""Items of a loop."""
LONGEST_DIFF = 200_000
"""Characters of the two texts; of longer ones no diff is made."""
TELLING = ("path", "dest", "name", "repo", "state", "mode", "owner", "group", "cmd", "msg")
"""Keys of a module's result that say what it was about."""


@frozen
class Line:
    """One change. ``undo``: how it can be undone; ``gone``: something that was there is no more."""

    verb: str
    subject: str
    detail: str = ""
    gone: bool = False
    undo: str = ""


@frozen
class Made:
    """What was changed on a host by a task. ``more`` lines are not among ``lines``."""

    lines: tuple[Line, ...] = ()
    more: int = 0
    diffs: tuple[tuple[str, ...], ...] = ()


Told = tuple[tuple[Line, ...], int]
"""The changes that a job told of, and how many more there were."""


@dataclass(slots=True)
class Set:
    """What was the same on ``hosts`` (their numbers)."""

    made: Made
    hosts: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Sets:
    """All of a task. ``others`` are hosts where it was something else again, which is not told."""

    sets: dict[str, Set] = field(default_factory=dict)
    """By a digest of what the log says of it."""
    others: list[int] = field(default_factory=list)

    def add(self, host: int, results: Sequence[Mapping[str, Any]], told: Told | None, room: Room) -> None:
        """What these results, and the job itself (``told``), say of a host."""
        digest = _digest(results, told)
        known = self.sets.get(digest)
        if known is None:
            if len(self.sets) >= MOST_SETS or room.left <= 0:
                self.others.append(host)
                return
            known = self.sets[digest] = Set(of_results(results, told))
            room.left -= _cost(known.made)
        known.hosts.append(host)

    @property
    def hosts(self) -> list[int]:
        return sorted({host for each in self.sets.values() for host in each.hosts} | set(self.others))


def _digest(results: Sequence[Mapping[str, Any]], told: Told | None) -> str:
    """The same for results that would be told in the same words."""
    words = [[result.get(key) for key in ("diff", "items", *TELLING)] for result in results]
    return hashlib.sha256(repr((told, words)).encode("utf-8", "surrogatepass")).hexdigest()


def _cost(made: Made) -> int:
    """Characters on the page, about."""
    lines = sum(100 + len(line.verb) + len(line.subject) + len(line.detail) + len(line.undo) for line in made.lines)
    return lines + sum(40 + len(text) for diff in made.diffs for text in diff)


def of_job(entry: Mapping[str, Any]) -> Told:
    """From a JobDone."""
    lines = tuple(
        Line(
            _short(each.get("verb")),
            _short(each.get("subject")),
            _short(each.get("detail")),
            bool(each.get("destructive")),
            _short(each.get("undo")),
        )
        for each in entry.get("changes", ())[:MOST_LINES]
        if isinstance(each, Mapping)
    )
    return lines, max(0, int(entry.get("total", 0)) - len(lines))


def of_results(results: Sequence[Mapping[str, Any]], told: Told | None) -> Made:
    """From the results of a task (of its loop's items) that changed something; ``told``: what its job said by itself."""
    lines, more = told or ((), 0)
    if told is None:
        found = [line for result in results[:MOST_ITEMS] for line in _lines(result)]
        lines = tuple(found[:MOST_LINES])
        more = len(found) - len(lines) + max(0, len(results) - MOST_ITEMS)
        more += sum(max(0, int(r.get("items_total", 0)) - len(r["items"])) for r in results if _listed(r))
    diffs = [diff for result in results[:MOST_ITEMS] for diff in _diffs(result)]
    return Made(lines, more, tuple(diffs))


def _listed(result: Mapping[str, Any]) -> bool:
    return isinstance(result.get("items"), list)


def _lines(result: Mapping[str, Any]) -> Iterator[Line]:
    """A job's list of what it did, else the few words of a module's result that tell it."""
    if _listed(result) and result["items"]:
        for item in result["items"]:
            yield Line("", _short(item))
        return
    words = [(key, _short(result[key])) for key in TELLING if _is_telling(result.get(key))]
    if words:
        yield Line("", words[0][1], ", ".join(f"{key} {text}" for key, text in words[1:]))


def _is_telling(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, str) for each in value)
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _short(value: Any) -> str:
    text = " ".join(str(each) for each in value) if isinstance(value, list) else "" if value is None else str(value)
    return text if len(text) <= 300 else f"{text[:200]} [...] {text[-80:]}"


def _diffs(result: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    found = result.get("diff")
    for one in found if isinstance(found, list) else [found]:
        if not isinstance(one, Mapping):
            continue
        texts: dict[str, Any] = {key: diff_text(one.get(key) or "") for key in DIFF_TEXTS}
        diff = Diff(**texts)
        if len(diff.before) + len(diff.after) + len(diff.prepared) > LONGEST_DIFF:
            yield (f"no diff: the texts have more than {LONGEST_DIFF} characters",)
            continue
        lines = [_short(part) for line in diff.lines() for part in line.split("\n")]
        if lines:
            left = len(lines) - MOST_DIFF_LINES
            yield (*lines[:MOST_DIFF_LINES], *([f"[... {left} more lines]"] if left > 0 else ()))
