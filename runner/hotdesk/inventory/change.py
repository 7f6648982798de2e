"""What ``add_host`` and ``group_by`` do to an inventory: a new one is made, the old one stays.

The same object comes back when nothing changes, so ``is`` tells whether the task changed something.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InventoryError
from hotdesk.inventory.builder import depths_of, merge_order, parents_of
from hotdesk.inventory.model import Group, Host, Inventory
from hotdesk.results import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def with_host(
    inventory: Inventory, name: str, groups: Iterable[str] = (), variables: Mapping[str, Any] = EMPTY
) -> Inventory:
    """``inventory`` with that host in those groups (made if they are new), its variables added to what it had."""
    name = str(name)
    old = inventory.hosts.get(name)
    before = dict(old.vars) if old else {"inventory_file": None, "inventory_dir": None}
    after = {**before, **variables}
    wanted = [str(group) for group in groups if group != "all"]
    table = dict(inventory.groups)
    changed = old is None or after != before
    for group in wanted:
        changed |= _make(table, group)
        changed |= _put(table, group, name)
    if not changed:
        return inventory
    member_of = {*(old.groups if old else ()), *wanted} - {"all", "ungrouped"}
    _keep_ungrouped(table, name, alone=not member_of)
    direct = member_of or {"ungrouped"}
    ordered = merge_order(direct, table, parents_of(table))
    host = Host(name=name, vars=after, groups=ordered, place=old.place if old else None)
    return replace(inventory, groups=table, hosts={**inventory.hosts, name: host})


def with_group(inventory: Inventory, name: str, *, hosts: Iterable[str] = (), parents: Iterable[str] = ()) -> Inventory:
    """``inventory`` with that group, below ``parents`` (made if they are new), and ``hosts`` in it.

    Raises InventoryError when a parent already stands below the group.
    """
    name = str(name)
    hosts, parents = list(hosts), [str(parent) for parent in parents]
    table = dict(inventory.groups)
    changed = False
    linked = [parent for parent in parents if parent not in table or name not in table[parent].children]
    if name not in table:
        table[name] = Group(name=name, depth=1)
        changed = True
    for parent in linked:
        _make(table, parent)
        if parent == name or parent in _below(table, name):
            raise InventoryError(f"the group {name!r} cannot be a child of {parent!r}: {parent!r} is in it")
        table[parent] = replace(table[parent], children=(*table[parent].children, name))
        changed = True
    if not parents and not any(name in group.children for group in table.values()):
        table["all"] = replace(table["all"], children=(*table["all"].children, name))
        changed = True
    joined = [host for host in hosts if _put(table, name, host)]
    if not (changed or joined):
        return inventory
    return _with_memberships(inventory, table, name, joined, relinked=bool(linked))


def _with_memberships(
    inventory: Inventory, table: dict[str, Group], name: str, joined: list[str], *, relinked: bool
) -> Inventory:
    """``Host.groups`` again for whoever the change touches."""
    if relinked:
        depths = depths_of({group.name: group.children for group in table.values()})
        for group in list(table.values()):
            if group.depth != depths[group.name]:
                table[group.name] = replace(group, depth=depths[group.name])
    above = parents_of(table)
    hosts = dict(inventory.hosts)
    touched = {*joined, *(host.name for host in hosts.values() if name in host.groups)} if relinked else set(joined)
    for host_name in touched & hosts.keys():
        host = hosts[host_name]
        member_of = {*host.groups, *((name,) if host_name in joined else ())} - {"all", "ungrouped"}
        _keep_ungrouped(table, host_name, alone=not member_of)
        hosts[host_name] = replace(host, groups=merge_order(member_of, table, above))
    return replace(inventory, groups=table, hosts=hosts)


def _make(table: dict[str, Group], name: str) -> bool:
    if name in table:
        return False
    table[name] = Group(name=name, depth=1)
    table["all"] = replace(table["all"], children=(*table["all"].children, name))
    return True


def _put(table: dict[str, Group], group: str, host: str) -> bool:
    if host in table[group].hosts:
        return False
    table[group] = replace(table[group], hosts=(*table[group].hosts, host))
    return True


def _keep_ungrouped(table: dict[str, Group], host: str, *, alone: bool) -> None:
    ungrouped = table["ungrouped"]
    if alone and host not in ungrouped.hosts:
        table["ungrouped"] = replace(ungrouped, hosts=(*ungrouped.hosts, host))
    elif not alone and host in ungrouped.hosts:
        table["ungrouped"] = replace(ungrouped, hosts=tuple(one for one in ungrouped.hosts if one != host))


def _below(table: Mapping[str, Group], name: str) -> set[str]:
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        for child in table[ahead.pop()].children:
            if child not in seen:
                seen.add(child)
                ahead.append(child)
    return seen
