"""Inventories for tests, written as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from hotdesk.inventory.builder import Builder
from hotdesk.inventory.ini import parse_ini
from hotdesk.inventory.load import load_inventory
from hotdesk.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from hotdesk.inventory.model import Inventory
    from hotdesk.place import Place


class Load(Protocol):
    """Loads sources; warnings are in ``warnings``."""

    warnings: list[tuple[str, Place | None]]

    async def __call__(self, *sources: Path | str, settings: Settings = ..., **more: Any) -> Inventory: ...


class _Load:
    def __init__(self, folder: Path) -> None:
        self.warnings: list[tuple[str, Place | None]] = []
        self._folder = folder

    async def __call__(self, *sources: Path | str, settings: Settings = Settings(), **more: Any) -> Inventory:  # noqa: B008
        def warn(text: str, place: Place | None) -> None:
            self.warnings.append((text, place))

        return await load_inventory(
            [str(source) for source in sources], settings=settings, basedir=self._folder, warn=warn, **more
        )


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """``load_inventory`` relative to ``tmp_path``."""
    return _Load(tmp_path)


def from_ini(text: str) -> Inventory:
    """An inventory from INI text."""
    builder = Builder()
    parse_ini(text, "hosts", builder)
    return builder.build(["hosts"])


@pytest.fixture
def site() -> Inventory:
    """Two groups that overlap, one above them, and a loose host."""
    return from_ini("loose\n[web]\nw[1:4]\n[db]\nw4\nd1\nd2\n[site:children]\nweb\ndb\n[empty]\n")
