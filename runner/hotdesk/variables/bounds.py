"""What one step of a template may make: a rendering ends in an error before it takes all memory.

``blocking.tick`` bounds how many steps there are; together they bound a rendering (docs/adr/0009).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sized
from types import BuiltinMethodType
from typing import Any, Final

from hotdesk.errors import TemplateError

MOST_TEXT: Final = 64 * 1024 * 1024
"""Characters of a text."""
MOST_ITEMS: Final = 1_000_000
"""Elements of a list that an operation makes."""
MOST_BITS: Final = 100_000
"""Of a whole number: some 30,000 digits."""
WIDEST: Final = 100_000
"""A width, indentation or length that is asked for."""
_LARGE_NUMBER: Final = re.compile(r"\d{6,}")


def too_large(what: str) -> TemplateError:
    """The error for a result that is not made."""
    return TemplateError(f"{what}: it was not made", remedy="Is one of the numbers meant to be that large?")


def check_operation(operator: str, left: Any, right: Any) -> None:
    """Before ``left operator right`` with one of * ** % +. Raises TemplateError when the result would be too large."""
    if operator == "*":
        _check_times(left, right)
    elif operator == "**":
        if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and left.bit_length() * right > MOST_BITS:
            raise too_large("the power is a number of tens of thousands of digits")
    elif operator == "%" and isinstance(left, (str, bytes)):
        check_widths(str(left), right if isinstance(right, (tuple, list)) else (right,))
    elif operator == "+" and isinstance(left, (str, list, tuple)) and isinstance(right, Sized):
        check_size(left, len(left) + len(right))


def _check_times(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > MOST_BITS:
            raise too_large("the product is a number of tens of thousands of digits")
        return
    if isinstance(left, int):
        left, right = right, left
    if isinstance(left, (str, bytes, list, tuple)) and isinstance(right, int):
        check_size(left, len(left) * right)


def check_size(kind: Any, size: int) -> None:
    """Of a text or list like ``kind``."""
    if size > (MOST_TEXT if isinstance(kind, (str, bytes)) else MOST_ITEMS):
        raise too_large(f"the result is {'a text' if isinstance(kind, (str, bytes)) else 'a list'} of length {size:,}")


def check_widths(form: str, values: Iterable[Any] = ()) -> None:
    """Before ``%`` or ``format``: no width or precision of more than five digits, in the form or among the values."""
    if _LARGE_NUMBER.search(form):
        raise too_large("the format asks for a width of more than five digits")
    for value in values:
        if isinstance(value, int) and value > WIDEST and ("*" in form or "{" in form.replace("{{", "")):
            _check_nested(form)


def _check_nested(form: str) -> None:
    """A width that is itself a value: ``%*d``, ``{:{}}``."""
    if re.search(r"%[-+ #0]*\*|%[^a-zA-Z]*\.\*|\{[^{}]*:[^{}]*\{", form):
        raise too_large("the format takes its width from a number of more than five digits")


def check_method(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before a method of a text, list or number. Raises TemplateError when its result would be too large."""
    if not isinstance(function, BuiltinMethodType):
        return
    owner, name = function.__self__, function.__name__
    for value in (*args, *kwargs.values()):
        if (
            isinstance(value, int)
            and abs(value) > MOST_TEXT
            and name not in ("append", "get", "index", "count", "insert")
        ):
            raise too_large(f"{name}() with {value:,}")
    if isinstance(owner, (str, bytes)):
        _check_text_method(owner, name, args)
    elif isinstance(owner, list) and name == "extend" and args and isinstance(args[0], Sized):
        check_size(owner, len(owner) + len(args[0]))


def _check_text_method(owner: Any, name: str, args: tuple[Any, ...]) -> None:
    if name == "join" and args and isinstance(args[0], (list, tuple)):
        check_joined(args[0], owner)
    elif name == "replace" and len(args) > 1 and isinstance(args[0], type(owner)) and isinstance(args[1], type(owner)):
        check_size(owner, len(owner) + owner.count(args[0]) * len(args[1]))
    elif name == "expandtabs":
        width = args[0] if args and isinstance(args[0], int) else 8
        check_size(owner, len(owner) + owner.count("\t" if isinstance(owner, str) else b"\t") * width)


def check_joined(values: Iterable[Any], separator: Any = "") -> None:
    """Before texts are put together."""
    between = len(separator) if isinstance(separator, (str, bytes)) else 0
    size = sum(len(value) + between for value in values if isinstance(value, (str, bytes)))
    check_size("", size)


def check_filter(name: str, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before a filter of ``MEASURED``: it puts together, or pads, indents or repeats by its arguments."""
    if name == "join":
        if isinstance(value, (list, tuple)):
            check_joined(value, args[0] if args else kwargs.get("d", ""))
    elif name == "format":
        check_widths(str(value), (*args, *kwargs.values()))
    else:
        for given in (*args, *kwargs.values()):
            if isinstance(given, int) and given > WIDEST:
                raise too_large(f"{name} with {given:,}")


MEASURED: Final = frozenset(
    {
        "batch", "center", "comment", "format", "indent", "join", "slice", "to_json", "to_nice_json", "to_nice_yaml", "to_yaml", "tojson",
        "wordwrap",
    }
)  # fmt: skip
