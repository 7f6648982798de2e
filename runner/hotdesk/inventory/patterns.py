"""Host patterns: ``hosts:``, ``--limit``, ``delegate_to`` and the rest of Ansible's ways to name several hosts.

https://docs.ansible.com/ansible-core/2.19/inventory_guide/intro_patterns.html
"""

from __future__ import annotations

import fnmatch
import ipaddress
import random
import re
import sys
from typing import TYPE_CHECKING

from hotdesk import regex
from hotdesk.errors import InventoryError, nearest
from hotdesk.inventory.builder import LOCAL_NAMES
from hotdesk.inventory.model import Host
from hotdesk.paths import expanded
from hotdesk.place import Place
from hotdesk.source import Trusted, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hotdesk.inventory.model import Inventory
    from hotdesk.settings import Mismatch

ORDERS = ("inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle")
_SUBSCRIPT = re.compile(r"^(?P<of>.+)\[(?:(?P<one>-?[0-9]{1,9})|(?P<first>[0-9]{1,9}):(?P<last>[0-9]{0,9}))\]$")
_PART = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_SPECIAL = re.compile(r"[*?\[~]")


def select(
    inventory: Inventory,
    pattern: str | Sequence[str],
    *,
    limit: str | Sequence[str] | None = None,
    mismatch: Mismatch = "error",
    warn: Callable[[str, Place | None], None] | None = None,
) -> list[str]:
    """Names of the hosts that ``pattern`` means and ``limit`` allows, in the order of the pattern's terms and the inventory.

    A plain name that no host and no group has is an InventoryError with the nearest name, unless ``mismatch``
    (``settings.host_pattern_mismatch``) says otherwise; "guarded" is an error behind ``!`` and for a pattern that finds nobody, else a
    warning. ``localhost`` always exists (see ``find_host``).
    """
    place = place_of(pattern)
    selection = _Selection(inventory, place, mismatch, warn or (lambda text, place: None))
    hosts = selection.of(split(pattern))
    if limit:
        allowed = set(selection.of(_limit_terms(limit)))
        hosts = [host for host in hosts if host in allowed]
    return hosts


def find_host(inventory: Inventory, name: str) -> Host | None:
    """The host of that name; for localhost, 127.0.0.1 and ::1 the implicit one when the inventory has none of them."""
    if name in inventory.hosts:
        return inventory.hosts[name]
    if name not in LOCAL_NAMES:
        return None
    for known in LOCAL_NAMES:
        if known in inventory.hosts:
            return inventory.hosts[known]
    variables = {
        "ansible_connection": Trusted("local"),
        "ansible_python_interpreter": Trusted(sys.executable or "/usr/bin/python3"),
        "inventory_file": None,
        "inventory_dir": None,
    }
    groups = [group for group, content in inventory.groups.items() if name in content.hosts]
    return Host(name=name, vars=variables, groups=("all", *groups))


def members(inventory: Inventory, group: str) -> list[str]:
    """Every host of a group and of the groups below it, each once: the group's own first, then level by level."""
    seen: dict[str, None] = {group: None}
    level = [group]
    while level:
        level = [child for name in level for child in inventory.groups[name].children if child not in seen]
        seen.update(dict.fromkeys(level))
    hosts = dict.fromkeys(host for name in seen for host in inventory.groups[name].hosts)
    return [host for host in hosts if group != "all" or host in inventory.hosts]


def in_order(hosts: Iterable[str], order: str | None, *, place: Place | None = None) -> list[str]:
    """A play's ``order:``. Raises InventoryError for an order that does not exist."""
    found = list(hosts)
    if order in ("sorted", "reverse_sorted"):
        found.sort(reverse=order == "reverse_sorted")
    elif order == "reverse_inventory":
        found.reverse()
    elif order == "shuffle":
        random.shuffle(found)
    elif order not in (None, "", "inventory"):
        remedy = nearest(str(order), ORDERS) or f"Known are {', '.join(ORDERS)}."
        raise InventoryError(f"there is no order {order!r}", place=place, remedy=remedy)
    return found


def split(pattern: str | Sequence[str]) -> list[str]:
    """The terms of a pattern. Commas separate; without one, colons do, but not those of an IPv6 address or in brackets."""
    if not isinstance(pattern, str):
        return [term for part in pattern for term in split(part)]
    if "," in pattern:
        parts = pattern.split(",")
    elif _is_address(pattern):
        parts = [pattern]
    else:
        parts = _PART.findall(pattern)
    return [str(part).strip() for part in parts if part.strip()]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return True


