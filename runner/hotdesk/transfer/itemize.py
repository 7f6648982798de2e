"""What rsync prints, read back: itemised changes, progress, totals. Every name comes back as the bytes it has on disk.

rsync(1), OUTPUT and --out-format: characters that are not printable are shown as ``\\#`` and three octal digits, and so is a
backslash that would look like such an escape; under LC_ALL=C that covers newlines and every byte above 0x7f, so the escape can be undone.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hotdesk.errors import TransferError
from hotdesk.results import Progress
from hotdesk.text import brief

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = b"@hd "
OUT_FORMAT = MARK.decode() + "%i %l %n//%L"
"""A name never holds ``//``, so that separates it from what %L adds (`` -> target`` or `` => link``)."""

LONGEST_LINE = 1 << 16
"""Bytes: two paths of 4096, each byte escaped, and what stands around them. What is longer is not rsync's."""
MOST_ITEMS = 1 << 30
"""Bytes that a transfer's items may come to, each counted as its names and ``ITEM`` more: about three million changes."""
ITEM = 200
_LONGEST_PROGRESS = 200
_ITEM = re.compile(rb"@hd (\*deleting|\S{11}) +(\d{1,18}) (.*)", re.DOTALL)
_ESCAPE = re.compile(rb"\\#([0-3][0-7]{2})")
_PROGRESS = re.compile(
    rb"\s*([\d.,]{1,30}) +\d+% +\S+/s +[\d:]+\s*(?:\(xfr#\d+, (?:ir|to)-chk=(\d{1,18})/(\d{1,18})\))?\s*$"
)
_STAT = re.compile(rb"(Number of files|Total file size|Total transferred file size): ([\d.,]{1,30})")


def unescape(text: bytes) -> bytes:
    """Undo rsync's ``\\#ooo``."""
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), text) if b"\\#" in text else text


