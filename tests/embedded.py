"""Fixtures for tests that need SSH but not root: import ``pcs`` or ``make_pcs`` into a conftest."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from hotdesk.demo.embedded import EmbeddedPCs, embedded_pcs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


@pytest.fixture
async def pcs(tmp_path: Path) -> AsyncIterator[EmbeddedPCs]:
    """Two embedded PCs, pc1 and pc2."""
    async with embedded_pcs(["pc1", "pc2"], tmp_path / "pcs") as running:
        yield running


@pytest.fixture
async def make_pcs(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[EmbeddedPCs]]]:
    """``await make_pcs("desk", "laptop", ...)``: embedded PCs of those names."""
    async with AsyncExitStack() as stack:
        started = 0

        async def make(*names: str) -> EmbeddedPCs:
            nonlocal started
            started += 1
            return await stack.enter_async_context(embedded_pcs(names, tmp_path / f"pcs{started}"))

        yield make
