"""Inventory scripts: a program that prints JSON for ``--list`` and ``--host NAME``.

https://docs.ansible.com/ansible-core/2.19/dev_guide/developing_inventory.html#inventory-scripts
The program is started by the caller's ``run_command`` (an agent: R3), never here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InventoryError
from hotdesk.place import Place
from hotdesk.source import Map, Seq, Trusted, Vaulted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from hotdesk.inventory.builder import Builder

    RunCommand = Callable[[Sequence[str], str], Awaitable[tuple[int, bytes | str, bytes | str]]]
    """(argv, working directory) -> (exit status, stdout, stderr)."""


async def run_script(path: Path, builder: Builder, run_command: RunCommand) -> None:
    """Run the script and read what it prints into ``builder``. Raises InventoryError."""
    data = await _ask(path, ["--list"], run_command)
    hosts: dict[str, None] = {}
    variables: Any = None
    for name, content in data.items():
        if name == "_meta":
            variables = _expect(content, dict, "_meta", path).get("hostvars")
            if variables is not None:
                _expect(variables, dict, "_meta.hostvars", path)
        else:
            _group(name, content, path, builder, hosts)
    for host in hosts:
        if variables is None:
            found = await _ask(path, ["--host", host], run_command)
        else:
            found = _expect(variables.get(host, {}), dict, f"_meta.hostvars.{host}", path)
        builder.set_host_vars(host, _trusted(found, Place(str(path))))


def _group(name: str, content: Any, path: Path, builder: Builder, hosts: dict[str, None]) -> None:
    """Old forms are taken too: a bare list of hosts, and variables alone, which make a host of the group's name."""
    place = Place(str(path))
    group = builder.add_group(name, place)
    if not isinstance(content, dict):
        content = {"hosts": content}
    elif content and not content.keys() & {"hosts", "vars", "children"}:
        content = {"hosts": [group], "vars": content}
    for host in _expect(content.get("hosts", []), list, f"{name}.hosts", path):
        if not isinstance(host, str) or not host:
            raise InventoryError(f"{host!r} in {name}.hosts is not a host's name", place=place)
        builder.add_host(host, group, place)
        hosts.setdefault(host)
    variables = _expect(content.get("vars", {}), dict, f"{name}.vars", path)
    builder.set_group_vars(group, _trusted(variables, place))
    for child in _expect(content.get("children", []), list, f"{name}.children", path):
        builder.add_child(group, builder.add_group(child, place), place)


async def _ask(path: Path, options: list[str], run_command: RunCommand) -> dict[str, Any]:
    status, out, err = await run_command([str(path), *options], str(path.parent))
    said = _text(err).strip()
    place = Place(str(path))
    shown = f"the inventory script {path.name} {' '.join(options)}"
    if status != 0:
        raise InventoryError(f"{shown} ended with status {status}", place=place, remedy=said[-500:])
    text = _text(out)
    if not text.strip() and options[0] == "--host":
        return {}
    try:
        data = json.loads(text)
    except ValueError as problem:
        raise InventoryError(f"{shown} did not print JSON: {problem}", place=place, remedy=said[-500:]) from None
    except RecursionError:
        raise InventoryError(f"{shown} printed values that are nested too deeply", place=place) from None
    return dict(_expect(data, dict, "the result", path))


def _text(data: bytes | str) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "replace")


def _expect(value: Any, kind: type, what: str, path: Path) -> Any:
    if not isinstance(value, kind):
        wanted = "an object" if kind is dict else "a list"
        message = f"the inventory script printed {type(value).__name__} for {what}, not {wanted}"
        raise InventoryError(message, place=Place(str(path)))
    return value


def _trusted(value: Any, place: Place) -> Any:
    """Variables from a script of the user are the user's text; ``__ansible_unsafe`` and ``__ansible_vault`` say otherwise."""
    if isinstance(value, str):
        return Trusted(value, place)
    if isinstance(value, list):
        return Seq((_trusted(item, place) for item in value), place)
    if isinstance(value, dict):
        if isinstance(text := value.get("__ansible_unsafe"), str) and len(value) == 1:
            return text
        if isinstance(text := value.get("__ansible_vault"), str) and len(value) == 1:
            return Vaulted(text, place)
        return Map(((Trusted(key, place), _trusted(item, place)) for key, item in value.items()), place)
    return value
