"""Fixtures: whole PCs for the tests in this folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.lab.lab import Lab, missing
from tests.lab.running import at_rest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def whole_lab() -> Iterator[Lab]:
    """Three PCs for the session; taken down at its end, and that nothing is left is part of the test."""
    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    Lab.down()  # what a crashed session may have left
    yield Lab.up(3)
    Lab.down()


@pytest.fixture
def lab(whole_lab: Lab) -> Lab:
    """Three PCs, all on and connected, with nothing of hotdesk running on them."""
    at_rest(whole_lab)
    return whole_lab
