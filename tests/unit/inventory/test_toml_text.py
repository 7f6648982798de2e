"""Writing TOML: what Python's own reader reads back."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotdesk.inventory.toml_text import to_toml

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_written_is_read_back(data: dict[str, object]) -> None:
    """Any names, texts, numbers, lists and mappings."""
    assert tomllib.loads(to_toml(data)) == data


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"web": {"hosts": {"a b": {"x": 1}, "c": {}}}}, '[web.hosts."a b"]\nx = 1\n\n[web.hosts.c]\n'),
        ({"a": None, "b": [None, {"c": None, "d": True}]}, "b = [{d = true}]\n"),
    ],
)
def test_tables_have_their_names(data: dict[str, object], text: str) -> None:
    """A table that has nothing but tables needs no line of its own; there is no null."""
    assert to_toml(data) == text
