"""Filters of sets, numbers and chance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from random import Random, SystemRandom
from typing import Any, Final

from jinja2 import pass_environment
from jinja2.filters import do_unique

from hotdesk.variables.blocking import tick


@pass_environment
def unique(environment: Any, value: Any, case_sensitive: bool | None = None, attribute: Any = None) -> list[Any]:
    """Each element once, the first one stays; text is compared without regard to case unless told."""
    items = list(value)
    try:
        return list(do_unique(environment, items, bool(case_sensitive), attribute))
    except TypeError:  # elements that have no hash: dicts and lists
        if attribute is not None or case_sensitive is False:
            raise
        return _once(items)


def _once(items: list[Any]) -> list[Any]:
    result: list[Any] = []
    try:
        return list(dict.fromkeys(items))
    except TypeError:
        for item in items:
            tick()
            if item not in result:
                result.append(item)
        return result


def holds(values: Any) -> Callable[[Any], bool]:
    """Whether something is among ``values``: found by its hash where all have one, else by a look at each."""
    items = list(values)
    try:
        by_hash = frozenset(items)
    except TypeError:  # dicts and lists
        by_hash = None

    def among(item: Any) -> bool:
        tick()
        if by_hash is not None:
            try:
                return item in by_hash
            except TypeError:
                pass
        return item in items

    return among


def union(first: Any, second: Any) -> list[Any]:
    return _once([*first, *second])


def intersect(first: Any, second: Any) -> list[Any]:
    return _once(list(filter(holds(second), first)))


def difference(first: Any, second: Any) -> list[Any]:
    return _once(list(itertools.filterfalse(holds(second), first)))


def symmetric_difference(first: Any, second: Any) -> list[Any]:
    one, other = list(first), list(second)
    in_one, in_other = holds(one), holds(other)
    return _once([item for item in [*one, *other] if in_one(item) != in_other(item)])


def log(value: float, base: float = math.e) -> float:
    return math.log10(value) if base == 10 else math.log(value, base)


def power(value: float, exponent: float) -> float:
    return float(math.pow(value, exponent))


def root(value: float, base: float = 2) -> float:
    return math.sqrt(value) if base == 2 else math.pow(value, 1.0 / float(base))


def _chance(seed: Any) -> Random:
    return SystemRandom() if seed is None else Random(seed)


def random(end: Any, start: int | None = None, step: int | None = None, seed: Any = None) -> Any:
    """A number below ``end``, or one element of a list."""
    chance = _chance(seed)
    if isinstance(end, int):
        return chance.randrange(start or 0, end, step or 1)
    if start is not None or step is not None:
        raise TypeError("start and step can only be used with a number")
    if isinstance(end, Mapping) or not hasattr(end, "__iter__"):
        raise TypeError(f"random needs a number or a list, not {type(end).__name__}")
    return chance.choice(list(end))


def shuffle(value: Any, seed: Any = None) -> Any:
    items = list(value)
    _chance(seed).shuffle(items)
    return items


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "difference": difference,
    "intersect": intersect,
    "log": log,
    "pow": power,
    "random": random,
    "root": root,
    "shuffle": shuffle,
    "symmetric_difference": symmetric_difference,
    "union": union,
    "unique": unique,
}
