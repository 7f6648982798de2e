"""What rsync's end means (rsync(1), EXIT VALUES), and which paths its messages name."""

from __future__ import annotations

import re
from signal import SIGKILL
from typing import TYPE_CHECKING

from hotdesk.errors import HostError, LinkLost, TransferError, Unreachable
from hotdesk.frozen import frozen
from hotdesk.text import brief
from hotdesk.transfer.itemize import LONGEST_LINE, shown, unescape

if TYPE_CHECKING:
    from collections.abc import Iterable

MEANING = {
    1: "rsync refused its command line",
    2: "the two rsyncs do not speak the same protocol",
    3: "a path could not be selected",
    4: "one of the two rsyncs lacks a feature that was asked for",
    5: "the two rsyncs could not begin",
    10: "the connection between the two rsyncs broke",
    11: "a file could not be read or written",
    12: "the stream between the two rsyncs broke",
    13: "a diagnostic could not be passed on",
    14: "two processes of one rsync lost each other",
    19: "rsync got a signal it did not expect",
    20: "rsync was stopped by a signal",
    21: "an rsync process could not be waited for",
    22: "rsync ran out of memory",
    23: "some files could not be transferred",
    24: "some files vanished on the source before they could be transferred",
    25: "the limit of deletions stopped it",
    30: "no data came for too long",
    35: "the receiver did not answer in time",
    127: "rsync was not found",
}
VANISHED = 24
LEFT = "What it was writing may lie beside its destination as .NAME.xxxxxx: delete it, or mirror with delete: true."
"""rsync tidies up after every other signal."""
LINK_CODES = frozenset({10, 12, 30, 35, 255})
_NAMED = re.compile(r'"(.*)"|could not make way for [^:]{0,100}: (.*)|cannot delete non-empty directory: (.*)')
_TEMPORARY = re.compile(rb"(^|/)\.([^/]+)\.[A-Za-z0-9]{6}$")
_CLOSING = re.compile(r"^rsync error: |^rsync: (\[\w+\] )?connection unexpectedly closed|^rsync: (\[\w+\] )?read error")


@frozen
class Complaint:
    """A line of rsync's stderr: its text, and the path it names if any."""

    text: str
    path: str = ""

    @property
    def no_space(self) -> bool:
        return "No space left on device" in self.text or "Disk quota exceeded" in self.text

    @property
    def vanished(self) -> bool:
        return "has vanished: " in self.text


def complaints(stderr: bytes) -> list[Complaint]:
    """What stderr says, line by line, without the closing remarks that only repeat the exit code."""
    out = []
    for raw in stderr.splitlines():
        text = raw[:LONGEST_LINE].decode("utf-8", "backslashreplace").strip()
        if not text or _CLOSING.match(text):
            continue
        found = _NAMED.search(text)
        path = ""
        if found:
            name = unescape(next(filter(None, found.groups()), "").encode())
            path = shown(_TEMPORARY.sub(rb"\1\2", name) if "mkstemp" in text else name)
        out.append(Complaint(shown(unescape(text.encode())), path))
    return out


def vanished(said: Iterable[Complaint]) -> list[str]:
    """The paths that were gone when their turn came (exit code 24)."""
    return [c.path or c.text for c in said if c.vanished]


def error(code: int, stderr: bytes, *, source: str, target: str, signal: int | None = None) -> HostError:
    """The exception for rsync's exit ``code`` (not 0, not 24). ``source`` and ``target`` are host names for the message; ``signal`` is what
    ended the one of the two whose code this is."""
    said = complaints(stderr)
    data = {
        "rc": code,
        "paths": list(dict.fromkeys(c.path for c in said if c.path and not c.vanished)),
        "stderr": text_of(said),
    }
    road = f"from {source} to {target}"
    full = next((c for c in said if c.no_space), None)
    if full is not None:
        where = f" at {full.path}" if full.path else ""
        return TransferError(
            f"no space left on {target}{where} ({road})", data=data, remedy="Free some space, then run it again."
        )
    if code == 30:
        return Unreachable(f"{MEANING[30]} {road}", data=data)
    detail = "; ".join(brief(c.text) for c in said[:5]) + (f"; and {len(said) - 5} more" if len(said) > 5 else "")
    if signal is not None or code in (19, 20):
        return TransferError(
            f"rsync {road} was stopped by a signal", data=data, remedy=LEFT if signal == SIGKILL else ""
        )
    if code in LINK_CODES and not said:
        return LinkLost(f"{MEANING.get(code, 'the connection broke')} {road} (rsync exit code {code})", data=data)
    meaning = MEANING.get(code, "rsync failed")
    return TransferError(f"{meaning} {road} (rsync exit code {code})" + (f": {detail}" if detail else ""), data=data)


def text_of(said: Iterable[Complaint], most: int = 200) -> str:
    """The complaints as one bounded text."""
    lines = [c.text for c in said]
    return "\n".join(lines[:most] + ([f"... and {len(lines) - most} more lines"] if len(lines) > most else []))
