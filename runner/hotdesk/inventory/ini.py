"""INI inventories: ``[group]``, ``[group:children]``, ``[group:vars]``.

https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/ini_inventory.html
Values beside a host and under ``:vars`` are Python literals where they can be, else text.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InventoryError, nearest
from hotdesk.inventory.ranges import expand
from hotdesk.place import Place
from hotdesk.source import Map, Seq, Trusted

if TYPE_CHECKING:
    from hotdesk.inventory.builder import Builder

_SECTION = re.compile(r"^\[(?P<group>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:[#;].*)?$")
_KINDS = ("hosts", "children", "vars")


def parse_ini(text: str, file: str, builder: Builder) -> None:
    """Read a whole INI inventory into ``builder``. Raises InventoryError with file:line:column."""
    _Ini(file, builder).parse(text)


class _Ini:
    def __init__(self, file: str, builder: Builder) -> None:
        self._file = file
        self._builder = builder
        self._group = "ungrouped"
        self._kind = "hosts"
        self._declared: set[str] = {"all", "ungrouped"}
        self._mentioned: list[tuple[str, Place, str]] = []
        """Groups that must be declared somewhere: name, where, as what."""
        self._children: list[tuple[str, str, Place]] = []
        self._variables: list[tuple[str, dict[Trusted, Any]]] = []

    def parse(self, text: str) -> None:
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.strip()
            if not line or line[0] in "#;":
                continue
            place = Place(self._file, number, len(raw) - len(raw.lstrip()) + 1)
            if line.startswith("[") and (line.partition("#")[0].rstrip().endswith("]") or "]" not in line):
                self._section(line, place)
            elif self._kind == "hosts":
                self._hosts(line, place)
            elif self._kind == "vars":
                self._variable(line, place)
            else:
                self._child(line, place)
        known = self._declared | self._builder.groups.keys()
        for name, place, role in self._mentioned:
            if name not in known:
                remedy = nearest(name, known) or f"Declare it with [{name}]."
                raise InventoryError(f"the group {name!r} is {role} but nowhere defined", place=place, remedy=remedy)
        for group, child, place in self._children:
            self._builder.add_child(group, self._builder.add_group(child, place), place)
        for group, variables in self._variables:
            self._builder.set_group_vars(group, variables)

    def _section(self, line: str, place: Place) -> None:
        found = _SECTION.match(line)
        if not found:
            remedy = "Write [group], [group:children] or [group:vars], with both brackets and without spaces."
            raise InventoryError(f"bad section {line!r}", place=place, remedy=remedy)
        self._group, self._kind = found["group"], found["kind"] or "hosts"
        if self._kind not in _KINDS:
            column = Place(self._file, place.line, place.column + found.start("kind"))
            remedy = nearest(self._kind, _KINDS) or f"Known are {', '.join(_KINDS)}."
            raise InventoryError(f"a section cannot be of the kind {self._kind!r}", place=column, remedy=remedy)
        if self._kind == "vars":
            self._mentioned.append((self._group, place, "given variables"))
            return
        self._declared.add(self._group)
        self._builder.add_group(self._group, place)

    def _hosts(self, line: str, place: Place) -> None:
        try:
            tokens = shlex.split(line, comments=True)
        except ValueError as problem:
            raise InventoryError(
                f"cannot read this host: {problem}", place=place, remedy="Look for a missing quote."
            ) from None
        if not tokens:
            return
        if tokens[0] == "---":
            raise InventoryError("this looks like YAML", place=place, remedy="Give the file the extension .yml.")
        names, port = expand(tokens[0], place)
        variables = dict(self._pair(token, line, place) for token in tokens[1:])
        for name in names:
            self._builder.add_host(name, self._group, place, port)
            self._builder.set_host_vars(name, variables)

    def _pair(self, token: str, line: str, place: Place) -> tuple[Trusted, Any]:
        key, equals, value = token.partition("=")
        start = line.find(key)
        at = Place(self._file, place.line, place.column + max(start, 0))
        if not equals:
            remedy = "Beside a host stand key=value pairs; a value with spaces needs quotes."
            raise InventoryError(f"{token!r} is not key=value", place=at, remedy=remedy)
        return Trusted(key, at), literal(value, at)

    def _variable(self, line: str, place: Place) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            raise InventoryError(
                f"{line!r} is not key=value", place=place, remedy=f"[{self._group}:vars] holds key=value lines."
            )
        at = Place(self._file, place.line, place.column + line.index("=") + 1)
        variables = {Trusted(key.strip(), place): literal(value.strip(), at)}
        self._variables.append((self._group, variables))

    def _child(self, line: str, place: Place) -> None:
        name = line.partition("#")[0].strip()
        if not name or re.search(r"[\s:\]]", name):
            raise InventoryError(f"{line!r} is not the name of a group", place=place)
        self._mentioned.append((name, place, f"a child of {self._group!r}"))
        self._children.append((self._group, name, place))


def literal(text: str, place: Place | None) -> Any:
    """A Python literal, else the text itself; all strings in it Trusted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = text
    return _plain(value, place)


def _plain(value: Any, place: Place | None) -> Any:
    """What the documentation promises: tuples and sets become lists, other Python types text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return Trusted(value, place)
    if isinstance(value, (list, tuple, set)):
        return Seq((_plain(item, place) for item in value), place)
    if isinstance(value, dict):
        return Map(((_plain(key, place), _plain(item, place)) for key, item in value.items()), place)
    if value is ... or isinstance(value, complex):
        return Trusted("..." if value is ... else str(value), place)
    return value
