"""The one mutable inventory: sources are read into it one after the other, then it is frozen (``Builder.build``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InventoryError
from hotdesk.inventory.model import Group, Host, Inventory
from hotdesk.inventory.names import check_name
from hotdesk.source import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hotdesk.inventory.model import VarsFiles
    from hotdesk.place import Place

_UNUSUAL = re.compile(r"^[^A-Za-z_]|[^A-Za-z0-9_]")
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(slots=True)
class _Group:
    place: Place | None
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Place | None] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)
    priority: int = 1


@dataclass(slots=True)
class _Host:
    place: Place | None
    vars: dict[str, Any]


class Builder:
    """Takes what the parsers find. ``source`` is what is being read: hosts first seen in it get ``inventory_file`` and ``_dir``."""

    def __init__(self, *, merge: bool = False, warn: Callable[[str, Place | None], None] | None = None) -> None:
        self.groups: dict[str, _Group] = {"all": _Group(None), "ungrouped": _Group(None)}
        self.hosts: dict[str, _Host] = {}
        self.groups["all"].children["ungrouped"] = None
        self.source: tuple[str, str] | None = None
        self._merge = merge
        self._warn = warn or (lambda text, place: None)
        self._checked: set[str] = set()

    def add_group(self, name: Any, place: Place | None = None) -> str:
        """Make the group if it is new; gives its name. Raises InventoryError for a name that is not text."""
        if not isinstance(name, str) or not name:
            raise InventoryError(
                f"a group's name must be text, not {name!r}", place=place, remedy="Put quotes around it."
            )
        group = str(name)
        if group not in self.groups:
            if unusual := _UNUSUAL.findall(group):
                self._warn(
                    f"the group name {name!r} holds {' '.join(sorted(set(unusual)))!r}: it is no variable name", place
                )
            self.groups[group] = _Group(place)
        return group

    def add_host(
        self, name: str, group: str | None = None, place: Place | None = None, port: int | None = None
    ) -> None:
        """Make the host if it is new, and put it into ``group``."""
        name = str(name)
        if name not in self.hosts:
            file, folder = self.source or (None, None)
            self.hosts[name] = _Host(place, {"inventory_file": file, "inventory_dir": folder})
        if port is not None:
            self.hosts[name].vars["ansible_port"] = port
        if group is not None:
            self.groups[group].hosts.setdefault(name)

    def add_child(self, group: str, child: str, place: Place | None = None) -> None:
        """Put one group into another. Raises InventoryError if that would make a circle."""
        if child == "all" or child == group or self._reaches(child, group):
            message = f"the group {child!r} cannot be a child of {group!r}: {group!r} is in it"
            raise InventoryError(message, place=place, remedy="Groups may not contain each other in a circle.")
        self.groups[group].children.setdefault(child, place)

    def _reaches(self, start: str, wanted: str) -> bool:
        seen, ahead = {start}, [start]
        while ahead:
            for child in self.groups[ahead.pop()].children:
                if child == wanted:
                    return True
                if child not in seen:
                    seen.add(child)
                    ahead.append(child)
        return False

    def set_group_vars(self, group: str, variables: Mapping[Any, Any], place: Place | None = None) -> None:
        """Variables of a group (at ``place``), later ones winning; ``ansible_group_priority`` is the group's priority (only here, as in Ansible)."""
        target = self.groups[group]
        for key, value in variables.items():
            if key == "ansible_group_priority":
                target.priority = _priority(value, place_of(key))
            else:
                self._set(target.vars, key, value, place)

    def set_host_vars(self, host: str, variables: Mapping[Any, Any], place: Place | None = None) -> None:
        """Variables of a host (at ``place``), later ones winning."""
        target = self.hosts[host].vars
        for key, value in variables.items():
            self._set(target, key, value, place)

    def _set(self, target: dict[str, Any], key: Any, value: Any, place: Place | None) -> None:
        if not isinstance(key, str):
            raise InventoryError(
                f"a variable's name must be text, not {key!r}",
                place=place_of(value) or place,
                remedy="Put quotes around it.",
            )
        if key not in self._checked:
            self._checked.add(key)
            if hint := check_name(key):
                self._warn(hint, place_of(key))
        target[key] = merged(target.get(key), value) if self._merge else value

    def build(self, sources: Iterable[str], vars_files: Iterable[VarsFiles] = ()) -> Inventory:
        """The frozen inventory, with Ansible's rules for ``all`` and ``ungrouped`` kept."""
        self._adopt_orphans()
        for name in self.hosts.keys() & self.groups.keys():
            self._warn(f"{name!r} is the name of a group and of a host", self.hosts[name].place)
        return self.so_far(sources, vars_files)

    def so_far(self, sources: Iterable[str] = (), vars_files: Iterable[VarsFiles] = ()) -> Inventory:
        """What has been read until now, frozen; groups without a parent count as children of ``all``."""
        children = {name: tuple(group.children) for name, group in self.groups.items()}
        depths = depths_of({**children, "all": tuple(name for name in children if name != "all")})
        groups = {
            name: Group(
                name=name,
                hosts=tuple(group.hosts),
                children=children[name],
                vars=group.vars,
                depth=depths[name],
                priority=group.priority,
                place=group.place,
            )
            for name, group in self.groups.items()
        }
        member_of = memberships(groups)
        hosts = {
            name: Host(name=name, vars=host.vars, groups=member_of.get(name, ("all",)), place=host.place)
            for name, host in self.hosts.items()
        }
        return Inventory(hosts=hosts, groups=groups, sources=tuple(sources), vars_files=tuple(vars_files))

    def _adopt_orphans(self) -> None:
        """Every group is below ``all``, every host without a group of its own is in ``ungrouped``."""
        parented = {child for group in self.groups.values() for child in group.children}
        for name in self.groups:
            if name != "all" and name not in parented:
                self.groups["all"].children.setdefault(name, None)
        special = ("all", "ungrouped")
        grouped = {host for name, group in self.groups.items() if name not in special for host in group.hosts}
        ungrouped = self.groups["ungrouped"].hosts
        for host in [host for host in ungrouped if host in grouped]:
            del ungrouped[host]
        for host in self.hosts:
            if host not in grouped:
                ungrouped.setdefault(host)


