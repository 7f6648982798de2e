"""``@frozen``: what ``@dataclass(frozen=True, slots=True)`` makes, in a quarter of the time.

``dataclass`` writes, compiles and runs the source of six methods for each class; for a hundred classes that was a third of what it takes to
start. Here it writes ``__init__`` alone, and all classes share the others. That nothing is assigned to is mypy's to say, not Python's: a
``__setattr__`` that refuses would have to be written for each class too, and makes each value take twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@overload
def frozen(cls: type[T], /) -> type[T]: ...
@overload
def frozen(*, kw_only: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: Any = None, /, *, kw_only: bool = False, eq: bool = True) -> Any:
    """A dataclass with slots, for values that nobody changes; ``kw_only`` and ``eq`` as ``dataclass`` has them."""
    if cls is None:
        return lambda cls: _frozen(cls, kw_only, eq)
    return _frozen(cls, kw_only, eq)


def _frozen(cls: type[Any], kw_only: bool, eq: bool) -> type[Any]:
    cls.__doc__ = cls.__doc__ or cls.__name__  # else dataclass puts the signature there, which it has to look for
    shared = {"__repr__": _repr, **({"__eq__": _eq, "__hash__": _hash} if eq else {})}
    missing = {name: method for name, method in shared.items() if cls.__dict__.get(name) is None}
    made = dataclass(slots=True, kw_only=kw_only, eq=False, repr=False)(cls)
    for name, method in missing.items():
        setattr(made, name, method)
    return made


_parts: dict[type[Any], Callable[[Any], Any]] = {}
"""Class -> what gives the fields of an instance that are compared."""


def _compared(value: Any) -> Any:
    kind = type(value)
    try:
        return _parts[kind](value)
    except KeyError:
        names = [each.name for each in fields(kind) if each.compare]
        _parts[kind] = attrgetter(*names) if names else _nothing
    return _parts[kind](value)


def _nothing(value: Any) -> tuple[()]:
    return ()


def _eq(self: Any, other: object) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    return self is other or _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({shown})"
