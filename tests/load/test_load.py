"""Sixty names in one inventory, all at work at once, and a Ctrl-C: the sample of ``make load`` that every test run takes. And a long loop."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.load.fleet import Fleet, names
from tests.load.limits import DESCRIPTORS_A_HOST, THREADS, TURN
from tests.load.stops import WAYS, stop

if TYPE_CHECKING:
    from pathlib import Path

HOSTS, ITEMS = 60, 10_000
SLACK = 3.0
"""Other tests run beside this one; ``make load`` judges the exact bounds."""


@pytest.mark.slow
def test_a_loop_of_thousands_of_items_holds_the_event_loop_at_no_time(tmp_path: Path) -> None:
    """Neither its items nor their results, registered, logged and used, are handled in one go."""
    pc = Fleet(tmp_path, {"ansible_connection": "local"}, {"here": {}})
    loop = {"name": "Many", "ansible.builtin.set_fact": {"x": "{{ item }}"}, "register": "many"}
    loop["loop"] = f"{{{{ range({ITEMS}) | list }}}}"
    use = {"name": "Use", "ansible.builtin.assert": {"that": f"many.results | length == {ITEMS}"}}
    assert pc.play(1, pc.playbook("loop", [loop, use]))["turn_cpu"] < TURN


@pytest.mark.sshd
@pytest.mark.slow
async def test_sixty_hosts_at_once_are_stopped_within_the_bound_and_cost_no_threads(tmp_path: Path) -> None:
    """Nothing is left anywhere, no turn of the event loop is long, and a host costs a connection and a coroutine."""
    (way,) = [way for way in WAYS if way.signals == ((0, signal.SIGINT),)]
    async with names(tmp_path, HOSTS) as pcs:
        stopped = stop(pcs, HOSTS, way)
    report = stopped.report
    assert (stopped.code, stopped.left) == (130, 0), stopped.said
    assert stopped.gone <= SLACK * way.limit, stopped.said
    assert report["turn_cpu"] < TURN
    assert report["threads"] <= THREADS
    assert report["descriptors"] < 20 + HOSTS * DESCRIPTORS_A_HOST
