"""The account files of a PC, read: passwd(5), shadow(5), group(5), subuid(5), subgid(5), and the limits in login.defs(5)."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from hotdesk.aio import TaskGroup, first
from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hotdesk.jobs.machine import Machine

DIRECTORY = "/etc"
FILES = ("passwd", "group", "shadow", "subuid", "subgid", "login.defs")
OPTIONAL = ("subuid", "subgid", "login.defs")
LIMITS: Mapping[str, int] = {"UID_MIN": 1000, "UID_MAX": 60000, "GID_MIN": 1000, "GID_MAX": 60000}
"""login.defs(5)'s own, for what the file does not say."""


@frozen
class User:
    """One line of passwd(5) with its line of shadow(5)."""

    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    password: str | None = field(default=None, repr=False)
    """The hash. None: it has no line in shadow."""
    ages: tuple[str, ...] = ("",) * 6
    """Last change, least and most age, warning, inactive, expiry: days; empty: none."""

    def locked(self, today: float) -> bool:
        """Nobody can log in by password, or a login only gets as far as changing it."""
        last, _, most, _, _, expiry = (int(age) if age.isdigit() else None for age in self.ages)
        old = last == 0 or (last is not None and most is not None and last + most < today)
        return (self.password or "!")[0] in "!*" or old or (expiry is not None and expiry <= today)


@frozen
class Group:
    """One line of group(5)."""

    gid: int
    members: frozenset[str]


@frozen
class Accounts:
    """The account files of one PC."""

    users: Mapping[str, User]
    groups: Mapping[str, Group]
    subids: Mapping[str, Mapping[str, frozenset[tuple[int, int]]]]
    """subuid and subgid: owner's name -> (first, count)."""
    limits: Mapping[str, int]

    def people(self) -> set[str]:
        """Those who are no system accounts: UID_MIN to UID_MAX."""
        low, high = self.limits["UID_MIN"], self.limits["UID_MAX"]
        return {name for name, user in self.users.items() if low <= user.uid <= high}

    def people_groups(self) -> set[str]:
        """Groups that are no system groups: GID_MIN to GID_MAX."""
        low, high = self.limits["GID_MIN"], self.limits["GID_MAX"]
        return {name for name, group in self.groups.items() if low <= group.gid <= high}

    def group_of(self, gid: int) -> str | None:
        """The group of that number."""
        return next((name for name, group in self.groups.items() if group.gid == gid), None)


async def read(machine: Machine) -> Accounts:
    """Those of a PC. Raises OSError naming a file that cannot be read (shadow: only root can)."""
    try:
        async with TaskGroup() as group:
            tasks = [group.create_task(_text(machine, name)) for name in FILES]
    except BaseExceptionGroup as found:
        raise first(found) from None
    return parse(dict(zip(FILES, (task.result() for task in tasks), strict=True)))


async def _text(machine: Machine, name: str) -> str:
    try:
        return (await machine.read(f"{DIRECTORY}/{name}")).decode(errors="surrogateescape")
    except FileNotFoundError:
        if name in OPTIONAL:
            return ""
        raise


def parse(texts: Mapping[str, str]) -> Accounts:
    """The files by their names. A line that is none (a comment, one of NIS) is left out."""
    shadow = {line[0]: line for line in _lines(texts["shadow"], 9)}
    users = {}
    for name, password, uid, gid, comment, home, shell in _lines(texts["passwd"], 7):
        if uid.isdigit() and gid.isdigit() and name not in users:
            secret = shadow.get(name)
            hashed = secret[1] if secret else None if password == "x" else password
            ages = tuple(secret[2:8]) if secret else ("",) * 6
            users[name] = User(int(uid), int(gid), comment, home, shell, hashed, ages)
    groups = {}
    for name, _, gid, members in _lines(texts["group"], 4):
        if gid.isdigit() and name not in groups:
            groups[name] = Group(int(gid), frozenset(filter(None, members.split(","))))
    names = {str(user.uid): name for name, user in users.items()}
    subids = {kind: _ranges(texts[kind], names) for kind in ("subuid", "subgid")}
    return Accounts(users, groups, subids, _limits(texts["login.defs"]))


def _lines(text: str, count: int) -> Iterator[list[str]]:
    for line in text.split("\n"):
        parts = line.split(":")
        if len(parts) == count and parts[0] and parts[0][0] not in "+-#":
            yield parts


def _ranges(text: str, names: Mapping[str, str]) -> dict[str, frozenset[tuple[int, int]]]:
    """Owner -> ranges; an owner that is written as a number goes by the name."""
    found: dict[str, set[tuple[int, int]]] = {}
    for owner, start, count in _lines(text, 3):
        if start.isdigit() and count.isdigit():
            found.setdefault(names.get(owner, owner), set()).add((int(start), int(count)))
    return {owner: frozenset(ranges) for owner, ranges in found.items()}


def _limits(text: str) -> dict[str, int]:
    said = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {
        **LIMITS,
        **{words[0]: int(words[1]) for words in said if len(words) == 2 and words[0] in LIMITS and words[1].isdigit()},
    }
