"""Failures: what went wrong, in full and foldable; the same on several hosts is told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from hotdesk.events import Room

MOST = 200
"""Different failures that are told."""
MOST_ITEMS = 20
"""Failed items of a loop."""
TELLING = ("cmd", "rc", "stderr", "stdout", "module_stderr", "module_stdout", "exception", "problems", "failed_changes")
"""Keys of a failed result that a person looks for, beside its message."""


@frozen
class Failure:
    """``how``: failed, unreachable, ignored, rescued, problem. ``details``: (name, text)."""

    task: str
    place: str
    how: str
    message: str
    details: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls, task: str, place: str, how: str, result: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
    ) -> Failure:
        """From a task's result and those of its loop's items."""
        details = list(_details(result))
        for item in [item for item in items if item.get("failed")][:MOST_ITEMS]:
            details += [(f"item {item['label']}", str(item.get("msg", ""))), *_details(item)]
        return cls(task, place, how, str(result.get("msg", "") or how), tuple(details))

    @property
    def headline(self) -> str:
        """The first line of its message."""
        return next((line for line in self.message.splitlines() if line.strip()), self.message)[:300]


def _details(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _text(result[name])) for name in TELLING if result.get(name) not in (None, "", [], {})]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        words = [_text(one) for one in value]
        return "\n".join(words) if any(isinstance(one, Mapping) for one in value) else " ".join(words)
    return str(value)


@dataclass(slots=True)
class Failures:
    """Failure -> numbers of the hosts it happened on. Those of one message are one, with the details of the first."""

    kept: dict[tuple[str, str, str], tuple[Failure, list[int]]] = field(default_factory=dict)
    left_out: int = 0

    def add(self, failure: Failure, host: int, room: Room) -> None:
        key = (failure.task, failure.how, failure.message)
        if key not in self.kept:
            if len(self.kept) >= MOST or room.left <= 0:
                self.left_out += 1
                return
            told = tuple((name, room.text(text)) for name, text in failure.details)
            short = Failure(failure.task, failure.place, failure.how, room.text(failure.message), told)
            self.kept[key] = (short, [])
        self.kept[key][1].append(host)
