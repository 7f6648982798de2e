"""Where a piece of the user's text stands."""

from __future__ import annotations

from pathlib import Path

from hotdesk.frozen import frozen


@frozen
class Place:
    """A position in a text the user wrote; line and column count from 1 (0: unknown)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])

    def excerpt(self) -> str:
        """The line and the two before it, with a caret below the column, as Ansible shows them; empty when it cannot be read."""
        try:
            lines = Path(self.file).read_text(encoding="utf-8", errors="replace").splitlines()[: self.line]
        except OSError:
            return ""
        if not self.line or len(lines) < self.line:
            return ""
        width = len(str(self.line))
        shown = [
            f"{number:>{width}} {lines[number - 1].rstrip()}" for number in range(max(1, self.line - 2), self.line + 1)
        ]
        if self.column:
            shown.append(" " * (width + self.column) + f"^ column {self.column}")
        return "\n".join(shown)
