"""The inventory plugin ``generator``: a host for every combination of its layers, and the groups above each.

https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/generator_inventory.html
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InventoryError
from hotdesk.inventory.plugins import check_options
from hotdesk.inventory.ranges import MAXIMUM
from hotdesk.source import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hotdesk.inventory.builder import Builder
    from hotdesk.inventory.plugins import Evaluate
    from hotdesk.place import Place

_OPTIONS = {"plugin": str, "hosts": dict, "layers": dict}


class Generator:
    """Reads one configuration into ``builder``."""

    def __init__(self, builder: Builder, evaluate: Evaluate) -> None:
        self._builder = builder
        self._evaluate = evaluate

    def read(self, config: Mapping[str, Any], place: Place) -> None:
        """Make the hosts and groups. Raises InventoryError, or TemplateError for a name that cannot be rendered."""
        check_options(config, _OPTIONS, place)
        hosts = config.get("hosts") or {}
        if "name" not in hosts:
            raise InventoryError("the generator needs hosts.name", place=place_of(hosts) or place)
        for variables in _combinations(config.get("layers") or {}, place):
            name = self._name(hosts["name"], variables, place)
            self._builder.add_host(name, None, place)
            for group in self._parents(hosts, variables, place):
                self._builder.add_host(name, group, place)

    def _parents(self, of: Mapping[str, Any], variables: Mapping[str, Any], place: Place) -> Iterator[str]:
        """The groups named in ``parents``, made with all that stands above them."""
        listed = of.get("parents") or []
        if not isinstance(listed, list) or not all(isinstance(parent, dict) for parent in listed):
            raise InventoryError("'parents' must be a list of mappings", place=place_of(listed) or place)
        for parent in listed:
            at = place_of(parent) or place
            group = self._builder.add_group(self._name(parent.get("name"), variables, at), at)
            values = parent.get("vars") or {}
            self._builder.set_group_vars(
                group, {name: self._evaluate.text(value, variables) for name, value in values.items()}, at
            )
            yield group
            for above in self._parents(parent, variables, at):
                self._builder.add_child(above, group, at)

    def _name(self, written: Any, variables: Mapping[str, Any], place: Place) -> str:
        name = self._evaluate.text(written, variables)
        if name is None or name == "":
            raise InventoryError("a host or a group has no name", place=place_of(written) or place)
        return str(name)


def _combinations(layers: Mapping[str, Any], place: Place) -> Iterator[dict[str, Any]]:
    """Every combination of the layers' values, the last layer changing fastest."""
    for name, values in layers.items():
        if not isinstance(values, list):
            raise InventoryError(f"the layer {name!r} must be a list", place=place_of(name) or place)
    if math.prod(len(values) for values in layers.values()) > MAXIMUM:
        raise InventoryError(f"the layers stand for more than {MAXIMUM:,} hosts", place=place_of(layers) or place)
    for values in itertools.product(*layers.values()):
        yield dict(zip(layers, values, strict=True))
