"""The rendezvous of the linear strategy."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotdesk.aio import AT_ONCE
from hotdesk.errors import PlaybookError
from hotdesk.executor.strategy import Linear, strategy_for

if TYPE_CHECKING:
    from hotdesk.executor.strategy import Position


def leave(linear: Linear, host: str, _task: object) -> None:
    linear.leave(host)


positions = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple)
ways = st.lists(st.lists(positions, max_size=8).map(lambda way: sorted(set(way))), min_size=1, max_size=6)


async def walk(
    linear: Linear, host: str, way: list[Position], log: list[tuple[Position, str]], rng: random.Random
) -> None:
    """Do the positions of ``way``, resting a random while at each."""
    try:
        for position in way:
            group = await linear.turn(host, position)
            assert host in group
            log.append((position, host))
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
    finally:
        linear.leave(host)


@given(ways=ways, seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_any_set_of_ways_ends_and_is_done_in_order(ways: list[list[Position]], seed: int) -> None:
    """However different the hosts' ways are, nobody hangs and no task starts before an earlier one of another host."""

    async def main() -> None:
        hosts = [f"h{n}" for n in range(len(ways))]
        linear, rng = Linear(hosts), random.Random(seed)
        log: list[tuple[Position, str]] = []
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            for host, way in zip(hosts, ways, strict=True):
                group.create_task(walk(linear, host, way, log, rng))
        assert [position for position, _ in log] == sorted(p for way in ways for p in way)

    asyncio.run(main())


@given(ways=ways, seed=st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_hosts_that_are_cancelled_or_leave_never_hold_the_others(ways: list[list[Position]], seed: int) -> None:
    """A host may disappear at any moment, also while it waits."""

    async def main() -> None:
        hosts = [f"h{n}" for n in range(len(ways))]
        linear, rng = Linear(hosts), random.Random(seed)
        log: list[tuple[Position, str]] = []
        tasks = [asyncio.create_task(walk(linear, h, w, log, rng)) for h, w in zip(hosts, ways, strict=True)]
        for task, host in zip(
            tasks, hosts, strict=True
        ):  # as the play does: a task cancelled before it began must leave too
            task.add_done_callback(partial(leave, linear, host))
        for _ in range(rng.randrange(6)):
            await asyncio.sleep(0)
        rng.choice(tasks).cancel()
        _, pending = await asyncio.wait(tasks, timeout=1)
        for task in pending:
            task.cancel()
        assert not pending

    asyncio.run(main())


async def test_hosts_at_one_position_go_together_in_the_plays_order() -> None:
    """The group names those who do the task, first host of the play first."""
    linear = Linear(["b", "a", "c"])
    turns = [asyncio.create_task(linear.turn(host, (1,))) for host in ("a", "c", "b")]
    assert [await turn for turn in turns] == [("b", "a", "c")] * 3


async def test_a_stop_lets_everybody_go() -> None:
    """After run_apart nobody waits."""
    linear = Linear(["a", "b"])
    waiting = asyncio.create_task(linear.turn("a", (1,)))
    await asyncio.sleep(0)
    linear.run_apart()
    assert await waiting == ("a",)
    assert await linear.turn("a", (2,)) == ("a",)


def test_an_unknown_strategy_names_the_nearest() -> None:
    """A typo gets the right spelling."""
    with pytest.raises(PlaybookError) as caught:
        strategy_for("liner", [])
    assert "linear" in caught.value.remedy


async def test_hosts_set_out_together_a_few_in_each_turn_of_the_loop() -> None:
    """All belong to one group and keep their order, and the event loop is never held by hundreds of them."""
    hosts = [f"h{number}" for number in range(100)]
    linear, order, turns = Linear(hosts), [], []

    async def one(host: str) -> None:
        assert await linear.turn(host, (1,)) == tuple(hosts)
        order.append(host)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(host)) for host in hosts]
        while not all(task.done() for task in tasks):
            before = len(order)
            await asyncio.sleep(0)
            turns.append(len(order) - before)
    assert order == hosts
    assert max(turns) <= AT_ONCE


async def test_a_host_that_is_cancelled_before_it_sets_out_holds_nobody() -> None:
    """Its turn has been decided, but it is not told any more."""
    hosts = [f"h{number}" for number in range(40)]
    linear = Linear(hosts)

    async def one(host: str) -> None:
        try:
            await linear.turn(host, (1,))
            await linear.turn(host, (2,))
        finally:
            linear.leave(host)

    tasks = [asyncio.ensure_future(one(host)) for host in hosts]
    await asyncio.sleep(0)
    tasks[-1].cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(tasks)
    assert [task.cancelled() for task in tasks] == [False] * 39 + [True]
