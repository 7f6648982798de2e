"""Rendering never blocks the loop: what does I/O happens in a thread, and ends with its task."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hotdesk.settings import Settings
from hotdesk.source import Trusted
from hotdesk.variables import blocking
from hotdesk.variables.templates import LookupServices, Templates

T = Trusted


async def test_ordinary_templates_stay_on_the_loop() -> None:
    """No thread for what is only CPU work."""
    seen = await blocking.run(threading.current_thread)
    assert seen is threading.main_thread()


async def test_io_happens_in_another_thread() -> None:
    """The call is made again from its beginning where it may block."""
    seen: list[threading.Thread] = []

    def call() -> str:
        seen.append(threading.current_thread())
        blocking.leave_loop()
        return "done"

    assert await blocking.run(call) == "done"
    assert seen[0] is threading.main_thread()
    assert seen[1] is not threading.main_thread()


async def test_the_loop_turns_while_a_lookup_waits() -> None:
    """A command that ends only when the loop lets it."""
    go = asyncio.Event()

    async def run_command(_command: list[str] | str) -> tuple[int, str, str]:
        await go.wait()
        return 0, "out\n", ""

    templates = Templates(Settings(), services=LookupServices(run_command=run_command))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(templates.render(T("{{ lookup('pipe', 'x') }}"), {}))
        await asyncio.sleep(0)
        assert not task.done()
        go.set()
    assert task.result() == "out"


async def test_cancelling_a_rendering_cancels_what_its_lookup_waits_for() -> None:
    """The command's own clean-up is reached."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def run_command(_command: list[str] | str) -> tuple[int, str, str]:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0, "", ""

    templates = Templates(Settings(), services=LookupServices(run_command=run_command))
    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(templates.render(T("{{ lookup('pipe', 'x') }}"), {}))
            await started.wait()
            task.cancel()
        await ended.wait()
    assert task.cancelled()


async def test_a_long_template_is_rendered_in_a_thread(templates: Templates) -> None:
    """More than 64 KiB of text is too much for one turn of the loop."""
    seen: list[threading.Thread] = []

    class Watch(dict[str, object]):
        def __contains__(self, name: object) -> bool:
            seen.append(threading.current_thread())
            return super().__contains__(name)

    assert await templates.render_file("{{ x }}" + " " * 70_000, "big.j2", Watch(x=1))
    assert seen
    assert threading.main_thread() not in seen


async def test_errors_come_back_from_the_thread(templates: Templates) -> None:
    """As if it had been rendered here."""
    from hotdesk.errors import UndefinedError

    with pytest.raises(UndefinedError, match="'nope'"):
        await templates.render(T("{{ lookup('pipe', 'echo') }}{{ nope }}"), {})
