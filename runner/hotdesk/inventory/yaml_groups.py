"""YAML inventories: groups with ``hosts``, ``children`` and ``vars``.

https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/yaml_inventory.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import InventoryError, nearest
from hotdesk.inventory.ranges import expand
from hotdesk.place import Place
from hotdesk.source import place_of

if TYPE_CHECKING:
    from hotdesk.inventory.builder import Builder

_KEYS = ("hosts", "children", "vars")


def parse_groups(data: Any, file: str, builder: Builder) -> None:
    """Read a loaded YAML document into ``builder``. Raises InventoryError with file:line:column."""
    if data is None:
        return
    if not isinstance(data, dict):
        raise InventoryError("an inventory is a mapping of groups", place=place_of(data) or Place(file, 1))
    for name, content in data.items():
        _group(name, content, builder, place_of(data))


def _group(name: Any, content: Any, builder: Builder, around: Place | None) -> str:
    """``around``: where the mapping stands that holds the group, for a name that is no text and so has no place."""
    place = place_of(name) or place_of(content) or around
    group = builder.add_group(name, place)
    if content is None:
        return group
    if not isinstance(content, dict):
        remedy = f"Inside a group stand {', '.join(_KEYS)}, each a mapping."
        raise InventoryError(f"the group {group!r} must be a mapping", place=place_of(content) or place, remedy=remedy)
    for key, section in content.items():
        if key not in _KEYS:
            known = nearest(str(key), _KEYS) or f"Known are {', '.join(_KEYS)}."
            raise InventoryError(f"a group has no {key!r}", place=place_of(key) or place, remedy=known)
        _section(group, key, section, builder)
    return group


def _section(group: str, key: str, section: Any, builder: Builder) -> None:
    if isinstance(section, str):
        section = {section: None}
    if section is None:
        return
    if not isinstance(section, dict):
        what = "a list" if isinstance(section, list) else f"{section!r}"
        remedy = "Write one 'name:' per line, without the leading '-'." if isinstance(section, list) else ""
        raise InventoryError(
            f"{key!r} of the group {group!r} must be a mapping, not {what}",
            place=place_of(section) or place_of(key),
            remedy=remedy,
        )
    if key == "vars":
        builder.set_group_vars(group, section, place_of(section))
    elif key == "children":
        for child, content in section.items():
            builder.add_child(group, _group(child, content, builder, place_of(section)), place_of(child))
    else:
        for pattern, variables in section.items():
            _host(group, pattern, variables, builder, place_of(pattern) or place_of(section))


def _host(group: str, pattern: Any, variables: Any, builder: Builder, place: Place | None) -> None:
    if not isinstance(pattern, str):
        raise InventoryError(
            f"a host's name must be text, not {pattern!r}", place=place, remedy="Put quotes around it."
        )
    if variables is not None and not isinstance(variables, dict):
        raise InventoryError(
            f"the variables of the host {pattern!s} must be a mapping", place=place_of(variables) or place
        )
    names, port = expand(pattern, place)
    for name in names:
        builder.add_host(name, group, place, port)
        if variables:
            builder.set_host_vars(name, variables, place_of(variables))
