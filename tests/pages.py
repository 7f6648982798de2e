"""Pages of docs/ of which a part is written by a program, between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def replaced(page: str, parts: Mapping[str, str]) -> str:
    """The page with each part between its markers. Raises ValueError naming a part whose markers it has not."""
    for name, text in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, found, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the page has no {begin} with {end} after it")
        page = f"{head}{begin}\n{text}\n{end}{tail}"
    return page


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"