def shown(name: bytes) -> str:
    """A name for people and results: UTF-8 where it is, ``\\xNN`` and ``\\n`` where it is not; never two names alike."""
    text = name.decode("utf-8", "surrogateescape")
    if "\\" not in text and text.isprintable():
        return text
    text = text.replace("\\", "\\\\")
    return "".join(
        f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c if c.isprintable() else _escaped(c)
        for c in text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


class Item(NamedTuple):
    """One change. ``flags`` is rsync's %i (``>f.st......``, ``*deleting``); ``name`` is relative to the mirrored directory."""

    flags: str
    name: bytes
    size: int = 0
    link: bytes = b""
    """What %L said: `` -> target`` of a symlink, `` => name`` of a hard link."""

    @property
    def deletes(self) -> bool:
        return self.flags.startswith("*")

    @property
    def creates(self) -> bool:
        return self.flags[2:].startswith("++")

    @property
    def verb(self) -> str:
        """delete, create, update (content) or attributes."""
        if self.deletes:
            return "delete"
        if self.creates:
            return "create"
        return "attributes" if self.flags.startswith(".") else "update"

    @property
    def path(self) -> bytes:
        """The name without the slash that marks a directory; ``.`` is the mirrored directory itself."""
        return self.name.rstrip(b"/") or b"/"

    def __str__(self) -> str:
        return f"{self.flags} {shown(self.name)}{shown(self.link)}"


def parse_item(line: bytes) -> Item | None:
    """The item in a line of output; None when it is something else."""
    found = _ITEM.fullmatch(line) if line.startswith(MARK) else None
    if found is None:
        return None
    flags, size, rest = found.groups()
    name, _, link = rest.partition(b"//")
    if link.startswith(b"/"):  # "dir/" + "//": the first pair took the directory's own slash
        name, link = name + b"/", link[1:]
    return Item(sys.intern(flags.decode("ascii", "replace")), unescape(name), int(size), unescape(link))


@dataclass(slots=True)
class Totals:
    """From --stats: entries in the file list, bytes of all files, bytes of the files that were (or would be) sent."""

    entries: int = 0
    size: int = 0
    transferred: int = 0


@dataclass(slots=True)
class Output:
    """A reader of rsync's stdout: feed it chunks as they come, call ``close`` at the end.

    Progress lines end in ``\\r``, the others in ``\\n``, and a progress line may be cut anywhere. What no rsync prints, and more of it
    than fits into memory, is a TransferError: the other end may be anything.
    """

    on_progress: Callable[[Progress], None] | None = None
    bytes_total: int = 0
    items: list[Item] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    """Lines about directories that could not be removed: harmless when a rule protects their content, the reason when rsync fails."""
    totals: Totals = field(default_factory=Totals)
    clock: Callable[[], float] = time.monotonic
    _rest: bytes = b""
    _cost: int = 0
    _pace: Pace | None = None
    _latest: Progress = field(default_factory=Progress)

    def feed(self, chunk: bytes) -> None:
        lines = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_LINE:
            raise TransferError(f"rsync prints a line of more than {LONGEST_LINE} bytes")
        newest = b""
        for line in lines:
            if line[:1] == b" " and b"%" in line:
                newest = line  # only the newest progress matters: there is one for each file
            elif line:
                self._line(line)
        if newest:
            self._line(newest)

    def close(self) -> None:
        """Take the last line, and say that all is done when something was under way."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def complete(self) -> None:
        """rsync ended well: the bar goes to its end whatever was printed last."""
        last = self._latest
        if self.on_progress is not None and (last.bytes_done or last.files_total):
            total = max(self.bytes_total, last.bytes_done)
            self.on_progress(
                Progress(
                    bytes_done=total,
                    bytes_total=total,
                    files_done=last.files_total,
                    files_total=last.files_total,
                    rate=last.rate,
                    eta=0.0,
                )
            )

    def _line(self, line: bytes) -> None:
        item = parse_item(line)
        if item is not None:
            self._keep(item)
        elif (found := _progress(line)) is not None:
            self._progressed(found)
        elif (stat := _STAT.match(line)) is not None:
            self._stat(stat[1], number(stat[2]))
        elif line.startswith(b"cannot delete non-empty directory"):
            self.kept = [*self.kept[:999], line]
        elif not _CHATTER.match(line) and len(self.messages) < 1000:
            self.messages.append(brief(shown(unescape(line))))

    def _keep(self, item: Item) -> None:
        self.items.append(item)
        self._cost += ITEM + len(item.name) + len(item.link)
        if self._cost > MOST_ITEMS:
            raise TransferError(f"rsync lists more than {len(self.items) - 1} changes, which is more than can be kept")

    def _stat(self, name: bytes, value: int) -> None:
        if name == b"Number of files":
            self.totals.entries = value
        elif name == b"Total file size":
            self.totals.size = value
        else:
            self.totals.transferred = value

    def _progressed(self, found: re.Match[bytes]) -> None:
        if self.on_progress is None:
            return
        done = number(found[1])
        if self._pace is None:
            self._pace = Pace(self.clock())
        rate = self._pace.at(self.clock(), done)
        left = self.bytes_total - done
        last = self._latest
        total = int(found[3]) if found[3] else last.files_total
        self._latest = Progress(
            bytes_done=done,
            bytes_total=max(self.bytes_total, done) if self.bytes_total else 0,
            files_done=total - int(found[2]) if found[2] else last.files_done,
            files_total=total,
            rate=rate,
            eta=left / rate if rate > 0 and self.bytes_total and left > 0 else None,
        )
        self.on_progress(self._latest)


_CHATTER = re.compile(
    rb"(Number of|Total |Literal data|Matched data|File list|sent [\d.,]+ bytes|total size is|sending incremental|"
    rb"building file list| *\d+ files\.\.\.|\d+ files to consider|delta-transmission|"
    rb"created (directory|\d+ director))"
)


def _progress(line: bytes) -> re.Match[bytes] | None:
    return _PROGRESS.fullmatch(line) if len(line) <= _LONGEST_PROGRESS else None


def number(text: bytes) -> int:
    """A count as rsync prints it: digits are grouped, with a comma or, in other locales, a dot."""
    return int(re.sub(rb"\D", b"", text) or b"0")


class Pace:
    """A rate over the last seconds (exponential average, time constant 3 s), so that the remaining time does not jump."""

    CONSTANT = 3.0

    def __init__(self, now: float) -> None:
        self._at, self._bytes, self.rate = now, 0, 0.0

    def at(self, now: float, done: int) -> float:
        """The rate (bytes/s) when ``done`` bytes are through at ``now``."""
        elapsed = now - self._at
        if elapsed >= 0.2:
            latest = (done - self._bytes) / elapsed
            weight = 1.0 if not self.rate else min(1.0, elapsed / self.CONSTANT)
            self.rate += (latest - self.rate) * weight
            self._at, self._bytes = now, done
        return self.rate
