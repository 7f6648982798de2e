"""The inventory in ansible-inventory's forms: ``--list`` (JSON and YAML), ``--graph``, ``--host``.

https://docs.ansible.com/ansible-core/2.19/cli/ansible-inventory.html
Who looks up variables is the caller's affair (``HostVars``, ``GroupVars``): precedence stands in a higher layer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import yaml

from hotdesk.source import Trusted, Vaulted

if TYPE_CHECKING:
    from hotdesk.inventory.model import Group, Inventory

HostVars = Callable[[str], Mapping[str, Any]]
GroupVars = Callable[["Group"], Mapping[str, Any]]
MAGIC = frozenset({"inventory_file", "inventory_dir"})
"""Variables that ansible-inventory leaves out."""


def as_list(
    inventory: Inventory, hosts: Collection[str], host_vars: HostVars, group_vars: GroupVars | None = None
) -> dict[str, Any]:
    """``--list``: groups and ``_meta.hostvars``; ``hosts`` are those that are shown, ``group_vars`` is for ``--export``."""
    shown = frozenset(hosts)
    result: dict[str, Any] = {}
    seen: set[str] = set()

    def add(name: str) -> None:
        group = inventory.groups[name]
        content: dict[str, Any] = {}
        if name != "all":
            content["hosts"] = [host for host in group.hosts if host in shown]
        content["children"] = list(group.children)
        for child in group.children:
            if child not in seen:
                seen.add(child)
                add(child)
        if group_vars:
            content["vars"] = plain(group_vars(group))
        if kept := {key: value for key, value in content.items() if value}:
            result[name] = kept

    add("all")
    found = {host: plain(host_vars(host)) for host in hosts}
    result["_meta"] = {
        "hostvars": {host: variables for host, variables in found.items() if variables},
        "profile": "inventory_legacy",
    }
    return result


def as_tree(
    inventory: Inventory, hosts: Collection[str], host_vars: HostVars, group_vars: GroupVars | None = None
) -> dict[str, Any]:
    """``--list --yaml``: what a YAML inventory would be."""
    shown = frozenset(hosts)
    seen_hosts: set[str] = set()
    seen_groups: set[str] = set()

    def variables(host: str) -> Any:
        if host in seen_hosts:
            return {}
        seen_hosts.add(host)
        return plain(host_vars(host), dates=True)

    def tree(name: str) -> dict[str, Any]:
        group = inventory.groups[name]
        content: dict[str, Any] = {"children": {}, "hosts": {}}
        for child in group.children:
            if child in seen_groups:
                content["children"][child] = {}
            else:
                content["children"].update(tree(child))
                seen_groups.add(child)
        if name != "all":
            content["hosts"] = {host: variables(host) for host in group.hosts if host in shown}
        if group_vars:
            content["vars"] = plain(group_vars(group), dates=True)
        kept = {key: value for key, value in content.items() if value}
        return {name: kept} if kept else {}

    return tree("all")


def as_tables(
    inventory: Inventory, hosts: Collection[str], host_vars: HostVars, group_vars: GroupVars | None = None
) -> dict[str, Any]:
    """``--list --toml``: what a TOML inventory would be, a table for each group."""
    shown = frozenset(hosts)
    seen: set[str] = set()
    result: dict[str, Any] = {}

    def variables(host: str) -> Any:
        if host in seen:
            return {}
        seen.add(host)
        return plain(host_vars(host))

    def add(name: str) -> None:
        group, content = inventory.groups[name], dict[str, Any]()
        result[name] = content
        content["children"] = list(group.children)
        for child in group.children:
            if child not in result:
                add(child)
        if name != "all":
            content["hosts"] = {host: variables(host) for host in group.hosts if host in shown}
        if group_vars:
            content["vars"] = plain(group_vars(group))
        result[name] = {key: value for key, value in content.items() if value}

    add("all")
    return {name: content for name, content in result.items() if content}


def as_graph(
    inventory: Inventory, start: str, host_vars: HostVars | None = None, group_vars: GroupVars | None = None
) -> list[str]:
    """``--graph``, line by line; with the two look-ups also ``--vars``."""

    def entry(text: str, depth: int) -> str:
        return f"{'  |' * depth}--{text}" if depth else text

    def variables(found: Mapping[str, Any], depth: int) -> list[str]:
        return [entry(f"{{{name} = {value}}}", depth) for name, value in sorted(plain(found, dates=True).items())]

    def group_lines(name: str, depth: int) -> list[str]:
        group = inventory.groups[name]
        lines = [entry(f"@{name}:", depth)]
        depth += 1
        for child in group.children:
            lines += group_lines(child, depth)
        for host in group.hosts if name != "all" else ():
            lines.append(entry(host, depth))
            lines += variables(host_vars(host), depth + 1) if host_vars else []
        return lines + (variables(group_vars(group), depth) if group_vars else [])

    return group_lines(start, 0)


def to_json(data: Any) -> str:
    """As ansible-inventory prints it: what ``json.dumps`` gives with ``sort_keys``, ``indent=4`` and not ``ensure_ascii``. The standard
    library has no part in C for ``indent``; what holds no other collection goes through it here all the same, line by line."""
    return _json(data, "\n")


def _json(value: Any, line: str) -> str:
    """``line``: a newline and the indentation of what stands around."""
    if not value or not isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False)
    inner = line + "    "
    items: Collection[Any] = value.values() if isinstance(value, dict) else value
    if _COLLECTIONS.isdisjoint(map(type, items)):
        flat = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(f",{inner}", ": "))
        return f"{flat[0]}{inner}{flat[1:-1]}{line}{flat[-1]}"
    if isinstance(value, dict):
        parts = [f"{_json(key, inner)}: {_json(value[key], inner)}" for key in sorted(value)]
        return f"{{{inner}{f',{inner}'.join(parts)}{line}}}"
    return f"[{inner}{f',{inner}'.join([_json(item, inner) for item in value])}{line}]"


def to_yaml(data: Any) -> str:
    """As ansible-inventory prints it; vaulted values stay ``!vault``."""
    return yaml.dump(data, Dumper=_Dumper, default_flow_style=False, allow_unicode=True)


def plain(value: Any, *, dates: bool = False) -> Any:
    """Values without our types, templates as they were written. Without ``dates`` (JSON) dates, vaulted and unsafe values take JSON forms,
    and text may stay ``Trusted``."""
    if isinstance(value, str):
        if dates:
            return str(value)
        return value if isinstance(value, Trusted) else {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        if dates:
            return {str(key) if isinstance(key, str) else key: plain(item, dates=True) for key, item in value.items()}
        return {
            key if isinstance(key, str) else str(key): item if type(item) is Trusted else plain(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set)):
        return [plain(item, dates=dates) for item in value]
    if isinstance(value, Vaulted):
        return value if dates else {"__ansible_vault": value.ciphertext}
    if isinstance(value, date):
        return value if dates else value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Values that several hosts share are written out each time."""
        return True


def _vaulted(dumper: yaml.SafeDumper, value: Vaulted) -> Any:
    return dumper.represent_scalar("!vault", value.ciphertext, style="|")


_COLLECTIONS = {dict, list, tuple}
_Dumper.add_representer(Vaulted, _vaulted)
