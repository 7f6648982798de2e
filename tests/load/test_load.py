"""Sixty names in one inventory, all at work, and a Ctrl-C: the sample of ``make load`` that every test run takes. A long loop, a long wait."""

from __future__ import annotations

import secrets
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import until
from tests.load.fleet import Fleet, carrying, names, run_of
from tests.load.limits import DESCRIPTORS_A_HOST, IDLE, THREADS, TURN
from tests.load.stops import START_LIMIT, WAYS, stop

if TYPE_CHECKING:
    from collections.abc import Iterable

HOSTS, ITEMS = 60, 10_000
SETTLED, WAITING = 2.0, 8.0
"""Seconds."""
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


@pytest.mark.thorough
@pytest.mark.slow
def test_a_run_that_only_waits_takes_next_to_nothing(tmp_path: Path) -> None:
    """The runner and the agent sleep until something happens: nothing looks for it again and again."""
    pc, mark = Fleet(tmp_path, {"ansible_connection": "local"}, {"here": {}}), f"hd{secrets.token_hex(6)}"
    wait = {"executable": "/bin/bash", "cmd": f"exec -a {mark} sleep 600"}
    run = pc.start(1, pc.playbook("wait", [{"name": "Wait", "ansible.builtin.shell": wait}]))
    try:
        until(lambda: carrying(mark, "cmdline"), START_LIMIT, "the task is under way")
        time.sleep(SETTLED)
        awake = {run.process.pid, *carrying(run_of(carrying(mark, "cmdline")[0]))}
        before = seconds(awake)
        time.sleep(WAITING)
        assert seconds(awake) - before < WAITING * IDLE
    finally:
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(START_LIMIT) == 130, run.said()


def seconds(pids: Iterable[int]) -> float:
    """CPU of all threads of these processes so far (the first word of schedstat, in ns: kernel documentation, sched-stats)."""
    return (
        sum(int(path.read_text().split()[0]) for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        / 1e9
    )


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
