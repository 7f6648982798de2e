"""A result as text: the JSON behind ``=>`` and the unified diff, in Ansible's form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hotdesk.events import Room, plain
from hotdesk.text import safe
from hotdesk.ui.colors import paint

if TYPE_CHECKING:
    from hotdesk.results import Diff, Result

HIDDEN = frozenset({"diff", "failed", "skipped", "warnings", "deprecations", "results"})
"""Keys that the line itself or its neighbours say already."""
FOR_MACHINES = frozenset({"invocation", "exception", "retries"})
"""Keys shown from -vvv on."""


def dump(result: Result, *, indent: int | None = None, verbosity: int = 0, terse: bool = False) -> str:
    """The result's keys as JSON: on one line, or over several with ``indent`` and from -vvv on, as Ansible shows them.

    ``terse`` leaves only what ``debug`` was asked to print. What is very long is shortened.
    """
    hidden = HIDDEN if verbosity >= 3 else HIDDEN | FOR_MACHINES
    data: dict[str, Any] = {
        key: value
        for key, value in result.registered().items()
        if key not in hidden and not key.startswith("_ansible_")
    }
    if terse:
        data = _asked_for(data)
    indent = 4 if verbosity >= 3 else indent
    return safe(json.dumps(plain(data, Room()), indent=indent, ensure_ascii=False, sort_keys=True))


def _asked_for(data: dict[str, Any]) -> dict[str, Any]:
    if "msg" in data:
        return {"msg": data["msg"]}
    loop = {"changed", "ansible_loop_var", "ansible_index_var"}
    rest = {key: value for key, value in data.items() if key not in loop}
    without_item = {key: value for key, value in rest.items() if key != data.get("ansible_loop_var")}
    return without_item or rest


def diff_text(diff: Diff, *, color: bool, most: int) -> str:
    """A unified diff with Ansible's headers; longer than ``most`` bytes is only announced."""
    if diff.prepared:
        return safe(diff.prepared.rstrip("\n")) + "\n"
    if len(diff.before) + len(diff.after) > most:
        return f"diff skipped: the texts are larger than {most} bytes\n"
    return "".join(_painted(safe(line), color) + "\n" for line in diff.lines())


def _painted(line: str, color: bool) -> str:
    kind = {"+": "diff_add", "-": "diff_remove", "@": "diff_lines"}.get(line[:1]) if color else None
    return paint(line, kind) if kind else line
