"""What a test cannot do without."""

from __future__ import annotations

import os

import pytest


def need(lacking: str) -> None:
    """Skip by name for what is ``lacking`` here (see ``machine.missing``); in CI that is a failure. Nothing when it is empty."""
    if lacking:
        pytest.fail(lacking) if os.environ.get("CI") else pytest.skip(lacking)
