"""Lookups over values that are there already: no I/O."""

from __future__ import annotations

import itertools
import math
import os
import random
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hotdesk.variables import bounds
from hotdesk.variables.filters.data import type_debug
from hotdesk.variables.lookups.call import LookupCall, flattened, words_and_options
from hotdesk.variables.undefined import Undefined


def items(call: LookupCall) -> list[Any]:
    call.take()
    return flattened(call.terms)


def list_(call: LookupCall) -> list[Any]:
    return call.terms


def dict_(call: LookupCall) -> list[Any]:
    result: list[Any] = []
    for term in call.terms:
        if not isinstance(term, Mapping):
            raise call.fail(f"it needs a dictionary, not {type_debug(term)}")
        result.extend({"key": key, "value": value} for key, value in term.items())
    return result


def env(call: LookupCall) -> list[Any]:
    (default,) = call.take(default="")
    return [os.environ.get(str(term), default) for term in call.terms]


def vars_(call: LookupCall) -> list[Any]:
    """Variables by name; ``default`` for those that are not defined."""
    result = []
    lookup = getattr(call.variables, "lookup", call.variables.__getitem__)
    for term in call.terms:
        if not isinstance(term, str):
            raise call.fail(f"Variable name must be 'str' not {type_debug(term)!r}")
        try:
            value = lookup(term)
        except KeyError:
            value = Undefined(f"No variable named {term!r} was found.", name=term)
        if isinstance(value, Undefined) and "default" in call.options:
            value = call.options["default"]
        result.append(value)
    return result


def varnames(call: LookupCall) -> list[Any]:
    found: list[Any] = []
    for term in call.terms:
        try:
            pattern = re.compile(term)
        except TypeError:
            raise call.fail(f"Invalid setting identifier: {term!r} is not text") from None
        except re.error as exc:
            raise call.fail(f"Unable to use {term!r} as a search parameter: {exc}") from None
        found.extend(name for name in call.variables if pattern.search(name))
    return found


def together(call: LookupCall) -> list[Any]:
    if not call.terms:
        raise call.fail("with_together requires at least one element in each list")
    return [list(row) for row in itertools.zip_longest(*(_as_list(term) for term in call.terms))]


def nested(call: LookupCall) -> list[Any]:
    if not call.terms:
        raise call.fail("it needs at least one list")
    lists = [_as_list(term) for term in call.terms]
    bounds.check_size([], math.prod(map(len, lists)))
    return [flattened(row) for row in itertools.product(*lists)]


def _as_list(term: Any) -> list[Any]:
    return list(term) if isinstance(term, (list, tuple)) else [term]


def indexed_items(call: LookupCall) -> list[Any]:
    return [[position, item] for position, item in enumerate(flattened(call.terms))]


def random_choice(call: LookupCall) -> list[Any]:
    return [random.choice(call.terms)] if call.terms else []


def subelements(call: LookupCall) -> list[Any]:
    """Pairs of (element without the list, item of the list)."""
    if len(call.terms) not in (2, 3) or not isinstance(call.terms[1], str):
        raise call.fail(
            "it needs a list (or dictionary), the name of the list in each element, and perhaps {skip_missing: true}"
        )
    elements, path = call.terms[0], call.terms[1].split(".")
    flags = call.terms[2] if len(call.terms) == 3 else call.options
    skip = str(flags.get("skip_missing", False)).lower() in ("true", "yes", "1", "on")
    if isinstance(elements, Mapping):
        elements = [element for element in elements.values() if not _skipped(element)]
    result: list[Any] = []
    for element in elements:
        if not isinstance(element, Mapping):
            raise call.fail(f"each element must be a dictionary, not {type_debug(element)}")
        if not _skipped(element):
            rest, sublist = _without(call, element, path, skip)
            result.extend([rest, item] for item in sublist)
    return result


def _skipped(element: Any) -> bool:
    return isinstance(element, Mapping) and element.get("skipped", False) is not False


