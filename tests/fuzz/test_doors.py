"""Spoiled input of every kind ends in one of our errors, with a place, in time. ``python -m tests.fuzz`` looks further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.doors import DOORS, Door
from tests.fuzz.grammar import MADE_UP, inputs
from tests.fuzz.judge import judge

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = 60
"""For each door: the whole folder takes seconds. The same ones every time."""


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_spoiled_input_is_an_error_that_can_be_acted_on(door: Door, tmp_path: Path) -> None:
    """Or no error at all, when it is still right."""

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(inputs(door.name))
    def each(data: bytes) -> None:
        judge(door, data, tmp_path)

    each()


@pytest.mark.parametrize("name", sorted(MADE_UP))
def test_what_the_grammar_makes_is_read(name: str, tmp_path: Path) -> None:
    """It is spoiled afterwards, so it must be right before."""

    @settings(max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(MADE_UP[name])
    def each(text: str) -> None:
        assert judge(DOORS[name], text.encode(), tmp_path) is None

    each()


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([name for name in DOORS if name != "playbook" and not name.startswith("role")]),
)
def test_anything_may_come(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    """Bytes that were never meant for that door."""
    judge(DOORS[name], data, tmp_path_factory.mktemp("any"))
