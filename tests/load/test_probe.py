"""The probe sees what holds an event loop."""

from __future__ import annotations

import asyncio
import threading
import time

from tests.load.probe import Seen, watched_loop


def spin(seconds: float) -> None:
    """Use the processor."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def turns_of(*steps: float) -> Seen:
    """Steps of so many CPU seconds, all ready at once."""

    async def main() -> None:
        for step in steps:
            asyncio.get_running_loop().call_soon(spin, step)
        await asyncio.sleep(0.01)

    with watched_loop() as seen:
        asyncio.run(main())
    return seen


def test_one_slow_step_is_a_long_turn() -> None:
    """In wall and in CPU seconds."""
    seen = turns_of(0.1)
    assert seen.turn_cpu >= 0.1
    assert seen.turn_wall >= seen.turn_cpu


def test_many_short_steps_that_are_ready_at_once_are_one_long_turn() -> None:
    """No step by itself would be noticed."""
    assert turns_of(*[0.002] * 50).turn_cpu >= 0.1
    assert turns_of(0.002).turn_cpu < 0.1


def test_waiting_is_no_turn_and_threads_are_counted() -> None:
    """A loop that sleeps is not held; work of another thread is not its own."""
    release = threading.Event()

    async def main() -> None:
        for _ in range(3):
            await asyncio.to_thread(spin, 0.1)

    with watched_loop() as seen:
        other = threading.Thread(target=release.wait)
        other.start()
        asyncio.run(main())
        release.set()
        other.join()
    assert seen.turn_cpu < 0.1
    assert seen.threads >= 3
