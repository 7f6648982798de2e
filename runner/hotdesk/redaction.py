"""The one place where secrets are taken out of text on its way to a screen, a log, a report or an error (R12)."""

from __future__ import annotations

import base64
import json
import re
import shlex
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from hotdesk.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST = 4
"""Characters. A shorter secret would blot out ordinary words; it is kept out of events by ``no_log`` alone."""
ORDINARY = frozenset({"true", "false", "none", "null", "localhost", "root", "127.0.0.1"})
"""Values that a vars file may hold and that hide nothing."""
LONGEST_LINE = 4096
"""Characters of a line of a secret that are looked for; what has so many in common with it is that line."""
MASK = "********"
USERINFO = re.compile(r"(?<=://)([^\s/:@\"'\\]*):([^\s/\"'\\]+)@")
"""``user:password@``; a password with an ``@`` in it goes to the last one."""
TOKEN = re.compile(r"(?<=http://|ttps://)[^\s/:@\"'\\]+@")
"""A name alone before a web address is a token, as git hosts give them out."""
FEW = 300
"""Forms. So many are looked for one by one (30 ns each in a short line); of more, those that begin as some place of the text does."""


class Redaction:
    """Knows the secrets of a run and masks them: as they are, and as JSON, shells, Python, URLs, HTML and base64 write them."""

    def __init__(self) -> None:
        self._forms: dict[str, None] = {}
        self._by_start: dict[str, tuple[str, ...]] = {}
        """First SHORTEST characters -> the forms that begin so."""
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        """Mask ``secret`` from now on; each line of a multi-line one by itself. Any thread may call it."""
        with self._lock:
            for line in secret.splitlines():
                text = line.strip()[:LONGEST_LINE]
                if len(text) >= SHORTEST and text.lower() not in ORDINARY and text not in self._forms:
                    self._take(_forms(text))

    def clean(self, text: str) -> str:
        """``text`` without secrets and without what stands for a password in ``scheme://user:password@host``."""
        if self._forms:
            spans = list(self._one_by_one(text) if len(self._forms) <= FEW else self._by_place(text))
            if spans:
                text = _masked(text, sorted(spans))
        if "://" in text:
            text = TOKEN.sub(f"{MASK}@", USERINFO.sub(rf"\1:{MASK}@", text))
        return text

    def json_line(self, record: dict[str, Any]) -> str:
        """An event's record as a line of JSON without secrets. Its own keys stay: a secret may be the word ``task``."""
        line = json.dumps(record)
        return line if self.clean(line) == line else json.dumps(self._clean_data(record))

    def _clean_data(self, value: Any, *, keys: bool = False) -> Any:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {
                self.clean(name) if keys else name: self._clean_data(one, keys=keys or name in THEIRS)
                for name, one in value.items()
            }
        if isinstance(value, list):
            return [self._clean_data(one, keys=keys) for one in value]
        if isinstance(value, int | float) and self._forms and not isinstance(value, bool):
            return value if self.clean(text := str(value)) == text else MASK
        return value

    def clean_error(self, error: BaseException) -> None:
        """Take secrets out of an exception, and those it came of, before it is shown or written down."""
        seen: set[int] = set()
        waiting: list[BaseException | None] = [error]
        while waiting:
            one = waiting.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            one.args = tuple(self.clean(part) if isinstance(part, str) else part for part in one.args)
            for name in ("message", "remedy"):
                if isinstance(text := vars(one).get(name), str):  # Jinja's are properties, made of args
                    setattr(one, name, self.clean(text))
            waiting += [
                one.__cause__,
                one.__context__,
                *(one.exceptions if isinstance(one, BaseExceptionGroup) else ()),
            ]

    def _take(self, forms: Iterable[str]) -> None:
        for form in forms:
            if form not in self._forms:
                start = form[:SHORTEST]
                self._by_start[start] = (*self._by_start.get(start, ()), form)
                self._forms[form] = None

    def _one_by_one(self, text: str) -> Iterator[tuple[int, int]]:
        for form in tuple(self._forms):  # another thread may add one meanwhile
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = text.find(form, at + 1)

    def _by_place(self, text: str) -> Iterator[tuple[int, int]]:
        known = self._by_start
        for at in range(len(text) - SHORTEST + 1):
            if text[at : at + SHORTEST] in known:
                for form in known[text[at : at + SHORTEST]]:
                    if text.startswith(form, at):
                        yield at, at + len(form)


THEIRS = frozenset({"result", "args", "custom_stats"})
"""Fields of an event whose mappings have keys that are not ours."""


def _forms(text: str) -> Iterator[str]:
    """How a secret may be written elsewhere."""
    from html import escape  # late: a table of two thousand characters

    plain = [text, safe(text), shlex.quote(text).removeprefix("'").removesuffix("'"), repr(text)[1:-1], escape(text)]
    plain += [quote(text, safe=""), quote_plus(text)]
    for one in dict.fromkeys(plain):
        yield one
        for ascii_only in (True, False):
            within = json.dumps(one, ensure_ascii=ascii_only)[1:-1]
            yield within
            yield json.dumps(within, ensure_ascii=ascii_only)[1:-1]
    yield from _base64(text.encode("utf-8", "surrogateescape"))


def _base64(data: bytes) -> Iterator[str]:
    """The digits that ``data`` gives wherever it stands in what is encoded: at three offsets, its neighbours' share left out."""
    for offset, first in enumerate((0, 2, 3)):
        coded = base64.b64encode(bytes(offset) + data).decode()
        last = (0, 3, 2)[(offset + len(data)) % 3]
        digits = coded[first : len(coded) - last]
        if len(digits) >= SHORTEST:
            yield digits
            yield digits.replace("+", "-").replace("/", "_")


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    """Overlapping finds become one mask."""
    out: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            out += [text[end:start], MASK]
            end = stop
        elif stop > end:
            end = stop
    return "".join([*out, text[end:]])
