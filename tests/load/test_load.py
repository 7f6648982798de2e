"""Sixty names in one inventory, all at work at once, and a Ctrl-C: the sample of ``make load`` that every test run takes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.load.fleet import names
from tests.load.limits import DESCRIPTORS_A_HOST, THREADS, TURN
from tests.load.stops import WAYS, stop

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.sshd, pytest.mark.slow]
HOSTS = 60


async def test_sixty_hosts_at_once_are_stopped_within_the_bound_and_cost_no_threads(tmp_path: Path) -> None:
    """Nothing is left anywhere, no turn of the event loop is long, and a host costs a connection and a coroutine."""
    (way,) = [way for way in WAYS if way.signals == ((0, signal.SIGINT),)]
    async with names(tmp_path, HOSTS) as pcs:
        stopped = stop(pcs, HOSTS, way)
    report = stopped.report
    assert (stopped.code, stopped.left) == (130, 0), stopped.said
    assert stopped.gone <= way.limit, stopped.said
    assert report["turn_cpu"] < TURN
    assert report["threads"] <= THREADS
    assert report["descriptors"] < 20 + HOSTS * DESCRIPTORS_A_HOST
