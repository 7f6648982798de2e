"""Shapes: what fits, and what is said of the rest."""

from __future__ import annotations

import pytest

from hotdesk.errors import TaskError
from hotdesk.shapes import expect, misfit

LOGIN = {"name": str, "uid?": int, "groups": [int]}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (1, int),
        (1, float),
        (1.5, float),
        (None, (str, None)),
        ({"a": {"b": [1]}}, {"a": object}),
        ([1, b"x", None], [int, bytes, (int, None)]),
        ([], [int]),
        ({"any": 1, "name": 2}, {str: int}),
        ({"name": "anna", "groups": [1, 2], "more": 1}, LOGIN),
    ],
)
def test_what_fits(value: object, shape: object) -> None:
    """Further names of a mapping do no harm; a ? may be missing."""
    assert misfit(value, shape) == ""


@pytest.mark.parametrize(
    ("value", "shape", "said"),
    [
        (True, int, "it is true or false (True), not a number"),
        (1 << 64, int, "it is a number (18446744073709551616), not a number"),
        (float("inf"), float, "it is a number (inf), not a number"),
        ("1", (int, None), "it is text ('1'), not a number or nothing"),
        ([1, "x"], [int], "it[1] is text ('x'), not a number"),
        ([1], [int, bytes], "it has 1 parts, not 2"),
        ({"name": "anna", "groups": ()}, LOGIN, "groups is tuple (()), not a list"),
        ({"groups": []}, LOGIN, "name is missing"),
        ({"a": {"b": 1}}, {"a": {"b": str}}, "a.b is a number (1), not text"),
    ],
)
def test_what_does_not_fit_is_named(value: object, shape: object, said: str) -> None:
    """With its place in the value."""
    assert misfit(value, shape).startswith(said)


def test_the_error_names_host_and_question() -> None:
    """It is one line however long the value is."""
    with pytest.raises(TaskError) as caught:
        expect("x" * 10**6, dict, "evil", "disk.measure")
    assert caught.value.message.startswith("evil: the answer to disk.measure is not one: it is text ('xxx")
    assert len(caught.value.message) < 250
