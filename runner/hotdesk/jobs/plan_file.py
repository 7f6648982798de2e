"""The plan file: what ``hotdesk plan`` writes, a person edits and ``hotdesk play --plan`` does. One YAML document, made to be read."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import yaml

from hotdesk.errors import PlaybookError, nearest
from hotdesk.frozen import frozen
from hotdesk.jobs.review import Reviewed, Step
from hotdesk.results import EMPTY
from hotdesk.source import load_yaml_file, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hotdesk.jobs.base import Change
    from hotdesk.jobs.history import Finding
    from hotdesk.jobs.review import Decision, Planned

VERSION = 1
APPROVE = {"changes": "approve", "removals": "remove", "conflicts": "discard"}
"""Where a change stands -> the word that approves it: what loses something has its own, so that none is approved in passing."""
KEEP = "keep"
"""Approves a conflict too: the target's version is saved beside first."""
ALLOW = "allow"
HEADER = """\
# What the sync jobs of {playbooks} would change, as found on {made} (UTC) by run {run}.
# Edit the decisions, then: hotdesk play --plan {name}
#
#   decision: approve          do it (for a removal the word is: remove)
#   decision: keep             do it, and save the target's own version beside (only a conflict; to lose it: discard)
#   decision: skip             not this time
#   decision: never            never on this machine: remembered there
#   decision: {{vega: approve, lyra: skip}}          one for each host
#
# Exactly this is done: what has changed since, or came up since, is listed then and left alone. Removals and conflicts stand at skip.
# A conflict is what was changed on the target since the last sync. Nothing at all is done to a host of 'topology' before it says: allow
# 'undo' says how a change can be undone afterwards; where it is missing, it cannot be.
"""


@frozen(kw_only=True)
class PlanFile:
    """A plan file that was read."""

    playbooks: tuple[str, ...]
    steps: Mapping[Step, Sequence[Reviewed]]
    hosts: Mapping[str, Sequence[str]] = EMPTY
    """Host -> what its history says against a sync, and is allowed."""


def write_plan(
    path: Path,
    planned: Sequence[Planned],
    *,
    playbooks: Sequence[Path],
    run: str,
    clean: Callable[[str], str],
    incomplete: Sequence[str] = (),
    found: Mapping[str, Sequence[Finding]] = EMPTY,
) -> None:
    """Blocks: write the file (0600, replaced at once or not at all). ``clean`` takes secrets out of texts.

    ``incomplete``: hosts that failed on the way, so that not all of their steps are in the plan. ``found``: what the histories say of hosts.
    """
    made = datetime.now(UTC)
    names = [str(playbook.absolute()) for playbook in playbooks]
    header = HEADER.format(
        playbooks=" and ".join(book.name for book in playbooks), made=f"{made:%Y-%m-%d %H:%M}", run=run, name=path
    )
    document: dict[str, Any] = {
        "hotdesk_plan": VERSION,
        "run": run,
        "made": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "playbooks": names,
    }
    if incomplete:
        document["incomplete"] = _Line(sorted(incomplete))
    if found:
        document["topology"] = [
            {"host": host, "found": [clean(each.text) for each in mine], "decision": "skip"}
            for host, mine in sorted(found.items())
        ]
    document["steps"] = [
        _step(step, [one for one in planned if one.step == step], clean)
        for step in dict.fromkeys(one.step for one in planned)
    ]
    text = header + yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=150)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def told(planned: Sequence[Planned]) -> str:
    """How much there is to review, in a sentence."""
    changes = {(one.step, replace(change, before="")) for one in planned for change in one.plan.changes}
    count = {name: sum(_section(change) == name for _, change in changes) for name in APPROVE}
    hosts = len({one.host for one in planned})
    waiting = [f"{count[name]} {name}" for name in ("removals", "conflicts") if count[name]]
    if not changes:
        return "there is nothing to change"
    conflicts = f" and {count['conflicts']} conflicts" if count["conflicts"] else ""
    stand = f"; {' and '.join(waiting)} stand at skip" if waiting else ""
    return f"{count['changes']} changes and {count['removals']} removals{conflicts} on {hosts} hosts{stand}"


