"""Fixtures: whole PCs for the tests in this folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.lab.lab import Lab, missing

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
    for pc in whole_lab:
        if pc.init is None:
            pc.on()
            pc.wait_for_ssh()
        pc.unhang()
        pc.heal()
        assert not pc.marked("HOTDESK_RUN="), f"{pc.name} still runs something of an earlier test"
    return whole_lab
