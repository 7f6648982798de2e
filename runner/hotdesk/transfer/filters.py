"""Filter rules: the order that makes them safe, the traps of their syntax, and rules that stand in a directory.

The syntax is rsync's (rsync(1), FILTER RULES). A file of rules that stands in a directory (``.hotdesk-filter``) is read on the *source*
and becomes part of the one list that both ends get. rsync's own ``dir-merge`` would read it at the receiver while it deletes, where a
new file of rules is not yet: it would protect nothing, and a dry run could not show that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hotdesk.frozen import frozen
from hotdesk.results import Problem
from hotdesk.transfer.excludes import hard_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DIRECTORY_FILTER = ".hotdesk-filter"

_LONG = {
    b"exclude": b"-",
    b"include": b"+",
    b"hide": b"H",
    b"show": b"S",
    b"protect": b"P",
    b"risk": b"R",
    b"merge": b".",
    b"dir-merge": b":",
    b"clear": b"!",
}
_RULE = re.compile(
    rb"(?P<name>exclude|include|hide|show|protect|risk|dir-merge|merge|clear|[-+HSPR.:!])"
    rb"(?:,?(?P<modifiers>[-+/!CsrpxenwW]*))(?:[ _](?P<pattern>.*))?",
    re.DOTALL,
)
_WILD = re.compile(rb"[*?\[]")


@frozen
class Rule:
    """One rule: ``kind`` is the short name (``-``, ``+``, ``H``, ``S``, ``P``, ``R``, ``.``, ``:``, ``!``)."""

    kind: bytes
    modifiers: bytes
    pattern: bytes

    @property
    def text(self) -> bytes:
        comma = b"," if self.modifiers else b""
        return self.kind + comma + self.modifiers + b" " + self.pattern

    @property
    def excludes(self) -> bool:
        return self.kind in b"-HP"


class FilterError(ValueError):
    """A rule that cannot be taken; the message says which and why."""


def parse(text: bytes) -> Rule:
    """One rule. Raises FilterError."""
    found = _RULE.fullmatch(text)
    if found is None or (not found["pattern"] and found["name"] not in (b"!", b"clear")):
        raise FilterError(
            f"{_say(text)} is not a filter rule: it starts with '- ', '+ ', 'P ' or another of rsync's rule names"
        )
    kind = _LONG.get(found["name"], found["name"])
    rule = Rule(kind, found["modifiers"] or b"", found["pattern"] or b"")
    if b"\0" in text or b"\n" in text:
        raise FilterError(f"{_say(text)} holds a line break: one rule a line")
    if kind == b"!":
        raise FilterError(f"{_say(text)} would clear the rules that protect hotdesk's own files")
    if kind in b".:":
        raise FilterError(
            f"{_say(text)}: put the rules into filter_file, or into {DIRECTORY_FILTER} in the directory they are for"
        )
    return rule


def lines(content: bytes) -> list[bytes]:
    """The rules of a file: blank lines and whole-line comments (``#``, ``;``) left out. Blanks at the end of a rule count."""
    return [line for line in content.replace(b"\r\n", b"\n").split(b"\n") if line.strip() and line[:1] not in b"#;"]


def build(
    user: Sequence[bytes], directory_files: Mapping[bytes, bytes], extra: Iterable[bytes] = (), tops: Iterable[str] = ()
) -> list[bytes]:
    """The whole list in its order: hard excludes, ``extra`` (what the way in needs), the user's rules, the rules of directories.

    ``tops``: the directories that are mirrored (``excludes.hard_rules``).
    ``directory_files``: directory (relative to the mirrored one, ``b""`` for itself) -> content. The deepest directory comes first, as
    with rsync's own per-directory files. Raises FilterError naming the directory.
    """
    out = [*hard_rules(tops), *extra, *(parse(rule).text for rule in user)]
    for directory in sorted(directory_files, key=lambda d: (-depth(d), d)):
        for line in lines(directory_files[directory]):
            try:
                out += [rule.text for rule in below(directory, parse(line))]
            except FilterError as exc:
                raise FilterError(f"{_say(directory or b'.')}/{DIRECTORY_FILTER}: {exc}") from exc
    return out


def depth(directory: bytes) -> int:
    return directory.count(b"/") + 1 if directory else 0


def below(directory: bytes, rule: Rule) -> list[Rule]:
    """The rule of a directory's own file as rules for the whole tree: it holds in that directory and below it.

    A pattern without a leading slash matches at any depth there, so it needs two: directly in the directory, and deeper.
    """
    if set(rule.modifiers) - set(b"srp"):
        raise FilterError(f"{_say(rule.text)}: only the modifiers s, r and p can be used in {DIRECTORY_FILTER}")
    if not directory:
        return [rule]
    anchored = rule.pattern.startswith(b"/")
    pattern = rule.pattern.lstrip(b"/") if anchored else rule.pattern
    bodies = [b"/" + pattern] if anchored else [b"/" + pattern, b"/**/" + pattern]
    out = []
    for body in bodies:
        wild = bool(_WILD.search(body) or _WILD.search(directory))
        if wild and not _WILD.search(pattern):  # a backslash is literal only in a pattern without wildcards
            body = body.replace(b"\\", b"\\\\")
        out.append(Rule(rule.kind, rule.modifiers, b"/" + (escape(directory) if wild else directory) + body))
    return out


def escape(literal: bytes) -> bytes:
    """A name as a pattern that matches only that name, for use in a pattern that has wildcards."""
    return re.sub(rb"([\\*?\[\]])", rb"\\\1", literal)


def exactly(name: bytes) -> bytes:
    """An anchored pattern that matches this one path below the mirrored directory."""
    return b"/" + (escape(name) if _WILD.search(name) else name)


def problems(rules: Sequence[bytes], where: str) -> list[Problem]:
    """What cannot be taken at all: each is a reason not to start."""
    out = []
    for rule in rules:
        try:
            parse(rule)
        except FilterError as exc:
            out.append(Problem(f"{where}: {exc}", "See FILTER RULES in rsync(1)."))
    return out


def traps(rules: Sequence[bytes], where: str, root: str) -> list[str]:
    """Rules that rsync takes but that hardly mean what they look like, as warnings."""
    out: list[str] = []
    excluded: list[bytes] = []
    for text in rules:
        try:
            rule = parse(text)
        except FilterError:
            continue
        out += [f"{where}: {_say(text)}: {what}" for what in _traps_of(rule, root)]
        if rule.kind == b"+" and (hidden := _hidden_by(rule.pattern, excluded)):
            out.append(
                f"{where}: {_say(text)} comes too late: {_say(hidden)} above it already excludes that directory; "
                "put the more special rule first"
            )
        if rule.kind in b"-H":
            excluded.append(rule.pattern)
    return out


def _traps_of(rule: Rule, root: str) -> Iterable[str]:
    pattern = rule.pattern
    if re.search(rb"\s#", pattern):
        yield "a comment takes a line of its own; here it is part of the pattern"
    elif pattern != pattern.rstrip():
        yield "blanks at the end are part of the pattern"
    if rule.excludes and pattern.endswith(b"/**"):
        yield "matches what is in the directory but not the directory itself; write '/***', or a single '/' at the end"
    absolute = root.rstrip("/").encode() + b"/"
    if len(absolute) > 1 and pattern.startswith(absolute):
        rest = pattern[len(absolute) - 1 :]
        yield f"a leading slash means {root}, not the root of the file system; write {_say(rest)}"


def _hidden_by(pattern: bytes, excluded: Sequence[bytes]) -> bytes | None:
    """The earlier exclude of a literal parent directory of ``pattern``."""
    parts = pattern.strip(b"/").split(b"/")
    anchor = b"/" if pattern.startswith(b"/") else b""
    parents = {anchor + b"/".join(parts[:n]) for n in range(1, len(parts))}
    for earlier in excluded:
        name = earlier[:-3] if earlier.endswith(b"***") else earlier
        if name.rstrip(b"/") in parents and (name.endswith(b"/") or name == earlier):
            return earlier
    return None


def _say(text: bytes) -> str:
    return repr(text.decode("utf-8", "backslashreplace"))
