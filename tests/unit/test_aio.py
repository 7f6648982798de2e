"""The pieces of structured concurrency."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hotdesk.aio import (
    AT_ONCE,
    COLLECT_AFTER,
    PATIENCE,
    READY,
    FewAtATime,
    Pacing,
    TaskGroup,
    Threads,
    finish,
    in_thread,
    paced,
    patient,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def test_clean_up_runs_to_its_end_although_the_caller_is_cancelled_twice() -> None:
    """finish() shields the clean-up and raises the cancel afterwards."""
    release, done = asyncio.Event(), []

    async def cleanup() -> None:
        await release.wait()
        done.append(True)

    task = asyncio.create_task(finish(cleanup(), grace=5))
    for _ in range(2):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done


async def test_clean_up_that_hangs_is_cut() -> None:
    """finish() gives up after the grace."""
    with pytest.raises(TimeoutError):
        await finish(asyncio.sleep(60), grace=0.01)


async def test_a_cancel_is_not_lost_when_a_child_fails_meanwhile() -> None:
    """The group of errors must not replace the cancellation."""

    async def child() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("clean-up failed")

    async def parent() -> None:
        async with TaskGroup() as group:
            group.create_task(child())

    task = asyncio.create_task(parent())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failing_child_alone_is_an_exception_group() -> None:
    """Without a cancel the group behaves as asyncio's."""

    async def child() -> None:
        raise ValueError("no")

    with pytest.raises(ExceptionGroup):
        async with TaskGroup() as group:
            group.create_task(child())


async def test_a_blocking_call_runs_in_our_own_pool() -> None:
    """Result and exception come back; the thread is ours."""
    assert (await in_thread(lambda: threading.current_thread().name)).startswith("hotdesk-pool")
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_waiting_for_a_thread_can_be_cancelled() -> None:
    """The wait ends at once although the call goes on."""
    started, release = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        release.wait()

    task = asyncio.create_task(in_thread(block))
    while not started.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()


MEETING = """
import threading
from hotdesk.aio import Threads
for _ in range(200):
    pool, met = Threads(8, "pool"), threading.Barrier(8)
    for future in [pool.submit(lambda: met.wait(20)) for _ in range(8)]: future.result(30)
"""


def test_no_call_waits_behind_others_while_the_pool_may_grow() -> None:
    """Eight that wait for each other meet in a pool of eight, each time: a thread that is just taking its call is not idle."""
    done = subprocess.run([sys.executable, "-c", MEETING], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_pool_is_bounded() -> None:
    """No more threads than its size, and every call is served."""
    pool, names = Threads(2, "hotdesk-pool-test"), set()
    futures = [pool.submit(lambda: names.add(threading.current_thread().name)) for _ in range(50)]
    for future in futures:
        future.result(5)
    assert len(names) <= 2


async def test_paced_items_come_a_few_in_each_turn_of_the_loop() -> None:
    """In order, with a turn for everybody else in between."""
    others = 0

    async def count() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    seen = [(item, others) async for item in paced(range(40))]
    counting.cancel()
    assert [item for item, _ in seen] == list(range(40))
    assert max(Counter(turn for _, turn in seen).values()) == AT_ONCE


async def test_what_one_event_has_woken_goes_on_a_few_in_each_turn() -> None:
    """All of them, in their order; who is woken later is not behind them."""
    event, pacing, turn, turns = asyncio.Event(), Pacing(), 0, []

    async def wait(number: int) -> None:
        await event.wait()
        await pacing.turn()
        turns.append((turn, number))

    async with TaskGroup() as group:
        for number in range(5 * AT_ONCE):
            group.create_task(wait(number))
        await asyncio.sleep(0)
        event.set()
        while len(turns) < 5 * AT_ONCE:
            await asyncio.sleep(0)
            turn += 1
    assert set(Counter(turn for turn, _ in turns).values()) == {AT_ONCE}
    assert [number for _, number in turns] == list(range(5 * AT_ONCE))
    late = asyncio.ensure_future(wait(0))
    await asyncio.sleep(0)
    assert late.done()


def test_of_many_ready_descriptors_some_are_served_in_each_turn_and_all_soon() -> None:
    """Although each of them is ready for ever."""
    pipes = [os.pipe() for _ in range(3 * READY + 1)]
    try:
        for _, end in pipes:
            os.write(end, b"x")
        with closing(FewAtATime()) as selector:
            for begin, _ in pipes:
                selector.register(begin, 1)
            looks = [[key.fd for key, _ in selector.select(1)] for _ in range(4)]
            assert {len(set(look)) for look in looks} == {READY}
            assert {fd for look in looks for fd in look} == {begin for begin, _ in pipes}
    finally:
        for end in (end for pipe in pipes for end in pipe):
            os.close(end)


def test_the_loop_of_a_run_serves_few_descriptors_at_a_time() -> None:
    """And returns what the coroutine returns."""

    async def selector() -> object:
        return asyncio.get_running_loop()._selector  # type: ignore[attr-defined]

    assert isinstance(run(selector()), FewAtATime)


def test_the_collector_looks_at_everything_seldom_while_a_loop_runs() -> None:
    """With thousands of connections each such look takes a second. Afterwards it is as before."""

    async def thresholds() -> tuple[int, int, int]:
        return gc.get_threshold()

    before = gc.get_threshold()
    assert run(thresholds()) == COLLECT_AFTER
    assert gc.get_threshold() == before != COLLECT_AFTER


async def busy(seconds: float) -> None:
    """The loop has always something to do."""
    loop = asyncio.get_running_loop()
    over = loop.time() + seconds
    while loop.time() < over:  # noqa: ASYNC110 - the loop is to be busy
        await asyncio.sleep(0)


def test_our_own_work_uses_up_no_limit_of_others() -> None:
    """Only what the loop spends waiting does."""

    async def answered_while_we_were_busy() -> bool:
        async with patient(0.05):
            await busy(0.05 * 3)
        return True

    assert run(answered_while_we_were_busy())


@pytest.mark.parametrize("wait", [busy, asyncio.sleep], ids=["busy", "idle"])
def test_what_others_do_has_a_limit_all_the_same(wait: Callable[[float], Awaitable[None]]) -> None:
    """Whether we wait for them or are busy for ever."""

    async def never_answered() -> None:
        async with patient(0.05):
            await wait(0.05 * PATIENCE * 100)

    with pytest.raises(TimeoutError):
        run(never_answered())
