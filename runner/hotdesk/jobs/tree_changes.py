"""What a mirror would do, as changes that are approved one by one; and the mirror that does only the approved ones."""

from __future__ import annotations

import hashlib
import posixpath
from typing import TYPE_CHECKING, Any, TypeVar

from hotdesk.errors import TaskError
from hotdesk.jobs.base import Change, Expectation
from hotdesk.results import EMPTY
from hotdesk.transfer import ends, shown
from hotdesk.transfer.answers import DESCRIBED
from hotdesk.transfer.filters import exactly

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from hotdesk.jobs.machine import Machine
    from hotdesk.transfer import Item, Report

_Name = TypeVar("_Name")
_Found = TypeVar("_Found")
NOTHING: Mapping[Any, Any] = EMPTY
ITEMS_SHOWN = 1000
MOST_RULES = 5000
"""Changes that can be left one by one: each is an argument of rsync's."""
SAMPLE = 100
"""Paths of one run that are looked at when the mirror is verified later."""
MOST_EXPECTED = 500
"""The same, of all runs together."""
TIMES = frozenset(".dtT")
"""In rsync's flags of a directory: nothing but its times differs."""


def ordered(items: Sequence[Item]) -> list[Item]:
    """Deletions first, they are what one has to look at, contents before their directory; then by path: rsync's own order varies."""
    gone = sorted((item for item in items if item.deletes), key=lambda item: item.path, reverse=True)
    return gone + sorted((item for item in items if not item.deletes), key=lambda item: item.path)


def together(items: Sequence[Item], apart: Collection[str], conflicts: Collection[bytes] = ()) -> dict[bytes, bytes]:
    """What comes with a new directory, or goes with one that is deleted: path -> that directory, the topmost.

    For a person this is one change. ``apart`` and ``conflicts``: paths that are judged by themselves, and so the directories that they are in.
    """
    alone = _parents([*(name.encode() for name in apart), *conflicts]) | {b"."}
    new = {item.path for item in items if item.creates and item.flags[1:2] == "d"} - alone
    gone = {item.path for item in items if item.deletes and item.name.endswith(b"/")} - alone
    out = {}
    for item in items:
        tops = new if item.creates else gone if item.deletes else ()
        found = [above for above in _above(item.path) if above in tops]
        if found:
            out[item.path] = found[-1]
    return out


def changes_of(
    items: Sequence[Item],
    before: Mapping[bytes, str] = NOTHING,
    after: Mapping[bytes, str] = NOTHING,
    whole: Mapping[bytes, bytes] = NOTHING,
    conflicts: Mapping[bytes, str] = NOTHING,
) -> tuple[Change, ...]:
    """One change for each item that is not part of a ``whole``.

    ``before`` and ``after``: path -> what the target and the source have there (``transfer.ends.states``); ``conflicts``: see ``jobs.conflicts``.
    """
    within: dict[bytes, list[Item]] = {}
    for item in items:
        if item.path in whole:
            within.setdefault(whole[item.path], []).append(item)
    out = []
    for item in items:
        if item.path in whole:
            continue
        detail, was, will = item.flags, before.get(item.path, ""), after.get(item.path, "")
        if content := within.get(item.path):
            detail = f"{item.flags} with {len(content)} entries below it"
            was, will = (_digest(content, states) for states in (before, after))
        out.append(
            Change(
                verb=item.verb,
                subject=shown(item.path),
                detail=detail,
                destructive=item.deletes,
                conflict=conflicts.get(item.path, ""),
                before=was,
                after="" if item.deletes else will,
            )
        )
    return tuple(out)


def _digest(content: Sequence[Item], states: Mapping[bytes, str]) -> str:
    """One word for the state of everything that comes or goes together; empty when nobody asked for states."""
    if not states:
        return ""
    digest = hashlib.sha256()
    for item in sorted(content, key=lambda item: item.path):
        digest.update(item.name + b"\0" + states.get(item.path, "").encode("utf-8", "surrogateescape") + b"\0")
    return f"{len(content)} entries, {digest.hexdigest()[:16]}"


