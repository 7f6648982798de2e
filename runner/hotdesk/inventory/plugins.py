"""Inventory plugins that are configured by a YAML file (``plugin: NAME``): ``constructed`` and ``generator``. Others are refused by name.

https://docs.ansible.com/ansible-core/2.19/plugins/inventory.html
Templates are rendered by the caller's ``Evaluate``: the variables layer stands above this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from hotdesk.errors import InventoryError, nearest
from hotdesk.inventory.builder import merged
from hotdesk.source import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotdesk.inventory.model import Inventory
    from hotdesk.place import Place

NAMES = ("constructed", "generator")
CONFIG = ".config"
"""An extension that such a file may have beside YAML's."""


class Evaluate(Protocol):
    """Rendering in the thread that reads the inventory. Every method raises HotdeskError when it cannot."""

    extra_vars: Mapping[str, Any]
    """Those of the command line."""

    def text(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """``value`` with its ``{{ }}`` rendered; None for ``omit``."""

    def expression(self, value: str, variables: Mapping[str, Any]) -> Any:
        """What a bare Jinja expression gives."""

    def condition(self, value: Any, variables: Mapping[str, Any]) -> bool:
        """Whether a bare Jinja expression holds."""


def plugin_of(data: Any) -> str | None:
    """The plugin that a loaded YAML document configures, by its short name; None for an ordinary inventory."""
    named = data.get("plugin") if isinstance(data, dict) else None
    return str(named).removeprefix("ansible.builtin.") if isinstance(named, str) else None


def refused(name: str, place: Place | None) -> InventoryError:
    """The error for a plugin that is not one of ours."""
    known = " and ".join(NAMES)
    return InventoryError(
        f"this configures the inventory plugin {name}, and of these only {known} can be run here",
        place=place,
        remedy="Write its result to a file with 'ansible-inventory --list --export', or use an inventory script.",
    )


def check_options(config: Mapping[str, Any], known: Mapping[str, type | tuple[type, ...]], place: Place | None) -> None:
    """Raises InventoryError for an option that ``known`` does not have, or of another type than it says there."""
    for name, value in config.items():
        at = place_of(name) or place
        plugin = config["plugin"]
        if name not in known:
            raise InventoryError(
                f"the inventory plugin {plugin} has no option {name!r}", place=at, remedy=nearest(name, known)
            )
        if not isinstance(value, known[name]):
            raise InventoryError(f"the option {name!r} of the inventory plugin {plugin} is of the wrong type", place=at)


def variables_of(host: str, inventory: Inventory, *, merge: bool) -> dict[str, Any]:
    """Variables of ``host`` from its groups and itself, in merge order, with those of ``inventory.vars_files``.

    ``merge``: ``hash_behaviour: merge``.
    """
    known = inventory.hosts[host]
    files = inventory.vars_files
    layers: list[Mapping[str, Any]] = [inventory.groups[group].vars for group in known.groups]
    layers += [each.groups[group] for group in known.groups for each in files if group in each.groups]
    layers += [known.vars, *(each.hosts[host] for each in files if host in each.hosts)]
    found: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            found[name] = merged(found.get(name), value) if merge else value
    return found
