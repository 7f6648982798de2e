"""Valid input for each door: the texts in ``seeds/``, and what a small grammar makes up."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import yaml
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


NAMES = st.sampled_from(("atlas", "borea", "corin", "pcs", "port", "greeting", "a", "_x1"))
TEXTS = st.sampled_from(("text", "two words", "{{ greeting }}", "{{ a | default('x') }}", "/etc/hosts", "é", "1", ""))
SCALARS = st.none() | st.booleans() | st.integers(-5, 70000) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
CONDITIONS = st.sampled_from((True, "a is defined", "a == 'x'", ["a is not defined", "not false"]))
ACTIONS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    (
        {"ping": None}, {"debug": {"msg": "{{ greeting }}"}}, {"command": "make all chdir=/src"}, {"ansible.builtin.copy": "src=a dest=b"},
        {"file": {"path": "/x", "state": "directory", "mode": "0755"}}, {"shell": "echo | cat", "args": {"creates": "/x"}},
        {"set_fact": {"a": 1}}, {"include_tasks": "more.yml"}, {"import_tasks": "more.yml"}, {"meta": "flush_handlers"},
        {"include_role": {"name": "common"}}, {"action": {"module": "stat", "path": "/x"}}, {"assert": {"that": ["a == 1"]}},
    )
)  # fmt: skip
ON_ALL = {
    "name": TEXTS,
    "vars": st.dictionaries(NAMES, VALUES, max_size=2),
    "tags": st.lists(NAMES, max_size=2),
    "when": CONDITIONS,
}


@st.composite
def task(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """A task, or a block of tasks."""
    common = draw(st.fixed_dictionaries({}, optional=ON_ALL))
    if depth and draw(st.integers(0, 4)) == 0:
        parts: dict[str, st.SearchStrategy[Any]] = {"block": st.lists(task(depth - 1), min_size=1, max_size=2)}
        optional: dict[str, Any] = {name: st.lists(task(depth - 1), max_size=2) for name in ("rescue", "always")}
        inner: dict[str, Any] = draw(st.fixed_dictionaries(parts, optional=optional))
        return {**common, **inner}
    return {**common, **draw(ACTIONS)}


@st.composite
def playbook(draw: st.DrawFn) -> str:
    """A valid playbook."""
    more = {
        "roles": st.lists(st.sampled_from(("common", {"role": "common", "greeting": "hi"})), max_size=2),
        "gather_facts": st.booleans(), "become": st.booleans(), "serial": st.sampled_from((1, "50%", [1, 2])),
        "strategy": st.sampled_from(("linear", "free")), "pre_tasks": st.lists(task(), max_size=2), "vars_files": st.just(["vars.yml"]),
        "handlers": st.just([{"name": "told", "ping": None}]), "environment": st.just({"LANG": "C"}),
    }  # fmt: skip
    keywords = {name: values for name, values in ON_ALL.items() if name != "when"}
    one = st.fixed_dictionaries(
        {"hosts": st.sampled_from(("all", "pcs:!atlas", ["atlas", "borea"]))},
        optional={**keywords, **more, "tasks": st.lists(task(), max_size=3)},
    )
    plays = draw(st.lists(one, min_size=1, max_size=2))
    return yaml.safe_dump(plays, sort_keys=False, default_flow_style=draw(st.booleans()), allow_unicode=True)


@st.composite
def inventory(draw: st.DrawFn) -> str:
    """A valid inventory in YAML."""
    hosts = st.dictionaries(
        st.sampled_from(("atlas", "pc[1:3]", "db-[a:c]:2200", "192.0.2.7")),
        st.none() | st.dictionaries(NAMES, VALUES, max_size=2),
        max_size=3,
    )
    group = st.fixed_dictionaries({}, optional={"hosts": hosts, "vars": st.dictionaries(NAMES, VALUES, max_size=2)})
    children = draw(st.dictionaries(st.sampled_from(("pcs", "laptops", "servers")), st.none() | group, max_size=3))
    top = {**draw(group), "children": children}
    return yaml.safe_dump({"all": top}, sort_keys=False, allow_unicode=True)


MADE_UP = {"playbook": playbook(), "inventory_yaml": inventory(), "role_tasks": st.lists(task(), max_size=4).map(yaml.safe_dump),
           "vars_file": st.dictionaries(NAMES, VALUES).map(yaml.safe_dump)}  # fmt: skip
"""What the grammar makes for a door."""


def inputs(door: str) -> st.SearchStrategy[bytes]:
    """Spoiled input for the door of that name."""
    if door == "frames":
        return framed()
    if door == "vault":
        return spoiled(st.just(envelope()))
    texts = st.sampled_from(seeds(door))
    return spoiled(texts | MADE_UP[door] if door in MADE_UP else texts)


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
