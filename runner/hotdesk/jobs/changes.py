"""Changes of a plan as several jobs word them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.jobs.base import Change
from hotdesk.results import Diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotdesk.jobs.machine import Machine


def in_words(changes: Iterable[Change]) -> tuple[Diff, ...]:
    """A plan's ``diff`` for changes that no text before and after can show: a line each."""
    text = "".join(f"{change.id}{': ' * bool(change.detail)}{change.detail}\n" for change in changes)
    return (Diff(prepared=text),) if text else ()


def left_behind(*ends: tuple[Machine, Mapping[str, Any]]) -> list[Change]:
    """What runs that were killed left on these machines, each with its state (``unfinished``: what there is to undo, in words)."""
    return [
        Change(verb="undo", subject=f"left on {machine.host}", detail="; ".join(state["unfinished"]))
        for machine, state in ends
        if state["unfinished"]
    ]
