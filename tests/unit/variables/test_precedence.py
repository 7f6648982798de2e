"""The 22 levels, group merge order, hash_behaviour."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.inventory.model import Group, Host, Inventory, VarsFiles
from hotdesk.source import Map, Trusted
from hotdesk.variables.precedence import LEVELS, ORDER, Layers, Sources, inventory_sources, layered
from hotdesk.variables.scope import Scope

if TYPE_CHECKING:
    from hotdesk.variables.templates import Templates


@pytest.mark.parametrize(("lower", "higher"), list(itertools.pairwise(ORDER)))
def test_each_level_beats_the_one_below(lower: str, higher: str) -> None:
    """The table's order is what counts, level by level."""
    layers = layered(Sources(**{higher: ({"x": higher},), lower: ({"x": lower, "only": lower},)}))
    assert (layers["x"], layers["only"]) == (higher, lower)


def test_the_table_has_ansibles_22_levels() -> None:
    """Numbered as in the documentation."""
    assert [number for number, _, _ in LEVELS] == list(range(1, 23))
    names = [name for _, name, _ in LEVELS]
    assert names[1] == "role_defaults"
    assert names[-1] == "extra_vars"
    assert names.index("facts") < names.index("play_vars") < names.index("role_vars") < names.index("set_facts")


def test_within_a_level_the_later_mapping_wins() -> None:
    """Inner blocks beat outer ones."""
    assert layered(Sources(block_vars=({"x": "outer"}, {"x": "inner"})))["x"] == "inner"


def inventory() -> Inventory:
    groups = {
        "all": Group(name="all", vars={"x": "all", "a": "all"}),
        "web": Group(name="web", vars={"x": "web", "a": "web", "w": "web"}, depth=1),
        "prod": Group(name="prod", vars={"x": "prod"}, depth=1, priority=10),
    }
    hosts = {"h": Host(name="h", vars={"host": "inventory"}, groups=("all", "web", "prod"))}
    files = VarsFiles(
        basedir=Path("inv"), groups={"all": {"a": "file-all", "w": "file-all"}}, hosts={"h": {"host": "file"}}
    )
    return Inventory(hosts=hosts, groups=groups, vars_files=(files,))


def test_groups_merge_in_their_order_and_files_beat_the_inventory() -> None:
    """group_vars/all beats every group of the inventory file; host_vars beat host variables."""
    play = VarsFiles(basedir=Path("play"), groups={"web": {"w": "play-web"}})
    layers = layered(inventory_sources(inventory(), "h", [play]))
    assert {name: layers[name] for name in ("x", "a", "w", "host")} == {
        "x": "prod",
        "a": "file-all",
        "w": "play-web",
        "host": "file",
    }


def test_an_implicit_host_has_the_variables_of_all() -> None:
    """localhost that stands in no inventory."""
    layers = layered(inventory_sources(inventory(), "localhost"))
    assert layers["x"] == "all"
    assert "w" not in set(layers) - {"w"}


def test_hash_behaviour_merge_merges_recursively() -> None:
    """Mappings of several levels become one; anything else is replaced."""
    sources = Sources(
        role_defaults=({"d": Map({"a": {"x": 1, "y": 1}, "b": 1})},),
        play_vars=({"d": Map({"a": {"y": 2}, "c": [3]})},),
        facts=({"d": {"c": [1]}},),
    )
    assert layered(sources, hash_behaviour="merge")["d"] == {"a": {"x": 1, "y": 2}, "b": 1, "c": [3]}
    assert layered(sources)["d"] == {"a": {"y": 2}, "c": [3]}


def test_layers_read_as_one_mapping() -> None:
    """Each name once, whatever number of layers has it."""
    layers = Layers(({"a": 1}, {"a": 2, "b": 3}))
    assert (sorted(layers), len(layers), dict(layers.above({"a": 0}))) == (["a", "b"], 2, {"a": 0, "b": 3})


async def test_role_defaults_are_lazy_and_see_what_overrides_them(templates: Templates) -> None:
    """A default written in terms of another sees the other's winning value."""
    sources: Any = Sources(
        role_defaults=({"dir": Trusted("/opt/{{ name }}"), "name": "default"},),
        extra_vars=({"name": Trusted("{{ 'extra' }}")},),
    )
    assert Scope(layered(sources), templates)["dir"] == "/opt/extra"


@pytest.mark.parametrize("merge", [False, True])
def test_all_of_them_at_once_are_what_reading_each_gives(merge: bool) -> None:
    """The highest layer wins also where the names come as one dict; merged mappings are merged there too."""
    layers = Layers(({"a": 1, "m": {"x": 1}}, {"a": 2, "b": 3, "m": {"y": 2}}), merge=merge)
    assert layers.as_dict() == {name: layers[name] for name in layers}
    assert layers.as_dict()["a"] == 1
