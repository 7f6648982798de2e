"""What a run changed on this PC and left a journal of, and its files as they were before. Python 3.8 or newer."""

from __future__ import annotations

import os

from hotdesk.jobs.on_target.journal import ROOT, Failed, folders, read, state_of
from hotdesk.jobs.on_target.transaction import perform, unmake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generator


def runs(root: str = ROOT) -> dict[str, float]:
    """The runs that left something, and when they last did (seconds since 1970). Reads only."""
    return {one["run"]: float(one["at"]) for _, one in _done(root)}


def survey(run: str, root: str = ROOT) -> list[dict[str, Any]]:
    """What ``run`` left, in the order in which it is undone: the newest first. Reads only.

    Each is a ``unit`` with ``checks`` and ``files`` path -> {journal, old, new, now, validate, by}, or with ``commands``, ``definitions`` or
    ``packages`` as noted. A path that the run changed several times is told once, with what was there at first. ``by`` is a later run that
    left what is there now, or empty.
    """
    out = []  # type: list[dict[str, Any]]
    told, later = {}, {}  # type: dict[str, dict[str, Any]], dict[str, tuple[str, Any]]
    for folder, journal in reversed(_done(root)):
        if journal["run"] != run:
            for kept in journal["items"]:
                later.setdefault(kept["path"], (journal["run"], kept["new"]))
            continue
        files = {}
        for kept in journal["items"]:
            path, at_first = kept["path"], {"journal": os.path.basename(folder), "old": kept["old"]}
            if path in told:
                told[path].update(at_first)
                continue
            now, (by, left) = state_of(path), later.get(path, ("", None))
            about = {"new": kept["new"], "now": now, "by": by if now == left else "", "validate": kept["validate"]}
            files[path] = told[path] = {**at_first, **about}
        rest = {key: journal[key] for key in ("commands", "definitions", "packages") if key in journal}
        if files or rest:
            out.append({"unit": journal["unit"], "files": files, "checks": journal.get("checks", []), **rest})
    return out


def restore(
    unit: str, run: str, wanted: dict[str, dict[str, Any]], checks: list[list[str]], limit: float, root: str = ROOT
) -> Generator[str, None, str]:
    """Put files as they were, together or not at all, as a transaction of ``run``, which can be undone likewise.

    ``wanted`` is path -> {journal, now, validate} of ``survey``'s answer. Gives and returns what ``perform`` does.
    """
    journals = {one["journal"]: read(os.path.join(root, os.path.basename(one["journal"]))) for one in wanted.values()}
    items = [_item(path, one, journals[one["journal"]], root) for path, one in wanted.items()]
    name = yield from perform(unit, run, items, checks, [], limit, b"", root)
    for journal in journals.values():
        unmake(journal or {"made": []})
    return name


def _item(path: str, one: dict[str, Any], journal: dict[str, Any] | None, root: str) -> dict[str, Any]:
    kept = next((each for each in (journal or {"items": []})["items"] if each["path"] == path), None)
    if kept is None:
        raise Failed("its journal is not there any more", path=path)
    kind, mode, uid, gid, text = kept["old"] or ("absent", 0, 0, 0, "")
    copy = os.path.join(root, os.path.basename(one["journal"]), "old", str(kept["copy"]))
    return {"path": path, "kind": kind, "mode": mode, "owner": uid, "group": gid, "link": text, "copy": copy,
            "was": one["now"], "validate": one["validate"]}  # fmt: skip


def _done(root: str) -> list[tuple[str, dict[str, Any]]]:
    found = [(folder, read(folder)) for folder in folders(root)]
    return [(folder, one) for folder, one in found if one is not None and one["state"] == "done"]
