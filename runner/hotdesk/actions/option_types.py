"""The option types of Ansible's argument spec, and how a value becomes one.

Source: "Argument spec" in Ansible's module development guide (types str, list, dict, bool, int, float, path, raw, jsonarg, json, bytes, bits).
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from hotdesk.playbook.free_form import unquote
from hotdesk.playbook.keywords import FALSE, TRUE

if TYPE_CHECKING:
    from collections.abc import Callable

_BOOLEANS = ", ".join(sorted(TRUE | FALSE))
_SIZE = re.compile(r"\s*(\d*\.?\d+)\s*([A-Za-z]*)\s*\Z")
_UNITS = {
    "": 1,
    "K": 1 << 10,
    "M": 1 << 20,
    "G": 1 << 30,
    "T": 1 << 40,
    "P": 1 << 50,
    "E": 1 << 60,
    "Z": 1 << 70,
    "Y": 1 << 80,
}
_PAIR = re.compile(r"""(?:[^\s,"'\\]|\\.|"(?:\\.|[^"])*"|'(?:\\.|[^'])*')+""")


def as_text(value: Any) -> str:
    """Anything; a mapping or list gets Python's notation, as in Ansible."""
    return str(value)


def as_boolean(value: Any) -> bool:
    """A truth value, or one of the words for it in any case: yes, on, true, t, y, 1 and their opposites."""
    if isinstance(value, bool):
        return value
    word = str(value).lower().strip()
    if word in TRUE or value == 1:
        return True
    if word in FALSE or value == 0:
        return False
    raise ValueError(f"The value {str(value)!r} is not a valid boolean. Valid booleans include: {_BOOLEANS}")


def as_integer(value: Any) -> int:
    """A whole number, or text that is one (``"1.0"`` too)."""
    if isinstance(value, int):
        return value
    if isinstance(value, (str, float)):
        from decimal import Decimal, InvalidOperation  # late: most numbers are written as numbers

        try:
            number = Decimal(str(value).strip())
            if number == int(number):
                return int(number)
        except (InvalidOperation, ValueError, OverflowError):
            pass
    raise ValueError(f"{value!r} is not a whole number")


def as_number(value: Any) -> float:
    if isinstance(value, (int, float, str)):
        try:
            return float(value)
        except ValueError:
            pass
    raise ValueError(f"{value!r} is not a number")


def as_list(value: Any) -> list[Any]:
    """A list; text is split at commas; a number is a list of one text."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    if isinstance(value, (int, float)):
        return [str(value)]
    raise ValueError("a list is wanted, or text with commas")


def as_mapping(value: Any) -> dict[str, Any]:
    """A mapping, JSON text of one, or ``k=v`` pairs separated by commas or spaces."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.strip().startswith("{"):
        return _braces(value)
    if isinstance(value, str) and "=" in value:
        pairs = [pair.partition("=") for pair in _PAIR.findall(value.strip())]
        if all(equals for _, equals, _ in pairs):
            return {unquote(key.strip()): unquote(rest.strip()) for key, _, rest in pairs}
    raise ValueError("a mapping is wanted, JSON, or k=v pairs")


def _braces(text: str) -> dict[str, Any]:
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise ValueError("this is neither JSON nor a mapping in Python's notation")


def as_json(value: Any) -> str:
    """JSON text: text is taken to be it already, mappings and lists are written as it."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value)
    raise ValueError("JSON text, a mapping or a list is wanted")


def as_bytes(value: Any) -> int:
    """A size in bytes: ``10``, ``10K``, ``1.5 GB`` (powers of 1024)."""
    return _size(value, "B", ("", "B", "BYTE", "BYTES"))


def as_bits(value: Any) -> int:
    """A size in bits: ``10Kb`` (powers of 1024)."""
    return _size(value, "b", ("", "b", "bit", "bits"))


def _size(value: Any, unit: str, plain: tuple[str, ...]) -> int:
    match = _SIZE.match(str(value))
    if match and not isinstance(value, bool):
        number, word = match.groups()
        prefix, rest = word[:1].upper(), word[1:]
        if word in plain or (unit == "B" and word.upper() in plain):
            return round(float(number))
        names = ("", unit, "ytes", "yte") if unit == "B" else ("", unit, "its", "it")
        if prefix in _UNITS and prefix and rest in names:
            return round(float(number) * _UNITS[prefix])
        words = {
            name + suffix: name[0].upper()
            for name in _LONG
            for suffix in (("byte", "bytes") if unit == "B" else ("bit", "bits"))
        }
        if word.lower() in words:
            return round(float(number) * _UNITS[words[word.lower()]])
    raise ValueError(f"{value!r} is not a size such as 10, 5K or 2G{unit}")


_LONG = ("kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta")


def as_it_is(value: Any) -> Any:
    return value


CONVERT: dict[str, Callable[[Any], Any]] = {
    "str": as_text,
    "bool": as_boolean,
    "int": as_integer,
    "float": as_number,
    "list": as_list,
    "dict": as_mapping,
    "path": as_text,
    "raw": as_it_is,
    "any": as_it_is,
    "json": as_json,
    "jsonarg": as_json,
    "bytes": as_bytes,
    "bits": as_bits,
    "sid": as_text,
    "tmp": as_text,
    "tmppath": as_text,
    "pathspec": as_list,
    "pathlist": as_list,
}
"""Type name -> conversion; raises ValueError with a reason. ``path`` keeps its text: ``~`` is the target's affair."""
