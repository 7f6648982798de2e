"""The way to an address narrows after a refusal and widens again."""

from __future__ import annotations

import asyncio

from hotdesk.aio import Moment, now
from hotdesk.connections.gate import FIRST, Gate, Pace


async def inside(gate: Gate, waiting: int = 20) -> int:
    """How many of ``waiting`` the gate lets in at once."""
    most = now = 0

    async def one() -> None:
        nonlocal most, now
        async with gate:
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(waiting):
            group.create_task(one())
    return most


async def test_a_refusal_halves_the_places_and_leaves_one() -> None:
    """Eight, four, two, one, and then still one."""
    gate, seen = Gate(8), []
    for _ in range(5):
        seen.append(await inside(gate))
        gate.refused()
    assert seen == [8, 4, 2, 1, 1]


async def test_refusals_while_others_are_inside_count_once_they_leave() -> None:
    """Nobody is let in until so many have left that a place is free."""
    gate = Gate(4)
    async with gate:
        async with gate, gate:
            gate.refused()
            gate.refused()
        late = asyncio.ensure_future(inside(gate, 1))
        await asyncio.sleep(0)
        assert gate.places == 1
        assert not late.done()
    assert await late == 1


async def test_who_is_cancelled_in_the_queue_takes_no_place() -> None:
    """Neither before nor after it was let in."""
    gate = Gate(1)
    for let_in in (False, True):
        async with gate:
            queued = asyncio.ensure_future(inside(gate, 1))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if not let_in:
                queued.cancel()
        queued.cancel()
        await asyncio.wait({queued})
        assert queued.cancelled()
        assert await inside(gate) == 1


async def test_a_row_of_logins_adds_a_place_up_to_the_most() -> None:
    """As many in a row as there were places at first; a refusal between them starts the row again."""
    gate = Gate(2)
    gate.refused()
    gate.admitted()
    gate.refused()
    gate.admitted()
    assert await inside(gate) == 1
    for _ in range(9):
        gate.admitted()
    assert await inside(gate) == 2


async def test_logins_become_more_while_they_are_quick_and_fewer_when_we_are_slow() -> None:
    """Never more than the setting, never fewer than at the beginning; those that began before a change are no judgement on it."""
    pace, long_ago = Pace(64), Moment(now().time - 9, now().idle - 1)
    assert await inside(pace, 100) == FIRST
    for _ in range(100):
        pace.took(now(), 10)
    assert await inside(pace, 100) == 64
    pace.took(long_ago, 10)
    assert await inside(pace, 100) == 32
    pace.took(long_ago, 10)
    assert pace.places == 32
    for _ in range(9):
        pace._narrowed = 0.0
        pace.took(long_ago, 10)
    assert pace.places == FIRST


async def test_pcs_that_are_slow_themselves_do_not_slow_down_the_others() -> None:
    """We had nothing to do meanwhile."""
    pace = Pace(64)
    pace.took(Moment(now().time - 9, now().idle - 8), 10)
    assert pace.places == FIRST + 1


async def test_a_setting_below_the_first_number_holds() -> None:
    """Also when nothing is known yet."""
    assert await inside(Pace(2)) == 2
