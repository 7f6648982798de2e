"""Keywords of a task, rendered: constants cost nothing, templates are rendered in the task's scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.source import place_of
from hotdesk.variables.trust import OMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotdesk.place import Place
    from hotdesk.playbook.model import Raw
    from hotdesk.variables.templates import Templates

TRUE = frozenset({"yes", "on", "y", "t", "1", "true"})
FALSE = frozenset({"no", "off", "n", "f", "0", "false", ""})


async def flag(
    templates: Templates, raw: Raw, variables: Mapping[str, Any], what: str, *, default: bool = False
) -> bool:
    """A boolean keyword. Raises TaskError when it is none."""
    if raw is None:
        return default
    if raw is True or raw is False:
        return bool(raw)
    value = await templates.render(raw, variables)
    if value is None or value is OMIT:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE:
            return True
        if word in FALSE:
            return False
    raise _wrong(what, value, "bool", raw)


async def number(
    templates: Templates, raw: Raw, variables: Mapping[str, Any], what: str, *, default: float | None = None
) -> float | None:
    """A number keyword (seconds, counts). Raises TaskError."""
    if raw is None:
        return default
    value = raw if type(raw) in (int, float) else await templates.render(raw, variables)
    if value is None or value is OMIT or value == "":
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _wrong(what, value, "float" if what in ("delay", "pause") else "int", raw) from None


def _wrong(what: str, value: object, kind: str, raw: Raw) -> TaskError:
    """In Ansible's words: playbooks look at them."""
    return TaskError(
        f"Error processing keyword {what!r}: The value {value!r} could not be converted to {kind!r}.",
        place=place_of(raw),
    )


async def text(templates: Templates, raw: Raw, variables: Mapping[str, Any]) -> str:
    """A text keyword; empty when not given or omitted."""
    if raw is None or raw == "":
        return ""
    value = await templates.render(raw, variables)
    return "" if value is None or value is OMIT else str(value)


async def holds(
    templates: Templates, conditions: Iterable[Raw], variables: Mapping[str, Any], place: Place | None, what: str
) -> Raw | None:
    """None when all conditions hold, else the first that does not."""
    for condition in conditions:
        if condition is True:
            continue
        if not await templates.condition(condition, variables, place=place_of(condition) or place, what=what):
            return condition
    return None


async def environment(templates: Templates, layers: Iterable[Raw], variables: Mapping[str, Any]) -> dict[str, str]:
    """``environment:`` layers merged, inner ones win; values as text. Raises TaskError for what is not a mapping."""
    merged: dict[str, str] = {}
    for layer in layers:
        value = await templates.render(layer, variables)
        for part in value if isinstance(value, list) else (value,):
            if part is None or part == "" or part is OMIT:
                continue
            if not isinstance(part, dict):
                raise TaskError(f"'environment' must be a mapping, not {part!r}", place=place_of(layer))
            merged.update({str(name): as_text(item) for name, item in part.items()})
    return merged


def as_text(value: Any) -> str:
    """A value as an environment variable holds it."""
    return "" if value is None else str(value)
