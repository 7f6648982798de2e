"""Deciding on a plan at the terminal: a screen for each kind of change. No run is under way meanwhile."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import click
import yaml

from hotdesk.cli.editing import edited
from hotdesk.jobs.plan_file import ALLOW, APPROVE, KEEP
from hotdesk.text import brief, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Entry = dict[str, Any]

HELP = {
    "topology": "Enter: do nothing at all on these.  allow: overwrite all of them.  allow 2: this one.  quit: nothing at all.",
    "changes": "Enter: do all.  skip: none.  skip 2 4-6: these not.  never 3: never on that machine.  edit: in $EDITOR.  quit: nothing at all.",
    "conflicts": "Enter: leave all.  keep: do all, save theirs beside.  keep 2 4-6: these.  discard 3: lose theirs.  "
    "never 3: never on that machine.  edit: in $EDITOR.  quit: nothing at all.",
    "removals": "Enter: remove none.  remove: all.  remove 2 4-6: these.  never 3: never on that machine.  edit: in $EDITOR.  quit: nothing at all.",
}
"""What may be answered, by what it is about; several with a semicolon between them."""
WORDS = {
    "topology": {ALLOW},
    "changes": {"skip", "never"},
    "conflicts": {APPROVE["conflicts"], KEEP, "never"},
    "removals": {APPROVE["removals"], "never"},
}
AROUND = 6
"""Lines of a screen that are not changes."""


def decided(path: Path, ask: Callable[[str], str] | None = None) -> bool:
    """Blocks: put a person's decisions into a plan file; False when nothing is to be done at all. Raises UsageError for a failing editor."""
    ask = ask or _asked
    document = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    screens = list(_screens(document))
    for number, (title, section, entries) in enumerate(screens, start=1):
        click.echo(f"\n({number}/{len(screens)}) {safe(title)}")
        for index, entry in enumerate(entries, start=1):
            click.echo(_line(index, entry) if section != "topology" else _host_line(index, entry))
        while True:
            answer = ask(HELP[section]).strip()
            if answer == "quit":
                return False
            if answer == "edit":
                path.write_bytes(edited(_text(document).encode(), suffix=".yml"))
                return True
            try:
                decisions = decide(answer, len(entries), section)
            except ValueError as exc:
                click.echo(str(exc))
                continue
            for entry, decision in zip(entries, decisions, strict=True):
                entry["decision"] = decision
            break
    path.write_text(_text(document), encoding="utf-8")
    return True


def _text(document: dict[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
    return text


def decide(answer: str, count: int, section: str) -> list[str]:
    """The decisions on ``count`` changes. Raises ValueError saying what is not understood; then nothing is decided."""
    out = [APPROVE["changes"] if section == "changes" else "skip"] * count
    for part in filter(None, (each.strip() for each in answer.split(";"))):
        word, _, rest = part.partition(" ")
        if word not in WORDS[section]:
            raise ValueError(f"{word!r} is not understood here")
        if word == "never" and not rest:
            raise ValueError("never needs the numbers of the changes")
        for index in _numbers(rest, count) if rest else range(count):
            out[index] = word
    return out


def _numbers(text: str, count: int) -> Iterator[int]:
    """``2 4-6`` -> 1, 3, 4, 5."""
    for word in re.split(r"[\s,]+", text.strip()):
        found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", word)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= count:
            raise ValueError(f"{word!r} is no number from 1 to {count}")
        yield from range(first - 1, last)


def _screens(document: dict[str, Any]) -> Iterator[tuple[str, str, list[Entry]]]:
    """(title, what they are about, entries): the hosts, then changes of one step and verb together, as many as a screen shows."""
    room = max(5, shutil.get_terminal_size().lines - AROUND)
    if hosts := document.get("topology"):
        yield "PCs that may hold work of their own", "topology", hosts
    for key in ("changes", "conflicts", "removals"):
        for step in document["steps"]:
            kinds: dict[str, list[Entry]] = {}
            for entry in step.get(key) or ():
                kinds.setdefault(entry["change"].partition(" ")[0], []).append(entry)
            for verb, entries in kinds.items():
                for start in range(0, len(entries), room):
                    title = f"{step['task']} ({step['job']}, from {', '.join(step['source'])}): {verb}, {len(entries)} in all"
                    yield title, key, entries[start : start + room]


def _line(index: int, entry: Entry) -> str:
    undo = "" if entry.get("undo") or not entry.get("before") else "; cannot be undone"
    about = brief(entry.get("conflict") or entry.get("detail", ""), 60)
    return safe(f"{index:>4}  {brief(entry['change'], 70)}  [{', '.join(entry['hosts'])}]  {about}{undo}").rstrip()


def _host_line(index: int, entry: Entry) -> str:
    return "\n".join(safe(f"{index:>4}  {entry['host']}: {text}") for text in entry["found"])


def _asked(text: str) -> str:
    answer: str = click.prompt(text + "\n>", default="", show_default=False, prompt_suffix=" ")
    return answer
