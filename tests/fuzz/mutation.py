"""Spoiling text the way people and editors do, and a little worse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = st.DrawFn

ODD = (
    "\t", "\x00", "\ufeff", "\r", "\x85", "\u2028", "\x1b[31m", "\x7f", "é", "😀", "\ufffe", "{{", "}}", "{%", "%}", "{#", "{{ x }}", ":", ": ",
    "- ", "'", '"', "\\", "|", "|2", ">", "%", "@", "`", "#", " #", "&a ", "*a", "*b", "<<: *a", "? ", "!", "!!", "!vault ", "!unsafe ",
    "!!python/object:os.system ", "!!python/object/apply:os.system [id]", "!!set ", "!!binary ", "!!int ", "{", "}", "[", "]", ",", "=", "~",
    "---\n", "...\n", "\n", "\n\n", " ", "    ", "$(id)", "`id`", ";", "&&", "../", "/", "0", "[1:999999999]", "[a:z]", "[", "![", "\\x",
    "\\u12",
)  # fmt: skip
VALUES = (
    "null", "~", "true", "no", "1", "-1", "0", "1.5", "1e400", "-.inf", ".nan", "0x1f", "0o17", "017", "1_000", "190:20:30",
    "99999999999999999999999", "''", '""', "' '", "[]", "{}", "[1, 2]", "{a: b}", "[[a]]", "[{a: [b]}]", "[null]", "{1: 2}", "{null: 1}",
    "{true: 1}", "2026-01-01", "2026-13-45", "2026-01-01T10:00:00Z", "!!binary aGk=", "!!binary '*'", "!!set {a, b}", "!!omap [a: 1]",
    "!!float x", "!!int x", "!!bool x", "!!timestamp x", "!!null x", "!!str 1", "!unsafe '{{ a }}'", "!vault abc", "!vault {a: b}", "!other x",
    "=", "<<", "&a [*a]", "&a {b: *a}", "*nothere", "'{{ a }}'", "'{{ a'", "'{% if %}'", "{{ a }}", "'{{ 1 / 0 }}'",
    '\'{{ lookup("nothere") }}\'', "'{{ [] | first }}'", "a b=c", "a='b", "x" * 300, "'\\u0000'", '"\\0"', '"\\ud800"', "|\n  a\n  b", ">-\n  a",
    "? a\n: b", "é", "a: b: c", "- a", "%", "@x", "`x`", "[", "{", "]", "'", '"',
)  # fmt: skip
_WORD = re.compile(r"[\w.]+")


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


@st.composite
def spoiled(draw: Draw, texts: st.SearchStrategy[str], most: int = 4) -> bytes:
    """A text of ``texts`` after up to ``most`` mutations, in some encoding."""
    text = draw(texts)
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=0, max_size=most)):
        text = change(draw, text)
    encode = draw(st.sampled_from(ENCODINGS))
    return encode(text)


def _at(draw: Draw, count: int) -> int:
    return draw(st.integers(0, max(0, count - 1)))


def delete_line(draw: Draw, text: str) -> str:
    lines = _lines(text)
    at = _at(draw, len(lines))
    return "".join(lines[:at] + lines[at + 1 :])


def duplicate_line(draw: Draw, text: str) -> str:
    lines = _lines(text)
    at = _at(draw, len(lines))
    return "".join(lines[: at + 1] + lines[at:])


def swap_lines(draw: Draw, text: str) -> str:
    lines = _lines(text)
    if len(lines) > 1:
        one, two = _at(draw, len(lines)), _at(draw, len(lines))
        lines[one], lines[two] = lines[two], lines[one]
    return "".join(lines)


def shift_line(draw: Draw, text: str) -> str:
    """Another indentation."""
    lines = _lines(text)
    if lines:
        at = _at(draw, len(lines))
        by = draw(st.sampled_from((-4, -2, -1, 1, 2, 4)))
        lines[at] = " " * by + lines[at] if by > 0 else lines[at].removeprefix(" " * -by)
    return "".join(lines)


def truncate(draw: Draw, text: str) -> str:
    return text[: _at(draw, len(text) + 1)]


def insert(draw: Draw, text: str) -> str:
    at = _at(draw, len(text) + 1)
    return text[:at] + draw(st.sampled_from(ODD)) + text[at:]


def remove(draw: Draw, text: str) -> str:
    at = _at(draw, len(text))
    return text[:at] + text[at + 1 :]


def another_value(draw: Draw, text: str) -> str:
    """What follows a colon or dash becomes something of another type."""
    places = [found.end() for found in re.finditer(r"(?::|-|=) *", text)]
    if not places:
        return text
    at = places[_at(draw, len(places))]
    end = text.find("\n", at)
    value = draw(st.sampled_from(VALUES))
    return f"{text[:at]}{' ' if text[at - 1 : at] == ':' else ''}{value}{text[end:] if end >= 0 else ''}"


def another_word(draw: Draw, text: str) -> str:
    """A word becomes another word of the same text, or an odd value."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    found = words[_at(draw, len(words))]
    other = draw(st.one_of(st.sampled_from(words).map(lambda word: word.group()), st.sampled_from(VALUES)))
    return text[: found.start()] + other + text[found.end() :]


def misspell(draw: Draw, text: str) -> str:
    """One letter is lost, doubled or changes places with the next."""
    words = [found for found in _WORD.finditer(text) if len(found.group()) > 2]
    if not words:
        return text
    found = words[_at(draw, len(words))]
    word = found.group()
    at = _at(draw, len(word) - 1)
    how = draw(st.sampled_from(("lose", "double", "turn", "case")))
    if how == "lose":
        word = word[:at] + word[at + 1 :]
    elif how == "double":
        word = word[: at + 1] + word[at:]
    elif how == "turn":
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    else:
        word = word.swapcase()
    return text[: found.start()] + word + text[found.end() :]


def copy_block(draw: Draw, text: str) -> str:
    """Some lines again, somewhere else."""
    lines = _lines(text)
    if not lines:
        return text
    start = _at(draw, len(lines))
    block = lines[start : start + 1 + _at(draw, 4)]
    to = _at(draw, len(lines) + 1)
    return "".join(lines[:to] + block + lines[to:])


CHANGES = (
    delete_line, duplicate_line, swap_lines, shift_line, truncate, insert, insert, remove, another_value, another_value, another_value,
    another_word, misspell, misspell, copy_block,
)  # fmt: skip
ENCODINGS: tuple[Callable[[str], bytes], ...] = (
    *[lambda text: text.encode("utf-8", "surrogatepass")] * 12,
    lambda text: text.replace("\n", "\r\n").encode("utf-8", "replace"),
    lambda text: b"\xef\xbb\xbf" + text.encode("utf-8", "replace"),
    lambda text: text.encode("latin-1", "replace"),
    lambda text: text.encode("utf-16", "replace"),
    lambda text: text.replace(" ", "\t").encode("utf-8", "replace"),
)
