"""Host patterns choose hosts as Ansible documents it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotdesk.errors import InventoryError
from hotdesk.inventory.patterns import find_host, in_order, members, select, split
from hotdesk.place import Place
from hotdesk.source import Trusted

from .conftest import from_ini

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.inventory.model import Inventory


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all", "loose w1 w2 w3 w4 d1 d2"),
        ("*", "loose w1 w2 w3 w4 d1 d2"),
        ("web", "w1 w2 w3 w4"),
        ("site", "w1 w2 w3 w4 d1 d2"),
        ("w2", "w2"),
        ("d2,w1", "d2 w1"),
        ("d2:w1", "d2 w1"),
        ("web,w1", "w1 w2 w3 w4"),
        ("web:&db", "w4"),
        ("web:!db", "w1 w2 w3"),
        ("!db:web", "w1 w2 w3"),
        ("!site", "loose"),
        ("&db", "w4 d1 d2"),
        ("w*:!w[!24]", "w2 w4"),
        ("[vw][1-2]*", "w1 w2"),
        ("web[0]", "w1"),
        ("web[-1]", "w4"),
        ("web[1:2]", "w2 w3"),
        ("web[2:]", "w3 w4"),
        ("web[0:0]", "w1"),
        ("web[7:9]", ""),
        ("~w[1-2]", "w1 w2"),
        ("~(d1|loose)$", "loose d1"),
        ("empty", ""),
        ("ungrouped", "loose"),
        ("localhost", "localhost"),
        (["web", "!w1"], "w2 w3 w4"),
        ("?1", "w1 d1"),
    ],
)
def test_a_pattern_selects(site: Inventory, pattern: Any, hosts: str) -> None:
    """Hosts come in the order of the terms, then of the inventory."""
    assert sorted(select(site, pattern)) == sorted(hosts.split())
    if pattern not in ("~(d1|loose)$", "?1"):
        assert select(site, pattern) == hosts.split()


def test_a_limit_only_takes_away(site: Inventory, tmp_path: Path) -> None:
    """--limit has the same patterns, and @file."""
    assert select(site, "web", limit="w2:d1") == ["w2"]
    assert select(site, "site", limit="!web") == ["d1", "d2"]
    path = tmp_path / "retry"
    path.write_text("# comment\nw1\n\nd1,d2\n")
    assert select(site, "site", limit=f"@{path}") == ["w1", "d1", "d2"]
    with pytest.raises(InventoryError, match="limit file"):
        select(site, "all", limit=f"@{path}.gone")


@pytest.mark.parametrize("pattern", ["wbe", "all:!wbe", "all:&wbe", "wbe[0]"])
def test_an_unknown_name_is_an_error_with_the_nearest(site: Inventory, pattern: str) -> None:
    """Also where it would only exclude: a misspelt exclusion excludes nothing."""
    with pytest.raises(InventoryError) as found:
        select(site, Trusted(pattern, Place("p.yml", 1, 10)))
    assert "Did you mean 'web'" in found.value.explain()
    assert found.value.place == Place("p.yml", 1, 10)


def test_settings_can_make_it_a_warning(site: Inventory) -> None:
    """As Ansible does by default; a pattern with wildcards never is an error."""
    told: list[str] = []
    assert select(site, "wbe:w1", mismatch="warning", warn=lambda text, place: told.append(text)) == ["w1"]
    assert "web" in told[0]
    assert select(site, "x*", warn=lambda text, place: told.append(text)) == []
    assert len(told) == 2
    assert select(site, "wbe", mismatch="ignore", warn=lambda text, place: told.append(text)) == []
    assert len(told) == 2


def test_a_guarded_name_is_an_error_where_it_does_harm(site: Inventory) -> None:
    """A name among others is a warning; a misspelt exclusion would exclude nobody, and a pattern that finds nobody would do nothing."""
    told: list[str] = []
    for pattern, hosts in (
        ("wbe:w1", ["w1"]),
        ("w1:&wbe:w2", None),
        ("w1:wbe:!w2", ["w1"]),
        ("web:!wbe", None),
        ("wbe[0]", None),
    ):
        told.clear()
        if hosts is None:
            with pytest.raises(InventoryError, match="'wbe'"):
                select(site, pattern, mismatch="guarded", warn=lambda text, place: told.append(text))
        else:
            assert select(site, pattern, mismatch="guarded", warn=lambda text, place: told.append(text)) == hosts
            assert ["'wbe'" in text for text in told] == [True]


@pytest.mark.parametrize("pattern", ["web[9]", "web[-9]", "~[", "~("])
def test_a_pattern_that_cannot_be_is_an_error(site: Inventory, pattern: str) -> None:
    """An index beyond the group, a broken expression."""
    with pytest.raises(InventoryError):
        select(site, pattern)


def test_localhost_always_exists(site: Inventory) -> None:
    """Unless the inventory has one, it is the local machine with this very Python."""
    found = find_host(site, "127.0.0.1")
    assert found is not None
    assert found.vars["ansible_connection"] == "local"
    assert found.vars["ansible_python_interpreter"] == sys.executable
    assert found.groups == ("all",)
    assert find_host(site, "gone") is None
    assert "localhost" not in select(site, "all")
    own = find_host(from_ini("127.0.0.1 x=1\n"), "localhost")
    assert own is not None
    assert own.name == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a,b", ["a", "b"]),
        ("a:b", ["a", "b"]),
        ("a:&b:!c", ["a", "&b", "!c"]),
        ("a[1:3]:b", ["a[1:3]", "b"]),
        ("fe80::1", ["fe80::1"]),
        ("fe80::1, b", ["fe80::1", "b"]),
        (" a , , b ", ["a", "b"]),
        ("", []),
    ],
)
def test_a_pattern_is_split_into_terms(text: str, terms: list[str]) -> None:
    """Colons of addresses and subscripts do not separate."""
    assert split(text) == terms


@pytest.mark.parametrize(
    ("order", "hosts"),
    [
        (None, "b a c"),
        ("inventory", "b a c"),
        ("reverse_inventory", "c a b"),
        ("sorted", "a b c"),
        ("reverse_sorted", "c b a"),
    ],
)
def test_a_play_may_have_an_order(order: str | None, hosts: str) -> None:
    """Ansible's five; shuffle keeps the set."""
    assert in_order(["b", "a", "c"], order) == hosts.split()
    assert sorted(in_order(["b", "a", "c"], "shuffle")) == ["a", "b", "c"]
    with pytest.raises(InventoryError, match="no order") as found:
        in_order([], "sortd")
    assert "sorted" in found.value.remedy


_names = st.sampled_from(["all", "web", "db", "site", "loose", "w1", "w*", "~d", "ungrouped"])


@given(_names, _names, _names)
def test_terms_combine_like_sets(one: str, two: str, three: str) -> None:
    """Union, intersection and difference, whatever their order; nothing comes twice."""
    site = from_ini("loose\n[web]\nw[1:4]\n[db]\nw4\nd1\nd2\n[site:children]\nweb\ndb\n")
    found = select(site, f"!{three},{one},&{two}")
    a, b, c = (set(select(site, term)) for term in (one, two, three))
    assert set(found) == (a & b) - c
    assert len(found) == len(set(found))


def test_members_are_the_groups_own_first(site: Inventory) -> None:
    """Then level by level, each host once."""
    assert members(site, "site") == ["w1", "w2", "w3", "w4", "d1", "d2"]
