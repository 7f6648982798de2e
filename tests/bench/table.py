"""What a part of the benchmark has measured, as tables: printed line by line, and written into docs/performance.md."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.matrix.peers.__main__ import machine, versions
from tests.pages import replaced, row

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


@dataclass(slots=True)
class Table:
    """Its head is printed when it is made, each line when it is added."""

    head: tuple[str, ...]
    about: str = ""
    """A sentence below it."""
    lines: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        print("\n" + row(*self.head), flush=True)

    def add(self, *cells: str) -> None:
        """One more line."""
        self.lines.append(cells)
        print(row(*cells), flush=True)

    @property
    def text(self) -> str:
        """Markdown."""
        lines = [row(*self.head), row(*("---" for _ in self.head)), *(row(*cells) for cells in self.lines)]
        return "\n".join([*lines, *(["", self.about] if self.about else [])])


def judged(ratio: float, aim: float | None, who: str = "") -> str:
    """The cell of an aim: how many times, and whether it is met."""
    if aim is None:
        return ""
    wanted = f"{aim:g}x {who}".strip()
    return wanted if ratio >= aim else f"**{wanted}: missed**"


def setting(busy: float) -> str:
    """When, where, which versions; ``busy``: the load (of the last minute) at the beginning."""
    rsync = subprocess.run(["rsync", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    known = {"asyncssh": importlib.metadata.version("asyncssh"), **versions(), "rsync": rsync}
    words = ", ".join(version if name in version else f"{name} {version}" for name, version in known.items())
    return f"{time.strftime('%Y-%m-%d')}, {machine()}, load {busy:.1f} at the beginning; {words}."


def write(part: str, tables: Sequence[Table], busy: float) -> None:
    """Put a part of the benchmark into the page. Raises ValueError when the page has no place for it."""
    text = "\n\n".join([setting(busy), *(table.text for table in tables)])
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), {f"make bench {part}": text}), encoding="utf-8")


def load() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]