class _Dumper(yaml.CSafeDumper):
    """Short lists in one line, long ones below each other; never an anchor."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Line(list[str]):
    """Shown in one line."""


_Dumper.add_representer(
    _Line, lambda dumper, line: dumper.represent_sequence("tag:yaml.org,2002:seq", line, flow_style=True)
)


def _step(step: Step, planned: Sequence[Planned], clean: Callable[[str], str]) -> dict[str, Any]:
    out: dict[str, Any] = {"task": clean(step.task), "job": step.job, "at": step.at}
    if step.item:
        out["item"] = clean(step.item)
    out["source"] = _Line(sorted({one.source for one in planned}))
    out["hosts"] = _Line(sorted({one.host for one in planned}))
    warnings = list(dict.fromkeys(f"{one.host}: {clean(text)}" for one in planned for text in one.plan.warnings))
    if warnings:
        out["warnings"] = warnings
    grouped: dict[Change, dict[str, str]] = {}
    """What is alike but for what the hosts have now -> host -> that."""
    for one in planned:
        for change in one.plan.changes:
            grouped.setdefault(replace(change, before=""), {})[one.host] = clean(change.before)
    for name in APPROVE:
        entries = [_entry(change, hosts, clean) for change, hosts in grouped.items() if _section(change) == name]
        if entries or name == "changes":
            out[name] = entries
    return out


def _section(change: Change) -> str:
    return "conflicts" if change.conflict else "removals" if change.destructive else "changes"


def _entry(change: Change, hosts: Mapping[str, str], clean: Callable[[str], str]) -> dict[str, Any]:
    before: Any = dict(sorted(hosts.items())) if len(set(hosts.values())) > 1 else next(iter(hosts.values()))
    entry = {
        "change": clean(change.id), "hosts": _Line(sorted(hosts)),
        "decision": APPROVE["changes"] if _section(change) == "changes" else "skip", "conflict": clean(change.conflict),
        "removes": change.destructive and bool(change.conflict), "detail": clean(change.detail), "before": before,
        "after": clean(change.after), "undo": clean(change.undo), "needs": list(change.needs),
    }  # fmt: skip
    return {key: value for key, value in entry.items() if value}


def read_plan(path: Path) -> PlanFile:
    """Blocks: read and check the file. Raises PlaybookError with the place of what is wrong."""
    document = load_yaml_file(path, error=PlaybookError, trusted=False)
    if not isinstance(document, dict) or document.get("hotdesk_plan") != VERSION:
        raise PlaybookError(
            f"{path} is not a plan (hotdesk_plan: {VERSION})", remedy="hotdesk plan PLAYBOOK -o FILE writes one."
        )
    books = document.get("playbooks")
    steps: dict[Step, list[Reviewed]] = {}
    for entry in _list(document, "steps"):
        step = Step(_text(entry, "job"), _text(entry, "task"), _text(entry, "at"), _text(entry, "item", needed=False))
        changes = steps.setdefault(step, [])
        for name in APPROVE:
            changes += [_reviewed(change, name) for change in _list(entry, name)]
    hosts = {_text(entry, "host"): _allowed(entry) for entry in _list(document, "topology")}
    return PlanFile(playbooks=tuple(map(str, books)) if isinstance(books, list) else (), steps=steps, hosts=hosts)


def _allowed(entry: Any) -> list[str]:
    found, decision = entry.get("found"), entry.get("decision")
    if decision not in (ALLOW, "skip"):
        raise PlaybookError(
            f"{decision!r} is no decision about a host", place=place_of(entry), remedy="It is allow or skip."
        )
    return [str(each) for each in found] if decision == ALLOW and isinstance(found, list) else []


def _reviewed(entry: Any, section: str) -> Reviewed:
    hosts = [str(host) for host in entry.get("hosts") or []]
    return Reviewed(
        id=_text(entry, "change"), decisions=_decisions(entry, hosts, section), conflict=section == "conflicts",
        destructive=section == "removals" or (section == "conflicts" and entry.get("removes") is True),
        detail=_text(entry, "detail", needed=False), before=_before(entry, hosts), after=_text(entry, "after", needed=False),
    )  # fmt: skip


def _before(entry: Any, hosts: Sequence[str]) -> dict[str, str]:
    given = entry.get("before")
    if isinstance(given, dict):
        return {host: _text(given, host, needed=False) for host in hosts}
    return dict.fromkeys(hosts, _text(entry, "before", needed=False))


def _decisions(entry: Any, hosts: Sequence[str], section: str) -> dict[str, Decision]:
    given = entry.get("decision")
    if not isinstance(given, dict):
        return dict.fromkeys(hosts, _decision(given, entry, section))
    for host in given:
        if host not in hosts:
            raise PlaybookError(
                f"'{_text(entry, 'change')}' was not planned for {host}",
                place=place_of(given),
                remedy=nearest(str(host), hosts),
            )
    if missing := [host for host in hosts if host not in given]:
        raise PlaybookError(
            f"'{_text(entry, 'change')}' has no decision for {', '.join(missing)}", place=place_of(given),
            remedy="Give one for each of its hosts, or take the host out of 'hosts'.")  # fmt: skip
    return {host: _decision(given[host], entry, section) for host in hosts}


def _decision(given: Any, entry: Any, section: str) -> Decision:
    words = (APPROVE[section], *([KEEP] if section == "conflicts" else []), "skip", "never")
    if given not in words:
        why = (
            f"a {section[:-1]} is approved with '{APPROVE[section]}'"
            if given == "approve"
            else f"{given!r} is no decision"
        )
        remedy = (
            f"It is one of {', '.join(words)}."
            if given in ("approve", None)
            else nearest(str(given), words) or f"It is one of {', '.join(words)}."
        )
        raise PlaybookError(f"{why}: '{_text(entry, 'change')}'", place=place_of(entry), remedy=remedy)
    return "approve" if given == APPROVE[section] else cast("Decision", given)


def _list(entry: Any, key: str) -> list[Any]:
    value = entry.get(key) if isinstance(entry, dict) else None
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise PlaybookError(f"{key} must be a list of mappings", place=place_of(value) or place_of(entry))
    return value


def _text(entry: Any, key: str, *, needed: bool = True) -> str:
    value = entry.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str):
        raise PlaybookError(
            f"{key} must be a text, not {value!r}" if key in entry else f"{key} is missing",
            place=place_of(entry),
            remedy="Write it in quotes." if key in entry else "",
        )
    return value
