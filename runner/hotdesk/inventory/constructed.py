"""The inventory plugin ``constructed``: variables and groups that are computed from the hosts read before.

https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/constructed_inventory.html
Without ``strict`` an expression that fails on a host (most often because the host lacks a variable) is passed over there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from hotdesk.errors import HotdeskError, InventoryError
from hotdesk.inventory.plugins import check_options, variables_of
from hotdesk.source import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotdesk.inventory.builder import Builder
    from hotdesk.inventory.model import VarsFiles
    from hotdesk.inventory.plugins import Evaluate
    from hotdesk.place import Place

_OPTIONS = {
    "plugin": str,
    "strict": bool,
    "compose": dict,
    "groups": dict,
    "keyed_groups": list,
    "leading_separator": bool,
    "use_extra_vars": bool,
    "use_vars_plugins": bool,
}
_KEYED = {
    "plugin": str,
    "key": str,
    "prefix": str,
    "separator": str,
    "parent_group": str,
    "default_value": str,
    "trailing_separator": bool,
}
_EMPTY = (None, "")
_UNSAFE = re.compile(r"^[\d\W]|\W")


class Constructed:
    """Reads one configuration into ``builder``."""

    def __init__(
        self, builder: Builder, evaluate: Evaluate, *, merge: bool, vars_files: tuple[VarsFiles, ...] = ()
    ) -> None:
        """``vars_files``: what ``use_vars_plugins`` adds; ``merge``: ``hash_behaviour: merge``."""
        self._builder = builder
        self._evaluate = evaluate
        self._merge = merge
        self._vars_files = vars_files

    def read(self, config: Mapping[str, Any], place: Place) -> None:
        """Add to every host what the configuration says. Raises InventoryError; any error of a template when ``strict``."""
        check_options(config, _OPTIONS, place)
        for entry in config.get("keyed_groups") or ():
            _check_keyed(entry, place)
        self._strict = config.get("strict", False)
        inventory = self._builder.so_far(vars_files=self._vars_files)
        extra = self._evaluate.extra_vars if config.get("use_extra_vars") else {}
        for host in inventory.hosts:
            variables = variables_of(host, inventory, merge=self._merge)
            composed = dict(self._composed(config.get("compose") or {}, {**variables, **extra}, host))
            self._builder.set_host_vars(host, composed, place)
            variables.update(composed)
            self._conditional(config.get("groups") or {}, variables, host)
            for entry in config.get("keyed_groups") or ():
                self._keyed(entry, {**variables, **extra}, host, leading=config.get("leading_separator", True))

    def _composed(
        self, wanted: Mapping[str, Any], variables: Mapping[str, Any], host: str
    ) -> Iterator[tuple[str, Any]]:
        for name, expression in wanted.items():
            found, value = self._tried(
                partial(self._expression, expression, variables),
                f"the variable {name!r} of the host {host}",
                name,
            )
            if found:
                yield name, value

    def _conditional(self, wanted: Mapping[str, Any], variables: Mapping[str, Any], host: str) -> None:
        for group, condition in wanted.items():
            _, holds = self._tried(
                partial(self._evaluate.condition, condition, variables),
                f"whether the host {host} is in the group {group!r}",
                group,
            )
            if holds:
                self._builder.add_host(host, self._group(group, place_of(group)))

    def _keyed(self, entry: Mapping[str, Any], variables: Mapping[str, Any], host: str, *, leading: bool) -> None:
        what = f"the keyed group of the host {host}"
        found, key = self._tried(partial(self._expression, entry["key"], variables), what, entry)
        if not found:
            return
        if not key and not (key in _EMPTY and entry.get("default_value") is not None):
            if self._strict and key not in ([], {}):
                raise InventoryError(f"{what} cannot be named: {entry['key']!r} is empty", place=place_of(entry))
            return
        found, parent = self._tried(partial(self._evaluate.text, entry.get("parent_group"), variables), what, entry)
        if not found:
            return
        prefix, separator = entry.get("prefix", ""), entry.get("separator", "_")
        start = prefix + ("" if prefix == "" and not leading else separator)
        place = place_of(entry)
        for name in _names(key, entry, separator):
            group = self._group(f"{start}{name}", place)
            self._builder.add_host(host, group)
            if parent:
                self._builder.add_child(self._group(parent, place), group, place)

    def _group(self, name: Any, place: Place | None) -> str:
        """A group whose name can be a variable's: what a computed name holds beside letters and digits becomes ``_``, as in Ansible."""
        return self._builder.add_group(_UNSAFE.sub("_", str(name)), place)

    def _expression(self, written: Any, variables: Mapping[str, Any]) -> Any:
        if not isinstance(written, str):
            raise InventoryError(
                f"{written!r} is no expression", place=place_of(written), remedy="Put quotes around it."
            )
        return self._evaluate.expression(written, variables)

    def _tried(self, call: Callable[[], Any], what: str, at: Any) -> tuple[bool, Any]:
        """Whether ``call`` could answer, and its answer. Raises InventoryError when it could not and that is not passed over."""
        try:
            return True, call()
        except HotdeskError as problem:
            if self._strict:
                message = f"{what} cannot be found out: {problem.message}"
                raise InventoryError(message, place=problem.place or place_of(at), remedy=problem.remedy) from None
            return False, None


def _check_keyed(entry: Any, place: Place) -> None:
    at = place_of(entry) or place
    if not isinstance(entry, dict) or "key" not in entry:
        raise InventoryError("an entry of keyed_groups is a mapping with a 'key'", place=at)
    check_options({"plugin": "constructed (keyed_groups)", **entry}, _KEYED, at)
    if entry.get("default_value") is not None and entry.get("trailing_separator") is not None:
        raise InventoryError("default_value and trailing_separator exclude each other", place=at)


def _names(key: Any, entry: Mapping[str, Any], separator: str) -> Iterator[str]:
    """The names that a key stands for: its text, each of a list, or NAME_VALUE for each of a mapping."""
    default = entry.get("default_value")
    if isinstance(key, Mapping):
        for name, value in key.items():
            if value in _EMPTY and default is None and entry.get("trailing_separator") is False:
                yield str(name)
            else:
                yield f"{name}{separator}{default if value in _EMPTY and default is not None else value}"
    elif isinstance(key, list):
        for name in key:
            yield str(default if name in _EMPTY and default is not None else name)
    elif isinstance(key, str) or key is None:
        yield str(key or default)
    else:
        raise InventoryError(
            f"the key {entry['key']!r} must give text, a list or a mapping, not {key!r}", place=place_of(entry)
        )
