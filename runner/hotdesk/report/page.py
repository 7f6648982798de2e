"""The report of a run: one HTML page that needs nothing but itself.

What a host said is data: the template escapes everything, and control characters are shown, not obeyed. The page's policy (Content-Security-Policy)
lets nothing run but its own script and style, by their digests, and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from hotdesk import __version__
from hotdesk.report.bars import WIDTH
from hotdesk.report.view import view
from hotdesk.text import safe, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hotdesk.report.story import Story

FOLDER = files("hotdesk.report") / "html"


def write(story: Story, path: Path) -> None:
    """Write the page to ``path``, readable only by its owner, in one move. Raises OSError."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False
    ) as file:
        try:
            put(story, file)
            Path(file.name).replace(path)
        except BaseException:
            os.unlink(file.name)  # noqa: PTH108
            raise


def put(story: Story, file: IO[str]) -> None:
    """The page into an open file, piece by piece."""
    style, script = _text("page.css"), _text("page.js")
    policy = f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'; form-action 'none'"
    stream = _environment().get_template("page.html.j2").stream(
        style=Markup(style), script=Markup(script), policy=policy, version=__version__, WIDTH=WIDTH, **view(story)
    )  # fmt: skip
    stream.enable_buffering(100)
    file.writelines(stream)
    file.flush()


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )  # fmt: skip
    environment.filters |= {
        "size": size,
        "seconds": elapsed,
        "clock": clock,
        "when": when,
        "numbers": numbers,
        "many": many,
    }
    return environment


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _harmless(value: Any) -> Any:
    """What the template is about to put on the page; markup is its own."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else safe(value)


# Filters of the template


def elapsed(seconds: float) -> str:
    """``0.4 s``, ``34 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def clock(at: float) -> str:
    """The time of day, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def when(at: float) -> str:
    """Day and time, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def numbers(hosts: Iterable[int]) -> str:
    """Hosts as the page's script reads them."""
    return " ".join(map(str, hosts))


def many(count: int, one: str, more: str = "") -> str:
    """``1 host``, ``3 hosts``."""
    return f"{count:,} {one if count == 1 else more or one + 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")
