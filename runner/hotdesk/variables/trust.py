"""What may be a template, what never is, and how rendered values become plain (R7).

Only ``source.Trusted`` text is a template. ``plain`` is the way out of rendering: what it gives holds no Trusted text,
no lazy container and no undefined value, so nothing downstream can render it again.
Source: https://docs.ansible.com/ansible-core/2.19/porting_guides/porting_guide_core_2.19.html
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, MappingView, Set
from typing import Any, Final, cast

from jinja2 import Undefined
from jinja2.environment import TemplateModule
from markupsafe import Markup

from hotdesk.errors import TemplateError
from hotdesk.source import Map, Seq, Trusted, Vaulted
from hotdesk.variables.blocking import count


class Omit:
    """The type of ``omit``: as a value in a mapping or list it makes the entry disappear."""

    def __repr__(self) -> str:
        return "OMIT"

    def __str__(self) -> str:
        raise TemplateError("'omit' can only be a whole value, not a part of a text")


OMIT: Final = Omit()

SCALARS: Final = (bool, int, float, type(None), datetime.date, datetime.time, datetime.timedelta)


def is_template(value: object) -> bool:
    """True for user's text with a Jinja marker in it."""
    return isinstance(value, Trusted) and ("{{" in value or "{%" in value or "{#" in value)


def holds_templates(value: object) -> bool:
    """True when rendering ``value`` needs more than copying: a template or a vaulted value is in it, at any depth."""
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, Mapping):
        return any(is_template(key) or holds_templates(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return any(holds_templates(item) for item in value)
    return isinstance(value, Vaulted)


def plain(value: Any) -> Any:
    """``value`` as plain Python data; ``omit`` entries are dropped; an undefined value raises jinja2.UndefinedError."""
    kind = type(value)
    if kind is str or kind in SCALARS or value is OMIT:
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises, naming the variable
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, SCALARS):
        return value
    if isinstance(value, Mapping):
        count(len(value))
        return {plain(key): done for key, item in value.items() if (done := plain(item)) is not OMIT}
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, (list, tuple, Set, MappingView, range, Iterator)):
        count(0 if isinstance(value, Iterator) else len(value))
        return _items(cast("Iterable[Any]", value))
    if isinstance(value, Vaulted):
        raise TemplateError("the template gives a value that is still encrypted")
    if isinstance(value, TemplateModule):  # {% import 'file' as name %}{{ name }}
        return "".join(str(one) for one in map(plain, value._body_stream) if one is not None and one is not OMIT)
    raise TemplateError(f"the template gives a {kind.__name__}, which is not a value a variable can have")


def _text(value: str) -> str:
    # str(x) of a subclass may call its __str__; joining never does.
    return str(value) if isinstance(value, Markup) else str.__str__(value)


def _items(values: Iterable[Any]) -> list[Any]:
    return [done for item in values if (done := plain(item)) is not OMIT]


__all__ = ["OMIT", "Map", "Omit", "Seq", "Trusted", "Vaulted", "holds_templates", "is_template", "plain"]
