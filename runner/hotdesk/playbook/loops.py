"""``loop``, ``with_LOOKUP`` and ``loop_control``. Source: Ansible's "Loops" page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import PlaybookError, nearest
from hotdesk.playbook.inherit import as_tuple
from hotdesk.playbook.keywords import LOOP_CONTROL, fits, is_identifier, is_template, shown
from hotdesk.playbook.model import Loop
from hotdesk.source import Map, place_of

if TYPE_CHECKING:
    from hotdesk.place import Place


def read_loop(values: Map) -> Loop | None:
    """The loop of a task, if it has one. Raises PlaybookError for two of them and for a wrong ``loop_control``."""
    control = _control(values.get("loop_control"), place_of(values.get("loop_control")) or values.place)
    keys = [key for key in values if key == "loop" or str(key).startswith("with_")]
    if len(keys) > 1:
        raise PlaybookError(
            f"a task has one loop, this one has {' and '.join(keys)}", place=place_of(keys[1]) or values.place
        )
    if not keys or (keys[0] == "loop" and values["loop"] is None):
        return None
    key = keys[0]
    terms = values[key]
    place = place_of(key) or values.place
    if terms is None:
        raise PlaybookError(f"{str(key)!r} says nothing to loop over", place=place)
    if key == "loop" and not isinstance(terms, list) and not is_template(terms):
        raise PlaybookError(f"'loop' must be a list, not {shown(terms)}", place=place_of(terms) or place)
    return Loop(terms=terms, lookup="" if key == "loop" else str(key).removeprefix("with_"), place=place, **control)


def _control(values: Any, place: Place | None) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, Map):
        raise PlaybookError("'loop_control' must be a mapping", place=place)
    for key, value in values.items():
        if key not in LOOP_CONTROL:
            raise PlaybookError(
                f"{str(key)!r} is not a key of loop_control", place=place_of(key) or place,
                remedy=nearest(str(key), LOOP_CONTROL))  # fmt: skip
        if not fits(LOOP_CONTROL[key], value):
            raise PlaybookError(
                f"{str(key)!r} of loop_control cannot be {shown(value)}",
                place=place_of(value) or place_of(key) or place,
            )
        if (
            key in ("loop_var", "index_var")
            and value is not None
            and not is_template(value)
            and not is_identifier(value)
        ):
            raise PlaybookError(f"{value!r} is not a valid variable name", place=place_of(value) or place)
    control = {str(key): value for key, value in values.items() if value is not None}
    if "break_when" in control:
        control["break_when"] = as_tuple(control["break_when"])
    return control
