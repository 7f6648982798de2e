"""The soak's verdict: what has grown is found, and what differs from round to round is not taken for growth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.soak.stock import LEAK, MIB, Stock, grown

HELD = {"descriptors": 7, "tasks": 0, "threads": 8, "objects": 50_000, "memory": 70 * MIB}
FIRST = Stock(
    resident=HELD,
    alone={"folder": 60 * MIB},
    processes=9,
    marked=0,
    remote=frozenset({"pc1:/tmp/a"}),
    local=frozenset(),
    logs=32,
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"resident": {**HELD, "descriptors": 8}}, "descriptors: 7 at first, 8 at last"),
        ({"resident": {**HELD, "tasks": 1}}, "tasks: 0 at first, 1 at last"),
        ({"resident": {**HELD, "memory": 70 * MIB + 2 * LEAK}}, "the long-lived process has 4.0 MiB more"),
        ({"resident": {**HELD, "objects": 60_000}}, "objects: 50000"),
        ({"alone": {"folder": 70 * MIB}}, "a run of folder by itself: 60.0 MiB"),
        ({"processes": 10}, "processes: 9 at first, 10 at last"),
        ({"marked": 1}, "1 of runs"),
        ({"remote": frozenset({"pc1:/tmp/a", "pc1:/tmp/b"})}, "1 paths more there: pc1:/tmp/b"),
        ({"local": frozenset({"tmp/x"})}, "1 paths more here: tmp/x"),
    ],
)
def test_what_grew_is_named(change: dict[str, Any], said: str) -> None:
    """Each thing in a sentence of its own."""
    (found,) = grown(FIRST, replace(FIRST, **change))
    assert said in found


def test_a_little_more_memory_more_run_logs_and_fewer_of_anything_are_no_growth() -> None:
    """The allocator keeps more or less from round to round; the newest 50 logs are kept."""
    last = {**HELD, "memory": 71 * MIB, "objects": 50_100, "threads": 7}
    assert grown(FIRST, replace(FIRST, resident=last, logs=50, remote=frozenset(), processes=8)) == []
