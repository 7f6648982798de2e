"""Bars of a timeline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotdesk.report.bars import WIDTH, Row, Scale


def test_what_is_wide_enough_stays_by_itself() -> None:
    """Two long tasks, one after the other, and a short one far away."""
    row, scale = Row(), Scale(0, 100)
    row.add(scale, 0, 40, "ok", "first")
    row.add(scale, 41, 80, "changed", "second")
    row.add(scale, 99, 99.01, "failed", "third")
    assert [(bar.begin, bar.end, bar.kind, bar.label) for bar in row.bars] == [
        (0, 400, "ok", "first"),
        (410, 800, "changed", "second"),
        (990, 992, "failed", "third"),
    ]


def test_what_is_narrow_is_merged_and_the_worst_and_the_longest_are_told() -> None:
    """Five short tasks at one place, of which one failed."""
    row, scale = Row(), Scale(0, 1000)
    for number, kind in enumerate(("ok", "changed", "failed", "ok", "ok")):
        row.add(scale, number / 10, number / 10 + (0.2 if number == 3 else 0.1), kind, f"task {number}")
    (bar,) = row.bars
    assert (bar.kind, bar.label, bar.count) == ("failed", "task 3", 5)


@pytest.mark.parametrize("grain", [4, 25])
def test_a_row_never_has_more_than_fits(grain: int) -> None:
    """However many tasks there were."""
    row, scale = Row(), Scale(0, 5000, grain)
    for number in range(5000):
        row.add(scale, number, number + 0.5, "ok", "x")
    assert len(row.bars) <= 2 * WIDTH / grain


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), max_size=50), st.floats(0, 1e4))
def test_no_task_is_lost_and_no_bar_leaves_its_row(times: list[tuple[float, float]], end: float) -> None:
    """In the order of their ends, also those that overlap, and in a run that took no time."""
    row, scale = Row(), Scale(0, end)
    for begin, duration in sorted(times, key=sum):
        row.add(scale, begin, begin + duration, "ok", "x")
    assert all(0 <= bar.begin < bar.end <= WIDTH + 2 for bar in row.bars)
    assert sum(bar.count for bar in row.bars) == len(times)
