"""Frozen values: the same as what the standard library's decorator makes, but for who says that nobody changes them."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from hotdesk.frozen import frozen


@frozen
class Point:
    """A value with defaults, with a field that is not compared and one that is not shown."""

    x: int
    y: int = 0
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)
    tags: list[str] = field(default_factory=list, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Standard:
    """``Point`` as dataclass makes it."""

    x: int
    y: int = 0
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)
    tags: list[str] = field(default_factory=list, compare=False, repr=False)


@frozen(kw_only=True)
class Named:
    name: str = ""


@frozen(kw_only=True)
class Derived(Named):
    more: int


@frozen(eq=False)
class Itself:
    x: int


@frozen
class Shown:
    x: int

    def __repr__(self) -> str:
        return "mine"

    def __eq__(self, other: object) -> bool:
        return True


@frozen
class Nothing:
    pass


def test_equality_and_hash_look_at_what_is_compared() -> None:
    """Two values with equal fields are one key; a field with compare=False makes no difference."""
    assert Point(1, note="a") == Point(1, note="b")
    assert len({Point(1, note="a"), Point(1, note="b"), Point(1, 2), Point(1, secret="s")}) == 3
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())


def test_other_classes_are_never_equal() -> None:
    """Also not one that inherits and has equal fields."""
    others: list[Any] = [Derived(more=1), Standard(1), 1]
    assert Named() not in others
    assert Point(1) not in others


def test_it_is_shown_like_the_standard_librarys() -> None:
    """The same text, without what has repr=False."""
    values: dict[str, Any] = {"y": 2, "secret": "hidden"}
    assert repr(Point(1, **values)) == repr(Standard(1, **values)).replace("Standard", "Point")
    assert "hidden" not in repr(Point(1, **values))


def test_without_eq_a_value_is_only_itself() -> None:
    """As for tasks: two of the same text are two."""
    one = Itself(1)
    assert one != Itself(1)
    assert len({one, Itself(1)}) == 2


def test_what_the_class_defines_stays() -> None:
    """Its own methods are not replaced."""
    assert repr(Shown(1)) == "mine"
    assert Shown(1) == Shown(2)


def test_the_standard_librarys_functions_know_it() -> None:
    """Fields, replace, asdict, copy and pickle work as with any dataclass."""
    value = Point(1, tags=["a"])
    assert [each.name for each in fields(Point)] == [each.name for each in fields(Standard)]
    assert replace(value, x=5) == Point(5)
    assert asdict(value) == asdict(Standard(1, tags=["a"]))
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_it_has_no_room_for_what_is_no_field() -> None:
    """A misspelled attribute is an error, as with slots."""
    with pytest.raises(AttributeError):
        setattr(Point(1), "z", 1)  # noqa: B010


def test_keywords_only() -> None:
    """A derived class may have a field without a default after one with it."""
    assert Derived(more=1).name == ""
    with pytest.raises(TypeError):
        Named("x")  # type: ignore[call-arg]
