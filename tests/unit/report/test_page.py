"""The page, as text: what it must never hold, and how long it may get."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.runs import BEGIN, NASTY, large, small, written

from hotdesk import events as ev
from hotdesk.redaction import MASK, Redaction
from hotdesk.report.fold import read
from hotdesk.report.page import elapsed, many, write
from hotdesk.results import failure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LARGEST = 6 << 20
"""Bytes of a page, whatever happened."""
MEMORY = 200 << 10
"""KiB that making it may take, the interpreter and its modules among them."""


def page(folder: Path, events: Iterable[ev.Event], redaction: Redaction | None = None) -> str:
    """The page of a run of these events."""
    write(read(written(folder / "r1.jsonl", events, redaction)), folder / "r1.html")
    return (folder / "r1.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Every element with its attributes, and the elements that were never closed."""

    VOID = frozenset({"meta", "input", "option", "rect", "line", "polyline", "polygon", "title"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_it_needs_nothing_but_itself(tmp_path: Path) -> None:
    """No element loads anything; links stay on the page; every element is closed; one script, one style."""
    elements = Elements(page(tmp_path, small()))
    assert elements.open == []
    for tag, attributes in elements.found:
        assert not {"src", "srcset", "data", "action", "style", "background"} & attributes.keys(), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#")
    tags = [tag for tag, _ in elements.found]
    assert (tags.count("script"), tags.count("style"), tags.count("link")) == (1, 1, 0)


def test_its_policy_allows_its_own_script_and_style_alone(tmp_path: Path) -> None:
    """By their digests, in the first lines, before anything that they could forbid."""
    text = page(tmp_path, small())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert policy.start() < text.index("<style>")
    allowed = html.unescape(policy[1])
    assert allowed.startswith("default-src 'none'; ")
    assert "unsafe" not in allowed
    for tag in ("style", "script"):
        inner = text[text.index(f"<{tag}>") + len(tag) + 2 : text.rindex(f"</{tag}>")]
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in allowed


def test_what_a_host_said_is_text(tmp_path: Path) -> None:
    """No markup of it survives, and no character that turns or hides others; it is there to be read all the same."""
    text = page(tmp_path, small())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "<img" not in text
    assert "<script>document" not in text
    assert html.escape("<script>document.title=").replace("&#x27;", "&#39;") in text
    assert "\\x1b[2J\\u202e" in text
    assert NASTY not in text


def test_a_host_may_have_any_name(tmp_path: Path) -> None:
    """Names stand in attributes too."""
    events = [
        ev.PlayStarted(at=BEGIN, play="p", hosts=(f'"><b>{NASTY}',)),
        ev.Warned(at=BEGIN, host=f'"><b>{NASTY}', text="x"),
    ]
    assert "b" not in {tag for tag, _ in Elements(page(tmp_path, events)).found}


def test_secrets_of_a_run_are_not_on_its_page(tmp_path: Path) -> None:
    """They never got into its log: as they are, and as JSON or HTML write them."""
    secret = 'hunter2<&"x'
    redaction = Redaction()
    redaction.add(secret)
    events = [
        ev.RunStarted(at=BEGIN, run="r", command=("hotdesk", "-e", secret)),
        ev.TaskStarted(at=BEGIN, task="t", name=f"With {secret}", action="command"),
        ev.TaskFinished(at=BEGIN, task="t", host="vega", result=failure(f"no {secret}", stderr=secret, cmd=[secret])),
        ev.Warned(at=BEGIN, host="vega", text=f"{secret} is weak"),
    ]
    text = page(tmp_path, events, redaction)
    assert "hunter2" not in text
    assert text.count(MASK) >= 5


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """And what was there is replaced whole."""
    (tmp_path / "r1.html").write_text("before")
    page(tmp_path, small())
    assert (tmp_path / "r1.html").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.suffix not in (".jsonl", ".html")] == []


MAKE = """
import re, sys
from pathlib import Path
from hotdesk.report.fold import read
from hotdesk.report.page import write
write(read(Path(sys.argv[1])), Path(sys.argv[2]))
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])  # ru_maxrss would count whoever started it, too
"""


@pytest.mark.slow
def test_a_large_run_makes_a_bounded_page(tmp_path: Path) -> None:
    """200 hosts with 100 tasks each, all different: so many bytes, so much memory, and what is left out is said."""
    log = written(tmp_path / "r2.jsonl", large(200, 100))
    assert log.stat().st_size > 2 * LARGEST
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(log), str(tmp_path / "r2.html")],
        check=True, capture_output=True, text=True, timeout=250,
    )  # fmt: skip
    assert int(done.stdout) < MEMORY
    text = (tmp_path / "r2.html").read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert "pc199" in text
    (footer,) = re.findall(r"<footer>\s*(.+)", text)
    for what in ("sets of changes", "transfers", "warnings"):
        assert re.search(rf"\d+ {what}", footer), footer


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.7, "1 h 00 min"), (7325, "2 h 02 min")],
)  # fmt: skip
def test_durations_are_told_as_people_do(seconds: float, text: str) -> None:
    """To two places."""
    assert elapsed(seconds) == text


def test_numbers_are_told_with_their_noun() -> None:
    """One, many, thousands."""
    assert [many(1, "host"), many(2, "host"), many(1234, "entry", "entries")] == [
        "1 host",
        "2 hosts",
        "1\u202f234 entries",
    ]