def narrowed(
    items: Sequence[Item], kept: Sequence[Change], whole: Mapping[bytes, bytes] = NOTHING
) -> tuple[list[Item], list[bytes]]:
    """(the items that are done, the filter rules that leave the others alone) when only ``kept`` is wanted.

    What cannot be separated: below a directory that is left (new, to be deleted, or of another mode or owner) everything is left; a
    directory cannot be deleted while something in it is left; the times of a directory are set when something below it is done.
    When nothing that is done deletes, the mirror must not delete at all. Raises TaskError when there are more rules than rsync takes.
    """
    ids = {change.id for change in kept}
    wanted = {item for item in items if f"{item.verb} {shown(whole.get(item.path, item.path))}" in ids}
    left = {item.path for item in items if item not in wanted and not _only_times(item)}
    gone = _parents(item.path for item in items if item.deletes and item.path in left)
    left |= {item.path for item in items if item.deletes and item.path in gone}
    done = [
        item for item in items if item.path not in left and not any(above in left - gone for above in _above(item.path))
    ]
    with_content = _parents(item.path for item in done)
    done = [item for item in done if item in wanted or item.path in with_content]
    names = {item.path for item in done}
    deletes = any(item.deletes for item in done)  # else the mirror deletes nothing at all
    passed = names | gone | with_content
    out = sorted({item.path for item in items if item.path not in passed and (deletes or not item.deletes)})
    rules: list[bytes] = []
    excluded: set[bytes] = set()
    for path in out:
        if not any(above in excluded for above in _above(path)):
            excluded.add(path)
            rules.append(b"- " + exactly(path))
    if len(rules) > MOST_RULES:
        raise TaskError(
            f"{len(rules)} changes are to be left one by one, and rsync takes {MOST_RULES} (nothing was changed)",
            remedy="Approve whole directories, or leave some out with filters.",
        )
    return done, rules


def told(items: Sequence[Item], report: Report | None = None) -> dict[str, Any]:
    """The documented RETURN keys of a mirror."""
    return {
        "files": sum(1 for item in items if item.flags[:1] in "<>" and item.flags[1:2] == "f"),
        "bytes": report.totals.transferred if report else 0,
        "deleted": sum(1 for item in items if item.deletes),
        "items": [str(item) for item in ordered(items)[:ITEMS_SHOWN]],
        "items_total": len(items),
    }


def missing(planned: Sequence[Item], done: Sequence[Item]) -> set[bytes]:
    """The paths that were planned and not done."""
    return {item.path for item in planned} - {item.path for item in done}


def as_planned(items: Sequence[Item], planned: Sequence[Item]) -> tuple[Item, ...]:
    """rsync makes a missing destination before it looks: what was planned as new directory then shows as changed times."""
    new = next((item for item in planned if item.path == b"." and item.creates), None)
    if new is None:
        return tuple(items)
    return (new, *(item for item in items if item.path != b"."))


async def expected(
    target: Machine, top: str, items: Sequence[Item], before: Sequence[Expectation]
) -> list[Expectation]:
    """A sample of what was sent and deleted, as it is below ``top`` now; and of what was expected ``before``, what was not touched."""
    base = top.rstrip("/")
    touched = {f"{base}/{shown(item.path)}" for item in items}
    old = [each for each in before if each.subject not in touched]
    names = sample(items)
    if not names:
        return old
    found = await target.call(ends, "described", top, payload=b"\0".join(names), change=False, answers=DESCRIBED)
    new = [
        Expectation(kind="file", subject=f"{base}/{name.decode()}", value=value)
        for name, value in paired(names, found, target.host)
    ]
    return [*old[-(MOST_EXPECTED - len(new)) :], *new]


def paired(names: Sequence[_Name], found: Sequence[_Found], host: str) -> Iterable[tuple[_Name, _Found]]:
    """Each name with what a PC says of it. Raises TaskError when it has not answered for each."""
    if len(names) != len(found):
        raise TaskError(f"{host} gave {len(found)} answers about {len(names)} paths")
    return zip(names, found, strict=True)


def sample(items: Sequence[Item], most: int = SAMPLE) -> list[bytes]:
    """Some of the paths that were sent or deleted, evenly over all of them; only names that are text."""
    paths = sorted(item.path for item in items if (item.deletes or item.flags[1:2] == "f") and _is_text(item.path))
    step = max(1, -(-len(paths) // most))
    return paths[::step]


def _is_text(path: bytes) -> bool:
    try:
        return path.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _only_times(item: Item) -> bool:
    return item.flags[1:2] == "d" and item.flags.startswith(".") and set(item.flags) <= TIMES


def _above(path: bytes) -> list[bytes]:
    """The directories that a path is in, the mirrored one (``.``) last."""
    out = []
    while path != b".":
        path = posixpath.dirname(path) or b"."
        out.append(path)
    return out


def _parents(paths: Any) -> set[bytes]:
    return {above for path in paths for above in _above(path)}
