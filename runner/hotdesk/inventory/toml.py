"""TOML inventories: a table per group, with ``hosts``, ``children`` (a list) and ``vars``.

https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/toml_inventory.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import InventoryError, nearest
from hotdesk.inventory.ranges import expand
from hotdesk.place import Place
from hotdesk.source import trust

if TYPE_CHECKING:
    from hotdesk.inventory.builder import Builder

_KEYS = ("hosts", "children", "vars")


def parse_toml(text: str, file: str, builder: Builder) -> None:
    """Read ``text`` into ``builder``. Raises InventoryError; TOML's reader tells the place of a syntax error in its message only."""
    import tomllib  # late: few inventories are TOML

    place = Place(file)
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        why = "it is nested too deeply" if isinstance(problem, RecursionError) else str(problem)
        raise InventoryError(f"this is not TOML: {why}", place=place) from None
    if not data:
        raise InventoryError("the file is empty", place=place)
    if isinstance(data.get("plugin"), str):
        raise InventoryError("an inventory plugin is configured in YAML, not in TOML", place=place)
    for name, content in data.items():
        _group(name, content, builder, place)


def _group(name: str, content: Any, builder: Builder, place: Place) -> None:
    group = builder.add_group(name, place)
    for key, section in _table(content, f"the group {name!r}", place).items():
        if key not in _KEYS:
            known = nearest(key, _KEYS) or f"Known are {', '.join(_KEYS)}."
            raise InventoryError(f"a group has no {key!r} (in {name!r})", place=place, remedy=known)
        what = f"{key!r} of the group {name!r}"
        if key == "vars":
            builder.set_group_vars(group, trust(_table(section, what, place), place), place)
        elif key == "hosts":
            for pattern, variables in _table(section, what, place).items():
                _hosts(group, pattern, _table(variables, f"what stands at the host {pattern!r}", place), builder, place)
        elif not isinstance(section, list):
            raise InventoryError(f"{what} must be a list", place=place)
        else:
            for child in section:
                builder.add_child(group, builder.add_group(child, place), place)


def _hosts(group: str, pattern: str, variables: dict[str, Any], builder: Builder, place: Place) -> None:
    names, port = expand(pattern, place)
    for name in names:
        builder.add_host(name, group, place, port)
        builder.set_host_vars(name, trust(variables, place), place)


def _table(value: Any, what: str, place: Place) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InventoryError(f"{what} must be a table", place=place)
    return value
