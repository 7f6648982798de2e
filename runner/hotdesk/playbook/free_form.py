"""Arguments written as one line of text: ``copy: src=a dest="{{ b }}"`` and ``command: make all chdir=/src``.

The rules are Ansible's: words are separated by white space outside quotes and Jinja blocks; a word with an unescaped ``=`` is an
option; the quotes around a whole value are taken away; backslash escapes in option values are decoded; ``\\=`` is a plain equals sign.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from hotdesk.errors import PlaybookError
from hotdesk.source import Trusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotdesk.place import Place

COMMAND_OPTIONS = frozenset(
    {"creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"}
)
"""The only ``k=v`` words that are options in the text of command, shell, raw and script; any other stays part of the command."""

_ENDS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_ESCAPE = re.compile(
    r"\\(?:U[0-9A-Fa-f]{8}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|N\{[^}]+\}|[\\'\"abfnrtv])",
)


def words(text: str, place: Place | None = None) -> list[tuple[int, int]]:
    """(start, end) of every word. Raises PlaybookError for a quote or a Jinja block that is not closed."""
    found: list[tuple[int, int]] = []
    start = -1
    position = 0
    length = len(text)
    while position < length:
        if text[position].isspace():
            if start >= 0:
                found.append((start, position))
                start = -1
            position += 1
            continue
        if start < 0:
            start = position
        position = _piece(text, position, place)
    if start >= 0:
        found.append((start, length))
    return found


def _piece(text: str, position: int, place: Place | None) -> int:
    """The end of the quoted text, Jinja block or single character that begins at ``position``."""
    character = text[position]
    if character == "\\":
        return min(position + 2, len(text))
    if character in "'\"":
        return _quoted(text, position, place)
    if end := _ENDS.get(text[position : position + 2]):
        found = _jinja_end(text, position + 2, end)
        if found < 0:
            raise PlaybookError(
                f"{text[position : position + 2]!r} is not closed by {end!r}", place=place,
                remedy="Close the block, or write the arguments as a mapping.")  # fmt: skip
        return found
    return position + 1


def _quoted(text: str, position: int, place: Place | None) -> int:
    quote = text[position]
    end = position + 1
    while end < len(text):
        if text[end] == "\\":
            end += 2
        elif text[end] == quote:
            return end + 1
        else:
            end += 1
    raise PlaybookError(
        f"a quote ({quote}) is opened and not closed", place=place,
        remedy="Close it, escape it with a backslash, or write the arguments as a mapping.")  # fmt: skip


def _jinja_end(text: str, position: int, end: str) -> int:
    """Just behind the ``end`` that closes the block; quoted text in it does not count. -1: never closed."""
    while position < len(text):
        if text.startswith(end, position):
            return position + 2
        if text[position] in "'\"" and end != "#}":
            closing = text.find(text[position], position + 1)
            position = closing if closing >= 0 else position
        position += 1
    return -1


def parse(text: str, *, command: bool = False, place: Place | None = None) -> dict[str, str]:
    """Options of the text, in order; what is not an option is under ``_raw_params``. Trusted text gives Trusted values.

    ``command``: the text is a command line, kept as it stands except for COMMAND_OPTIONS.
    Raises PlaybookError for unbalanced quotes or blocks.
    """
    where = getattr(text, "place", None) or place
    options: dict[str, str] = {}
    raw: list[tuple[int, int]] = []
    found = words(text, where)
    for start, end in found:
        option = _option(text[start:end])
        if option is None or (command and option[0] not in COMMAND_OPTIONS):
            raw.append((start, end))
        else:
            options[like(text, option[0], where)] = like(text, option[1], where)
    if raw:
        pieces = "".join(_joined(text, raw, keep=command))
        if command:
            before = text[: raw[0][0]] if raw[0] == found[0] else ""
            pieces = before + pieces + (text[raw[-1][1] :] if raw[-1] == found[-1] else "")
        options["_raw_params"] = like(text, pieces, where)
    return options


def like(text: str, piece: str, place: Place | None) -> str:
    """``piece`` as trusted as the ``text`` it was cut out of (``!unsafe`` text is not)."""
    return Trusted(piece, place) if isinstance(text, Trusted) else piece


def _joined(text: str, raw: list[tuple[int, int]], *, keep: bool) -> Iterator[str]:
    """The words that are no options, with the white space that stood before each (a command may span lines)."""
    previous = raw[0][0]
    for number, (start, end) in enumerate(raw):
        if number:
            gap = text[previous:start]
            yield gap if gap.isspace() else ("\n" if "\n" in gap else " ")
        word = text[start:end].removeprefix("\\\n")  # a line that is continued: a lone backslash
        yield word if keep else word.replace("\\=", "=")
        previous = end


def _option(word: str) -> tuple[str, str] | None:
    """``key=value`` as (key, value); None when the word has no equals sign that counts."""
    at = _equals(word)
    if at < 1 or word[0] in "'\"":
        return None
    return word[:at].strip(), unquote(decode_escapes(word[at + 1 :]).strip())


def _equals(word: str) -> int:
    """Where the first equals sign stands that is neither escaped nor in a Jinja block; -1: there is none."""
    position = 0
    while position < len(word):
        if word[position] == "=":
            return position
        if word[position] == "\\":
            position += 2
        elif end := _ENDS.get(word[position : position + 2]):
            position = _jinja_end(word, position + 2, end)
            if position < 0:
                return -1
        else:
            position += 1
    return -1


def unquote(text: str) -> str:
    """Without the quotes around the whole of it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[-2] != "\\":
        return text[1:-1]
    return text


def decode_escapes(text: str) -> str:
    """``\\n``, ``\\t``, ``\\x41``, ``\\u00e9``, ``\\N{BULLET}`` and the like become the character."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: codecs.decode(match.group(0), "unicode-escape"), text)
