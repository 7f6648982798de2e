"""Hosts and groups, as frozen values. ``add_host``/``group_by`` make a new Inventory (``with_host``), they never change one."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.results import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hotdesk.place import Place


@frozen(kw_only=True)
class Group:
    """A group. ``depth``: longest way from ``all``. ``vars`` are the inventory source's own; group_vars files are kept apart."""

    name: str
    hosts: tuple[str, ...] = ()
    """Direct members, in order of definition."""
    children: tuple[str, ...] = ()
    vars: Mapping[str, Any] = EMPTY
    depth: int = 0
    priority: int = 1
    """``ansible_group_priority``."""
    place: Place | None = None


@frozen(kw_only=True)
class Host:
    """A host. ``groups``: every group it is in, ``all`` first, then by (depth, priority, name): the merge order."""

    name: str
    vars: Mapping[str, Any] = EMPTY
    groups: tuple[str, ...] = ()
    place: Place | None = None


@frozen(kw_only=True)
class VarsFiles:
    """What stands in ``group_vars/`` and ``host_vars/`` of one base directory (an inventory's or a playbook's)."""

    basedir: Path
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@frozen(kw_only=True)
class Inventory:
    """All sources merged. ``hosts`` and ``groups`` keep the order of definition."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, Group]
    sources: tuple[str, ...] = ()
    """As given with ``-i`` (``ansible_inventory_sources``)."""
    vars_files: tuple[VarsFiles, ...] = ()
    """One per inventory directory, in the order of the sources."""
