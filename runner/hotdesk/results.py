"""What a task gave on a host: frozen, and the same shape as an Ansible result once registered."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Empty(Mapping[str, Any]):
    """The empty mapping; hashable, so that it may be a dataclass default on Python 3.11 too."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0


EMPTY: Mapping[str, Any] = Empty()
TASK_FAILED = "Task failed: "
"""How Ansible's message begins when not the action failed but what stands around it: a template, a condition."""


class Status(Enum):
    """The one final word on a task on a host; the value is the recap's column."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"


@frozen
class Diff:
    """What ``--diff`` shows: either ``prepared`` text as it stands, or before and after."""

    before: str = ""
    after: str = ""
    before_header: str = ""
    after_header: str = ""
    prepared: str = ""
    given: Mapping[str, Any] = field(default=EMPTY, compare=False)
    """What a module has said of it, where that is not text alone: a result keeps it as it is."""

    def lines(self) -> Iterator[str]:
        """The unified diff, without line ends; headers as Ansible writes them."""
        if self.prepared:
            yield from self.prepared.rstrip("\n").split("\n")
            return
        names = (
            f"before: {self.before_header}" if self.before_header else "before",
            f"after: {self.after_header}" if self.after_header else "after",
        )
        for line in difflib.unified_diff(_lines(self.before), _lines(self.after), *names, "", "", 3):
            yield line.rstrip("\n")

    def registered(self) -> dict[str, Any]:
        """As a result holds it: what the module gave, the prepared text alone, or the others."""
        if self.given:
            return dict(self.given)
        if self.prepared:
            return {"prepared": self.prepared}
        return {name: getattr(self, name) for name in ("before", "after", "before_header", "after_header")}


DIFF_TEXTS = ("before", "after", "before_header", "after_header", "prepared")
"""Keys of a diff that are shown."""


def diff_text(value: Any) -> str:
    """A part of a diff as it is shown: text as it stands, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=4, sort_keys=True) + "\n"


def _lines(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n\\ No newline at end of file\n"
    return lines


@frozen(kw_only=True)
class Result:
    """One outcome. ``data`` holds the action's own keys (rc, stdout, msg, stat, ...), plain values only, never Trusted text.

    ``items`` is set for a loop: the result of each item, in order (their ``data`` carries the loop variable).
    """

    changed: bool = False
    failed: bool = False
    skipped: bool = False
    unreachable: bool = False
    data: Mapping[str, Any] = EMPTY
    facts: Mapping[str, Any] = EMPTY
    """``ansible_facts``: become host facts (set_fact: variables of the host, with set_fact's precedence)."""
    diff: tuple[Diff, ...] = ()
    lists_diff: bool = False
    """``diff`` is registered as a list also when there is one alone (copy, template)."""
    warnings: tuple[str, ...] = ()
    items: tuple[Result, ...] | None = None

    @property
    def status(self) -> Status:
        if self.unreachable:
            return Status.UNREACHABLE
        if self.failed:
            return Status.FAILED
        if self.skipped:
            return Status.SKIPPED
        return Status.CHANGED if self.changed else Status.OK

    @property
    def message(self) -> str:
        return str(self.data.get("msg", ""))

    def registered(self) -> dict[str, Any]:
        """The dict that ``register:`` stores, with Ansible's key names."""
        out: dict[str, Any] = dict(self.data)
        out["changed"] = self.changed
        out["failed"] = self.failed
        for name, on in (("skipped", self.skipped), ("unreachable", self.unreachable)):
            if on:
                out[name] = True
        if self.facts:
            out["ansible_facts"] = dict(self.facts)
        if self.warnings:
            out["warnings"] = list(self.warnings)
        if self.diff:
            shown = [one.registered() for one in self.diff]
            out["diff"] = shown[0] if len(shown) == 1 and not self.lists_diff else shown
        if self.items is not None:
            out["results"] = [item.registered() for item in self.items]
        return out

    def but(self, **changes: Any) -> Result:
        """A copy with some fields replaced."""
        return replace(self, **changes)


def failure(msg: str, **data: Any) -> Result:
    """A failed result with a message."""
    return Result(failed=True, data={"msg": msg, **data})


@frozen
class HostRecap:
    """A line of PLAY RECAP."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0


@frozen
class Progress:
    """How far a transfer or job is: bytes and files done of total (0: not known), bytes/second, seconds left (None: unknown)."""

    bytes_done: int = 0
    bytes_total: int = 0
    files_done: int = 0
    files_total: int = 0
    rate: float = 0.0
    eta: float | None = None
    message: str = ""


@frozen
class JobChange:
    """One thing that a sync job did, as events tell it: see ``jobs.Change``."""

    verb: str
    subject: str
    detail: str = ""
    destructive: bool = False
    undo: str = ""
    """How it can be undone, in words; empty: it cannot be."""


@frozen
class Problem:
    """Something that must hold before a play may change anything, and what to do about it."""

    message: str
    remedy: str = ""


def labels(values: Sequence[str], most: int = 5) -> str:
    """``a, b, c`` with a count once it gets long; for messages."""
    head = ", ".join(values[:most])
    return f"{head} and {len(values) - most} more" if len(values) > most else head
