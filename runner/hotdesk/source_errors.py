"""What is usually behind a YAML parser's complaint, in plain words."""

from __future__ import annotations

import re
from typing import Any

from hotdesk.place import Place

LONGEST_LINE = 1000
"""Characters that are looked at: the expressions below go back and forth."""
QUOTE_ALL = "A value that starts with '{{' needs quotes around all of it: \"{{ name }}\"."
_TEMPLATE = re.compile(r"""(?:^|[:\-]\s+)(?=\{\{)""")
_AFTER_QUOTE = re.compile(r"""[:\-]\s+(?P<quoted>"[^"]*"|'[^']*')\s*[^\s#,\]}:]""")
_COLON_IN_TEXT = re.compile(r"""^\s*(?:- +)?[^\s'"#:][^:#'"]*:\s+(?=[^'"{\[|>\s][^#]*:(?:\s|$))""")


def diagnose(text: str, file: str, problem: Any) -> tuple[str, Place, str]:
    """Message, place and remedy for what PyYAML raised (a MarkedYAMLError, or a ReaderError without marks)."""
    mark: Any = getattr(problem, "problem_mark", None)
    context_mark: Any = getattr(problem, "context_mark", None)
    said = str(getattr(problem, "problem", None) or getattr(problem, "reason", None) or problem)
    if mark is None and context_mark is None:
        return _unreadable(text, file, problem, said)
    mark = mark or context_mark
    lines = text.splitlines()
    context = str(getattr(problem, "context", None) or "")
    if "quoted scalar" in context and context_mark is not None:
        place = Place(file, context_mark.line + 1, context_mark.column + 1)
        return (
            "the quoted text that starts here is not closed properly",
            place,
            "Look for a missing quote or a bad \\ escape.",
        )
    for number in (mark.line, mark.line - 1):
        line = lines[number][:LONGEST_LINE] if 0 <= number < len(lines) else ""
        for look in (_tab, _bare_template, _text_after_quote, _colon_in_text):
            if found := look(line):
                message, column, remedy = found
                return message, Place(file, number + 1, column + 1), remedy
    if "flow" in context and context_mark is not None:
        place = Place(file, context_mark.line + 1, context_mark.column + 1)
        return "the bracket or brace that opens here is not closed properly", place, "Check its commas and its end."
    place = Place(file, mark.line + 1, mark.column + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    return _by_complaint(said, line[mark.column : mark.column + 1], place)


def _by_complaint(said: str, character: str, place: Place) -> tuple[str, Place, str]:
    if "cannot start any token" in said:
        return (
            f"unquoted text cannot start with {character!r}",
            place,
            "Put quotes around the value.",
        )
    if "undefined alias" in said:
        return "'*' refers to an anchor that is not defined above", place, "Text that starts with '*' needs quotes."
    if "did not find expected alphabetic or numeric" in said:
        return f"{character!r} is not allowed here", place, "Text that starts with '*', '&' or '!' needs quotes."
    if "mapping values are not allowed" in said:
        remedy = "Check the indentation against the line above; text that holds ': ' needs quotes."
        return "a 'key: value' cannot stand here", place, remedy
    if "expected <block end>" in said or "did not find expected" in said or "could not find expected" in said:
        remedy = "Check the indentation against the lines above, and that every key is followed by ': '."
        parser = f"YAML parsing failed: {said[:1].upper()}{said[1:]}"
        return f"this line does not fit what stands above it ({parser})", place, remedy
    if "sequence entries are not allowed" in said:
        remedy = "Put the '- ' on the next line, indented, or write the list in brackets: [a, b]."
        return "a list cannot begin on the line of its key", place, remedy
    if "mapping keys are not allowed" in said:
        return "text that starts with '? ' needs quotes", place, "Put quotes around the value."
    if "duplicate anchor" in said:
        return "the same anchor is defined twice", place, "Give it another name."
    return f"this is not valid YAML: {said}", place, ""


def _tab(line: str) -> tuple[str, int, str] | None:
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" not in indent:
        return None
    return "a tab is used for indentation, YAML allows only spaces", indent.index("\t"), "Replace the tab by spaces."


def _bare_template(line: str) -> tuple[str, int, str] | None:
    found = _TEMPLATE.search(line)
    return ("a template without quotes", found.end(), QUOTE_ALL) if found else None


def _text_after_quote(line: str) -> tuple[str, int, str] | None:
    found = _AFTER_QUOTE.search(line)
    if not found:
        return None
    remedy = "Put the whole value into quotes of the other kind, or double the quotes inside."
    return "text follows after the closing quote", found.start("quoted"), remedy


def _colon_in_text(line: str) -> tuple[str, int, str] | None:
    found = _COLON_IN_TEXT.search(line)
    return ("this text holds a ': ' and has no quotes", found.end(), "Put quotes around the value.") if found else None


def _unreadable(text: str, file: str, problem: Any, said: str) -> tuple[str, Place, str]:
    position = getattr(problem, "position", None)
    if not isinstance(position, int):
        return f"this is not valid YAML: {said}", Place(file), ""
    before = text.encode("utf-8", "surrogatepass")[:position].decode("utf-8", "replace")
    place = Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    return (
        "a character that YAML does not allow (a control character?)",
        place,
        "Remove it, or write it as a \\x escape in double quotes.",
    )
