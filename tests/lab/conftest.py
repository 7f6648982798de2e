"""Fixtures: whole PCs for the tests in this folder."""

from __future__ import annotations

import fcntl
import functools
import os
from typing import TYPE_CHECKING

import pytest

from tests.lab.lab import Lab, missing
from tests.lab.machine import NUMBER
from tests.lab.needs import need
from tests.lab.running import at_rest

if TYPE_CHECKING:
    from collections.abc import Iterator


@functools.cache
def alone() -> None:
    """From here to the end of this process no other test run may have this lab: two would take down each other's PCs."""
    session = os.open(f"/run/hotdesk-lab.{NUMBER}.session", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(session, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(session)
        pytest.fail(
            f"lab {NUMBER} is another test run's: wait for its end, or take other labs: LAB_NUMBER=40 make test"
        )


@pytest.fixture(scope="session")
def whole_lab() -> Iterator[Lab]:
    """Three PCs for the session; taken down at its end, and that nothing is left is part of the test."""
    need(missing())
    alone()
    Lab.down()  # what a crashed session may have left
    yield Lab.up(3)
    Lab.down()


@pytest.fixture
def lab(whole_lab: Lab) -> Lab:
    """Three PCs, all on and connected, with nothing of hotdesk running on them."""
    at_rest(whole_lab)
    return whole_lab