def _limit_terms(limit: str | Sequence[str]) -> list[str]:
    """``@file`` stands for the lines of that file."""
    terms: list[str] = []
    for term in split(limit):
        if not term.startswith("@"):
            terms.append(term)
            continue
        path = expanded(term[1:])
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as problem:
            why = getattr(problem, "strerror", None) or "it is not UTF-8 text"
            raise InventoryError(f"cannot read the limit file: {why}", place=Place(str(path))) from None
        for line in lines:
            if line.strip() and not line.lstrip().startswith("#"):
                terms.extend(split(line.strip()))
    return terms


class _Selection:
    def __init__(
        self, inventory: Inventory, place: Place | None, mismatch: str, warn: Callable[[str, Place | None], None]
    ) -> None:
        self._inventory = inventory
        self._place = place
        self._mismatch = mismatch
        self._warn = warn
        self._unknown: list[InventoryError] = []
        self._excluding = False

    def of(self, terms: list[str]) -> list[str]:
        """The hosts; what is guarded is decided when they are known."""
        self._unknown.clear()
        self._excluding = False
        hosts = self._evaluate(terms)
        if self._unknown and not hosts:
            raise self._unknown[0]
        for problem in self._unknown:
            self._warn(f"{problem.message}. {problem.remedy}", self._place)
        return hosts

    def _evaluate(self, terms: list[str]) -> list[str]:
        """First what is named, then ``&``, then ``!``, wherever they stand; only those two mean: of all hosts."""
        named = [term for term in terms if term[0] not in "&!"] or ["all"]
        hosts = dict.fromkeys(host for term in named for host in self._term(term))
        for sign in "&!":
            self._excluding = sign == "!"
            for term in terms:
                if term[0] == sign and len(term) > 1:
                    found = set(self._term(term[1:]))
                    hosts = {host: None for host in hosts if (host in found) == (sign == "&")}
        return list(hosts)

    def _term(self, term: str) -> list[str]:
        if term in self._inventory.hosts:
            return [term]
        found = None if term.startswith("~") else _SUBSCRIPT.match(term)
        if not found:
            return self._matching(term)
        hosts = self._matching(found["of"])
        if found["one"]:
            index = int(found["one"])
            if not hosts:
                return []
            if not -len(hosts) <= index < len(hosts):
                message = f"{found['of']!r} has {len(hosts)} hosts, so there is no {term!r}"
                raise InventoryError(message, place=self._place, remedy="Counting starts at 0; -1 is the last.")
            return [hosts[index]]
        last = int(found["last"]) if found["last"] else len(hosts)
        return hosts[int(found["first"]) : last + 1]  # the end is included, as Ansible documents it

    def _matching(self, term: str) -> list[str]:
        inventory = self._inventory
        if not _SPECIAL.search(term):
            if term in inventory.groups:
                return members(inventory, term)
            return [term] if term in inventory.hosts else self._unmatched(term)
        matches = self._matcher(term)
        groups = [name for name in inventory.groups if matches(name)]
        hosts = dict.fromkeys(host for group in groups for host in members(inventory, group))
        hosts.update(dict.fromkeys(name for name in inventory.hosts if matches(name)))
        if not hosts and not groups and self._mismatch != "ignore":
            self._warn(f"no host and no group matches the pattern {term!r}", self._place)
        return list(hosts)

    def _matcher(self, term: str) -> Callable[[str], object]:
        if term == "~":
            raise InventoryError("the regular expression after '~' is missing", place=self._place)
        if term[0] != "~":
            return re.compile(fnmatch.translate(term)).match
        try:
            match = re.compile(term[1:]).match
        except (re.error, OverflowError, RecursionError) as problem:
            raise InventoryError(f"{term!r} is not a regular expression: {problem}", place=self._place) from None

        def matches(name: str) -> object:
            try:
                return regex.within(regex.LONGEST, lambda: match(name))
            except TimeoutError:
                message = f"the regular expression {term!r} takes too long on the name {name!r}"
                remedy = "Leave out a repetition within a repetition, such as (a+)+."
                raise InventoryError(message, place=self._place, remedy=remedy) from None

        return matches

    def _unmatched(self, term: str) -> list[str]:
        if (local := find_host(self._inventory, term)) is not None:
            return [local.name]
        if term == "all" or self._mismatch == "ignore":
            return []
        message = f"no host and no group has the name {term!r}"
        known = [*self._inventory.groups, *self._inventory.hosts, "localhost"]
        remedy = nearest(term, known) or "See 'hotdesk inventory --graph'."
        if self._mismatch == "warning":
            self._warn(f"{message}. {remedy}", self._place)
            return []
        remedy += " With the setting host_pattern_mismatch = warning such names are passed over."
        problem = InventoryError(message, place=self._place, remedy=remedy)
        if self._mismatch == "error" or self._excluding:
            raise problem
        self._unknown.append(problem)
        return []