def _without(call: LookupCall, element: Mapping[Any, Any], path: list[str], skip: bool) -> tuple[Any, list[Any]]:
    key, *below = path
    if key not in element:
        if skip:
            return element, []
        raise call.fail(
            f"there is no key {key!r} in the element", "With skip_missing: true such elements are left out."
        )
    if below:
        if not isinstance(element[key], Mapping):
            raise call.fail(f"the key {key!r} should hold a dictionary, it holds {type_debug(element[key])}")
        rest, found = _without(call, element[key], below, skip)
        return {**element, key: rest}, found
    if not isinstance(element[key], list):
        raise call.fail(f"the key {key!r} should hold a list, it holds {type_debug(element[key])}")
    return {name: value for name, value in element.items() if name != key}, element[key]


SHORTCUT: Final = re.compile(r"(?:(0?x?[0-9a-f]+)-)?(0?x?[0-9a-f]+)(?:/(-?0?x?[0-9a-f]+))?(?::(.+))?", re.IGNORECASE)
SEQUENCE: Final = ("start", "end", "count", "stride", "format")


def sequence(call: LookupCall) -> list[Any]:
    """Numbers as text: ``start=1 end=9 stride=2 format=%02d`` or ``1-9/2:%02d``; the options work as keywords too."""
    terms = call.terms or ([""] if call.options else [])
    return [text for term in terms for text in _sequence(call, str(term))]


def _sequence(call: LookupCall, term: str) -> list[str]:
    given: dict[str, Any] = {**call.options}
    short = SHORTCUT.fullmatch(term.strip())
    if short:
        given.update({k: v for k, v in zip(("start", "end", "stride", "format"), short.groups(), strict=True) if v})
    else:
        words, options = words_and_options(term)
        if words:
            raise call.fail(
                f"{words[0]!r} has an invalid value", "Write start=1 end=9 stride=2 format=%02d, or 1-9/2:%02d."
            )
        given.update(options)
    if unknown := set(given) - set(SEQUENCE):
        raise call.fail(f"unrecognized arguments to with_sequence: {', '.join(map(repr, sorted(unknown)))}")
    start, stride = _number(call, given.get("start", 1)), _number(call, given.get("stride", 1))
    end, count = given.get("end"), given.get("count")
    if end is None and count is None:
        raise call.fail("must specify count or end in with_sequence")
    if end is not None and count is not None:
        raise call.fail("can't specify both count and end in with_sequence")
    if count is not None:
        number = _number(call, count)
        last = (
            start + number * stride - 1
        )  # also for a negative stride: there Ansible's 'count' gives more than that many
        values = range(start, last + (1 if stride > 0 else -1), stride) if number and stride else range(0)
    else:
        last = _number(call, end)
        if (stride > 0 and last < start) or (stride < 0 and last > start):
            raise call.fail(
                "to count backwards make stride negative"
                if stride > 0
                else "to count forward don't make stride negative"
            )
        values = range(start, last + (1 if stride > 0 else -1), stride) if stride else range(0)
    form = str(given.get("format", "%d"))
    if values[bounds.MOST_ITEMS :]:  # len() of a longer range may not fit a machine word
        raise call.fail(f"it stands for more than {bounds.MOST_ITEMS:,} numbers")
    bounds.check_widths(form)
    try:
        return [form % value for value in values]
    except (TypeError, ValueError) as exc:
        raise call.fail(f"bad formatting string: {form} ({exc})") from None


def _number(call: LookupCall, value: Any) -> int:
    try:
        return int(str(value), 0) if not isinstance(value, int) else value
    except ValueError:
        try:
            return int(str(value))  # 010: no octal of Python's
        except ValueError:
            raise call.fail(f"{value!r} has an invalid value: it is not a whole number") from None


def inventory_hostnames(call: LookupCall) -> list[Any]:
    hosts = call.templates.services.hosts
    if hosts is None:
        raise call.fail("there is no inventory here")
    return [name for term in call.terms for name in hosts(str(term))]


LOOKUPS: Final[dict[str, Callable[[LookupCall], list[Any]]]] = {
    "dict": dict_,
    "env": env,
    "indexed_items": indexed_items,
    "inventory_hostnames": inventory_hostnames,
    "items": items,
    "list": list_,
    "nested": nested,
    "random_choice": random_choice,
    "sequence": sequence,
    "subelements": subelements,
    "together": together,
    "varnames": varnames,
    "vars": vars_,
}
