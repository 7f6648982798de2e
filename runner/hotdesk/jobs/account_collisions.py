"""What would go wrong if one PC's people were made the same on another: numbers and ranges that collide. Nothing is asked, nothing changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hotdesk.results import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from hotdesk.jobs.account_files import Accounts

    Kind = tuple[str, Set[str], Mapping[str, int], Mapping[str, int]]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
"""What useradd(8) takes; the first letter keeps it from being an option."""


def kinds(here: Accounts, there: Accounts, users: Set[str], groups: Set[str]) -> Iterator[Kind]:
    """user and group: the names that are to be the same, and all numbers here and there by name."""
    ours, theirs = ({name: user.uid for name, user in one.users.items()} for one in (here, there))
    yield "user", users, ours, theirs
    ours, theirs = ({name: group.gid for name, group in one.groups.items()} for one in (here, there))
    yield "group", groups, ours, theirs


def numbers(
    here: Accounts, there: Accounts, users: Set[str], groups: Set[str], source: str, target: str
) -> Iterator[Problem]:
    """The same name with another number, or the same number with another name. ``source`` and ``target`` are the PCs' names."""
    remedy = f"Change one of the two and the owner of its files (usermod -u or groupmod -g, chown -R) on {target}, or exclude it."
    for kind, names, ours, theirs in kinds(here, there, users, groups):
        owners, mine = {number: name for name, number in theirs.items()}, dict[int, str]()
        for name in sorted(names):
            number = ours[name]
            if not NAME.fullmatch(name):
                yield Problem(f"{kind} {name!r} on {source} is no name that the tools take", "Exclude it.")
            if mine.setdefault(number, name) != name:
                yield Problem(f"{kind}s {mine[number]} and {name} are both {number} on {source}", "Exclude one.")
            if name in theirs and theirs[name] != number:
                yield Problem(f"{kind} {name} is {number} on {source} and {theirs[name]} on {target}", remedy)
            elif name not in theirs and number in owners:
                yield Problem(f"{kind} {name} is {number} on {source}; on {target} {owners[number]} is that", remedy)
    for name in sorted(users):
        number = here.users[name].gid
        group = here.group_of(number)
        other = there.groups.get(group or "")
        if group not in groups and other and other.gid != number:
            text = f"group {group}, the primary one of {name}, is {number} on {source} and {other.gid} on {target}"
            yield Problem(text, remedy)


def ranges(here: Accounts, there: Accounts, users: Set[str], target: str) -> Iterator[Problem]:
    """Ranges of subordinate ids that two people would share on the target."""
    for kind in ("subuid", "subgid"):
        ours, theirs = here.subids[kind], there.subids[kind]
        final = {**theirs, **{name: ours.get(name, frozenset()) for name in users}}
        taken = sorted((start, start + count, name) for name, some in final.items() for start, count in some)
        reached, holder = 0, ""
        for start, end, name in taken:
            if start < reached and name != holder and {name, holder} & users:
                text = f"{kind}: {holder} and {name} would share {start} to {min(end, reached) - 1} on {target}"
                yield Problem(text, f"Give one of them another range in /etc/{kind} there, or exclude one.")
            reached, holder = max((reached, holder), (end, name))
