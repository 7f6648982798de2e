"""What a host answers is checked before it is used: is it of the shape that the asked function gives?

A shape is plain data: a type (``int`` means -2**63 to 2**63, ``float`` any finite number, ``bool`` no number), ``None``, ``object`` (anything),
a tuple of shapes (one of them), a list of one shape (a list of such), a list of several (a list of just these), ``{str: shape}`` (a mapping
of such), or a mapping of names to shapes; there a name that ends in ``?`` may be missing, and further names may be there.
"""

from __future__ import annotations

import math
from typing import Any

from hotdesk.errors import TaskError

SHOWN = 80
"""Characters of a wrong value that a message repeats."""
_NAMES = {int: "a number", float: "a number", str: "text", bytes: "bytes", bool: "true or false", dict: "a mapping"}


def misfit(value: Any, shape: Any, where: str = "it") -> str:
    """What is wrong with ``value``, or nothing: ``login.uid is text ('x'), not a number``."""
    if isinstance(shape, tuple):
        return "" if any(not misfit(value, one) for one in shape) else _wrong(value, shape, where)
    if isinstance(shape, list):
        if type(value) is not list:
            return _wrong(value, shape, where)
        if len(shape) > 1 and len(value) != len(shape):
            return f"{where} has {len(value)} parts, not {len(shape)}"
        inner = shape if len(shape) > 1 else shape * len(value)
        return next((said for at, one in enumerate(value) if (said := misfit(one, inner[at], f"{where}[{at}]"))), "")
    if isinstance(shape, dict):
        return _mapping(value, shape, where)
    return "" if _fits(value, shape) else _wrong(value, shape, where)


def expect(value: Any, shape: Any, host: str, what: str) -> Any:
    """``value`` itself when it fits. Raises TaskError naming the host, what was asked (``what``) and what is wrong with the answer."""
    said = misfit(value, shape)
    if said:
        raise TaskError(f"{host}: the answer to {what} is not one: {said}", remedy="Is the agent there tampered with?")
    return value


def _fits(value: Any, shape: Any) -> bool:
    kind = type(value)
    if shape is object:
        return True
    if shape is None:
        return value is None
    if shape is int:
        return kind is int and -(1 << 63) <= value < 1 << 63
    if shape is float:
        return (kind is float and math.isfinite(value)) or _fits(value, int)
    return kind is shape


def _mapping(value: Any, shape: dict[Any, Any], where: str) -> str:
    if type(value) is not dict:
        return _wrong(value, shape, where)
    if str in shape:
        return next((said for name in value if (said := misfit(value[name], shape[str], _in(where, name)))), "")
    for name, inner in shape.items():
        plain = name.removesuffix("?")
        if plain not in value:
            if plain == name:
                return f"{_in(where, plain)} is missing"
        elif said := misfit(value[plain], inner, _in(where, plain)):
            return said
    return ""


def _in(where: str, name: str) -> str:
    return name[:SHOWN] if where == "it" else f"{where}.{name[:SHOWN]}"


def _wrong(value: Any, shape: Any, where: str) -> str:
    return f"{where} is {_said(value)}, not {_name(shape)}"


def _name(shape: Any) -> str:
    if isinstance(shape, tuple):
        return " or ".join(dict.fromkeys(map(_name, shape)))
    if isinstance(shape, list):
        return "a list"
    return "a mapping" if isinstance(shape, dict) else "nothing" if shape is None else _NAMES.get(shape, repr(shape))


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    name = "a list" if type(value) is list else _NAMES.get(type(value), type(value).__name__)
    return name if isinstance(value, (list, dict)) else f"{name} ({value!r:.{SHOWN}})"
