"""Where a piece of the user's text stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text the user wrote; line and column count from 1 (0: unknown)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])

    def excerpt(self) -> str:
        """The line with a caret below the column; empty when it cannot be read (called once, when an error is shown)."""
        try:
            text = Path(self.file).read_text(encoding="utf-8", errors="replace").splitlines()[self.line - 1]
        except (OSError, IndexError):
            return ""
        if not self.line:
            return ""
        margin = f"{self.line:>5} | "
        caret = "\n" + " " * (len(margin) + self.column - 1) + "^" if self.column else ""
        return f"{margin}{text.rstrip()}{caret}"