def _priority(value: Any, place: Place | None) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InventoryError(f"ansible_group_priority must be a whole number, not {value!r}", place=place) from None


def merged(old: Any, new: Any) -> Any:
    """``hash_behaviour: merge``: mappings are merged to any depth, everything else is replaced."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    result = dict(old)
    for key, value in new.items():
        result[key] = merged(result.get(key), value)
    return result


def depths_of(children: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """The longest way from ``all`` to each group (the graph has no circles)."""
    waiting = dict.fromkeys(children, 0)
    for names in children.values():
        for name in names:
            waiting[name] += 1
    depths = dict.fromkeys(children, 0)
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        for child in children[name]:
            depths[child] = max(depths[child], depths[name] + 1)
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    return depths


def memberships(groups: Mapping[str, Group]) -> dict[str, tuple[str, ...]]:
    """Every host -> all its groups in merge order: (depth, priority, name), so ``all`` first."""
    direct: dict[str, list[str]] = {}
    for name, group in groups.items():
        for host in group.hosts:
            direct.setdefault(host, []).append(name)
    above = parents_of(groups)
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    result = {}
    for host, names in direct.items():
        key = tuple(names)
        if key not in known:
            known[key] = merge_order(key, groups, above)
        result[host] = known[key]
    return result


def parents_of(groups: Mapping[str, Group]) -> dict[str, list[str]]:
    """Group -> the groups that have it as a child."""
    above: dict[str, list[str]] = {name: [] for name in groups}
    for name, group in groups.items():
        for child in group.children:
            above[child].append(name)
    return above


def merge_order(names: Iterable[str], groups: Mapping[str, Group], above: Mapping[str, list[str]]) -> tuple[str, ...]:
    """``names`` with all their ancestors, in merge order."""
    seen = {"all", *names}
    ahead = list(seen)
    while ahead:
        for parent in above[ahead.pop()]:
            if parent not in seen:
                seen.add(parent)
                ahead.append(parent)
    return tuple(sorted(seen, key=lambda name: (groups[name].depth, groups[name].priority, name)))
