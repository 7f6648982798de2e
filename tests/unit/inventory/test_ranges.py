"""Host names with ranges and ports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotdesk.errors import InventoryError
from hotdesk.inventory.ranges import expand, split_port


@pytest.mark.parametrize(
    ("text", "names", "port"),
    [
        ("h", ["h"], None),
        ("h:22", ["h"], 22),
        ("h[1:3]", ["h1", "h2", "h3"], None),
        ("h[01:10:4].x:2222", ["h01.x", "h05.x", "h09.x"], 2222),
        ("[a:c]", ["a", "b", "c"], None),
        ("h[:2]", ["h0", "h1", "h2"], None),
        ("a[1:2]-[x:y]", ["a1-x", "a1-y", "a2-x", "a2-y"], None),
        ("10.0.0.[8:9]", ["10.0.0.8", "10.0.0.9"], None),
        ("fe80::1", ["fe80::1"], None),
        ("::", ["::"], None),
    ],
)
def test_a_pattern_becomes_its_hosts(text: str, names: list[str], port: int | None) -> None:
    """In order, with leading zeros kept."""
    assert expand(text) == (names, port)


def test_a_port_after_an_ipv6_address_needs_brackets() -> None:
    """As in a URL."""
    assert split_port("[::1]:22") == ("::1", 22)
    assert split_port("fe80::22") == ("fe80::22", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("h[1]", "begin:end"),
        ("h[1:2:3:4]", "begin:end"),
        ("h[1:]", "end is missing"),
        ("h[3:1]", "begins after"),
        ("h[01:100]", "same number of digits"),
        ("h[1:b]", "two numbers or two letters"),
        ("h[1:3:0]", "at least 1"),
        ("h[1:3:x]", "not a number"),
        ("h[1:3", "without its pair"),
        ("h:", "ends with"),
        ("h:99999", "65535"),
        ("h[1:99999999]", "1,000,000"),
        ("h[1:2000][1:2000]", "1,000,000"),
    ],
)
def test_a_bad_range_is_an_error(text: str, says: str) -> None:
    """That says what is wrong with it."""
    with pytest.raises(InventoryError, match=says):
        expand(text)


@given(st.integers(0, 500), st.integers(0, 60), st.integers(1, 7), st.integers(1, 5))
def test_a_numeric_range_counts_as_python_does(first: int, more: int, step: int, width: int) -> None:
    """Its end is included; zeros pad when it begins with one."""
    last = first + more
    begin, end = str(first).zfill(width), str(last).zfill(width)
    if len(begin) != len(end) and begin.startswith("0") and len(begin) > 1:
        return
    names, _ = expand(f"h[{begin}:{end}:{step}]")
    assert [int(name[1:]) for name in names] == list(range(first, last + 1, step))
    if begin.startswith("0"):
        assert {len(name) - 1 for name in names if len(begin) > 1} <= {len(begin)}
