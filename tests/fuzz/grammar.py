"""Valid input for each door: the texts in ``seeds/``, and what a small grammar makes up."""

from __future__ import annotations

import struct
from pathlib import Path

from hypothesis import strategies as st

from hotdesk.agent.frames import pack
from tests.fuzz.doors import envelope
from tests.fuzz.mutation import spoiled

SEEDS = Path(__file__).with_name("seeds")
SAME_AS = {"inventory_plain": ("inventory_ini", "inventory_yaml"), "group_vars": ("vars_file",)}
"""Doors that read what another one reads."""


def seeds(door: str) -> list[str]:
    """The valid texts of a door."""
    found = [path for name in SAME_AS.get(door, (door,)) for path in sorted((SEEDS / name).glob("*"))]
    return [path.read_text(encoding="utf-8") for path in found]


def inputs(door: str) -> st.SearchStrategy[bytes]:
    """Spoiled input for the door of that name."""
    if door == "frames":
        return framed()
    if door == "vault":
        return spoiled(st.just(envelope()))
    return spoiled(st.sampled_from(seeds(door)))


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """Frames of odd values, with bytes changed, lost or added."""
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
    header = draw(st.dictionaries(st.text(), values, max_size=4))
    data = bytearray(pack({"id": 1, **header}, draw(st.binary(max_size=50))) * draw(st.integers(1, 3)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        how = draw(st.sampled_from(("set", "cut", "insert", "length", "text")))
        if how == "set":
            data[at] = draw(st.integers(0, 255))
        elif how == "cut":
            data = data[:at] + data[at + 1 :] or bytearray(b"\0")
        elif how == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        elif how == "length":
            data[:12] = struct.pack(">III", *(draw(st.sampled_from((0, 1, 2, 4, 1 << 28, 0xFFFFFFFF))) for _ in "abc"))
        else:
            text = draw(
                st.sampled_from(
                    (b"[]", b"1", b"null", b'"x"', b"{}", b"[" * 5000, b'{"a":NaN}', b'{"\0":0}', b'{"\\u0000":9}', b"")
                )
            )
            data = bytearray(struct.pack(">III", len(text), 0, 0) + text) + data
    return bytes(data)
