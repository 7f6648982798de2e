"""INI inventories."""

from __future__ import annotations

from typing import Any

import pytest

from hotdesk.errors import InventoryError
from hotdesk.inventory.ini import literal
from hotdesk.place import Place
from hotdesk.source import Trusted

from .conftest import from_ini


def test_hosts_groups_and_variables_are_read() -> None:
    """Sections, inline variables, quotes and comments."""
    found = from_ini(
        "# comment\nfirst\n[web]  # here\na x=1 y='two words' z=\"{{ t }}\" # c\nb:2222\n; c\n[web:vars]\nk = v w\nn=[1, 'x']\n[all:vars]\nq=no\n"
    )
    assert found.groups["ungrouped"].hosts == ("first",)
    assert found.groups["web"].hosts == ("a", "b")
    assert {key: value for key, value in found.hosts["a"].vars.items() if len(key) == 1} == {
        "x": 1,
        "y": "two words",
        "z": "{{ t }}",
    }
    assert found.hosts["b"].vars["ansible_port"] == 2222
    assert found.groups["web"].vars == {"k": "v w", "n": [1, "x"]}
    assert found.groups["all"].vars == {"q": "no"}
    assert found.hosts["a"].place == Place("hosts", 4, 1)


def test_values_are_the_users_text() -> None:
    """So they may be templates, and know where they stand."""
    value = from_ini("a z='{{ t }}'").hosts["a"].vars["z"]
    assert isinstance(value, Trusted)
    assert value.place == Place("hosts", 1, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("007", "007"),
        ("True", True),
        ("true", "true"),
        ("None", None),
        ("(1, 2)", [1, 2]),
        ("{'a': (1,)}", {"a": [1]}),
        ("b'x'", "x"),
        ("...", "..."),
        ("1j", "1j"),
        ("{[]: 1}", "{[]: 1}"),
        ("a b", "a b"),
        ("", ""),
    ],
)
def test_a_value_is_a_python_literal_or_text(text: str, value: Any) -> None:
    """As Ansible documents it."""
    assert literal(text, None) == value


def test_groups_may_be_declared_after_their_use() -> None:
    """Children and variables can come first."""
    found = from_ini("[top:children]\nlow\n[low:vars]\nx=1\n[low]\na\n")
    assert found.groups["top"].children == ("low",)
    assert found.groups["low"].vars == {"x": 1}
    assert found.groups["low"].depth == 2
    assert found.hosts["a"].groups == ("all", "top", "low")


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("[web]\na\n[top:children]\nwbe\n", 4, 1, "Did you mean 'web'"),
        ("[web]\na\n[wbe:vars]\nx=1\n", 3, 1, "Did you mean 'web'"),
        ("[web:childen]\n", 1, 6, "Did you mean 'children'"),
        ("[we b]\n", 1, 1, "without spaces"),
        ("a b\n", 1, 3, "key=value"),
        ("  a x='1\n", 1, 3, "quote"),
        ("[g:vars]\nx\n", 2, 1, "key=value"),
        ("[g]\n[g:children]\ng\n", 3, 1, "cannot be a child"),
        ("[a:children]\nb\n[b:children]\nc\n[c:children]\na\n", 6, 1, "circle"),
        ("h[1:2\n", 1, 1, "bracket"),
        ("---\n", 1, 1, "YAML"),
        ("[g]\n[g:vars]\nansible_group_priority=high\n", 3, 1, "whole number"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, line: int, column: int, says: str) -> None:
    """File, line, column and the remedy."""
    with pytest.raises(InventoryError) as found:
        from_ini(text)
    assert found.value.place == Place("hosts", line, column)
    assert says in found.value.explain()
