"""add_host and group_by make a new inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import InventoryError
from hotdesk.inventory.change import with_group, with_host
from hotdesk.inventory.patterns import members, select

if TYPE_CHECKING:
    from hotdesk.inventory.model import Inventory


def test_a_host_is_added_and_the_old_inventory_stays(site: Inventory) -> None:
    """With new and known groups and its variables."""
    found = with_host(site, "n", ["web", "new"], {"x": 1})
    assert "n" not in site.hosts
    assert found.hosts["n"].vars["x"] == 1
    assert found.hosts["n"].groups == ("all", "new", "site", "web")
    assert select(found, "new") == ["n"]
    assert members(found, "site")[-1] == "d2"
    assert "n" in members(found, "web")


def test_a_host_without_groups_is_ungrouped_until_it_has_one(site: Inventory) -> None:
    """Ansible's rule for ``ungrouped``."""
    alone = with_host(site, "n")
    assert alone.groups["ungrouped"].hosts == ("loose", "n")
    assert alone.hosts["n"].groups == ("all", "ungrouped")
    grouped = with_host(alone, "n", ["db"])
    assert grouped.groups["ungrouped"].hosts == ("loose",)


def test_nothing_new_gives_the_same_object(site: Inventory) -> None:
    """That is how a task knows whether it changed anything."""
    once = with_host(site, "n", ["web"], {"x": 1})
    assert with_host(once, "n", ["web"], {"x": 1}) is once
    assert with_host(once, "n", ["web"], {"x": 2}) is not once
    grouped = with_group(once, "g", hosts=["n"], parents=["p"])
    assert with_group(grouped, "g", hosts=["n"], parents=["p"]) is grouped


def test_a_group_gets_hosts_and_parents(site: Inventory) -> None:
    """And its hosts get the parents, in merge order."""
    found = with_group(site, "g", hosts=["loose", "d1"], parents=["p", "site"])
    assert found.hosts["loose"].groups == ("all", "p", "site", "g")
    assert found.groups["ungrouped"].hosts == ()
    assert found.groups["g"].depth == 2
    deeper = with_group(found, "p", parents=["q"])
    assert deeper.groups["g"].depth == 3
    assert "q" in deeper.hosts["d1"].groups
    assert members(deeper, "q") == ["loose", "d1"]


def test_a_group_that_is_there_gets_further_parents(site: Inventory) -> None:
    """Its hosts come along, and each parent it had stays; ``all`` counts as one, as it does for Ansible."""
    once = with_group(site, "g", hosts=["d1", "d2"], parents=["p"])
    again = with_group(once, "g", hosts=["d1"], parents=["q"])
    assert members(again, "p") == members(again, "q") == ["d1", "d2"]
    assert {"p", "q"} <= set(again.hosts["d2"].groups)
    assert with_group(again, "g", hosts=["d2"], parents=["q"]) is again
    top = with_group(again, "g", parents=["all"])
    assert top is not again
    assert top.hosts["d1"].groups == again.hosts["d1"].groups


def test_groups_make_no_circle(site: Inventory) -> None:
    """A parent below its child is refused."""
    with pytest.raises(InventoryError, match="cannot be a child"):
        with_group(site, "site", parents=["web"])
