"""Filters to and from JSON and YAML. What is read from text is data: it is never a template (R7)."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any, Final

import yaml

from hotdesk.errors import InputError
from hotdesk.source import load_yaml_documents
from hotdesk.variables.blocking import prefer_thread
from hotdesk.variables.trust import plain

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE: Final = 16 * 1024
"""Characters: a longer YAML text takes tens of milliseconds."""


def _json_value(value: Any) -> Any:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def to_json(value: Any, *, vault_to_text: bool = True, preprocess_unsafe: bool = True, **options: Any) -> str:
    """``options`` as json.dumps takes them: indent, sort_keys, ensure_ascii, separators, ..."""
    return json.dumps(plain(value), default=_json_value, **options)


def to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    return to_json(value, indent=indent, sort_keys=sort_keys, **{"separators": (",", ": "), **options})


def from_json(value: Any, **options: Any) -> Any:
    if not isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"from_json needs text, not {type(value).__name__}")
    return json.loads(value, **options)


class Dumper(yaml.SafeDumper):
    """Plain YAML without aliases: the same list twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(value: Any, default_flow_style: bool | None = None, **options: Any) -> str:
    """``options`` as yaml.dump takes them: indent, width, sort_keys, explicit_start, ..."""
    options.pop("vault_to_text", None)
    text = yaml.dump(plain(value), Dumper=Dumper, allow_unicode=True, default_flow_style=default_flow_style, **options)
    return str(text)


def to_nice_yaml(value: Any, indent: int = 4, default_flow_style: bool = False, **options: Any) -> str:
    return to_yaml(value, default_flow_style=default_flow_style, indent=indent, **options)


def from_yaml(value: Any) -> Any:
    """One YAML document; what is no text already is data and stays as it is."""
    if not isinstance(value, str):
        return value
    documents = from_yaml_all(value)
    if len(documents) > 1:
        raise ValueError("the text holds several YAML documents; from_yaml_all reads them")
    return documents[0] if documents else None


def from_yaml_all(value: Any) -> Any:
    """All documents of a YAML text, as a list. Nesting and aliases have bounds: the text may come from a host."""
    if not isinstance(value, str):
        return value
    if len(value) > LARGE:
        prefer_thread()
    try:
        return plain(load_yaml_documents(str(value), "", trusted=False))
    except InputError as problem:
        place = problem.place
        where = f"line {place.line}: " if place and place.line else ""
        raise ValueError(f"{where}{problem.message}") from None


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "from_json": from_json,
    "from_yaml": from_yaml,
    "from_yaml_all": from_yaml_all,
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "to_nice_yaml": to_nice_yaml,
    "to_yaml": to_yaml,
}
