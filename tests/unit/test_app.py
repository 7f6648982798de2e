"""The story of a run, from outside: exit codes, ad-hoc runs, supervision and verification."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk import app
from hotdesk import events as ev
from hotdesk.bus import Bus
from hotdesk.configuration import load_settings
from hotdesk.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INVENTORY = (
    "here ansible_connection=local\ngone ansible_host=127.0.0.1 ansible_port=1 ansible_host_key_checking=false\n"
)
BOOK = """
- hosts: {hosts}
  gather_facts: false
  vars: {variables}
  tasks:
    - ansible.builtin.command: {command}
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a playbook of one command; the working directory is a fresh one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").write_text(INVENTORY)

    def write(hosts: str = "here", command: str = "'true'", variables: str = "{}") -> Path:
        path = tmp_path / "playbook.yml"
        path.write_text(BOOK.format(hosts=hosts, command=command, variables=variables))
        return path

    return write


async def run(path: Path, **options: Any) -> tuple[int, list[ev.Event]]:
    events: list[ev.Event] = []
    settings = load_settings({"inventory": (str(path.parent / "inventory"),)})
    code = await app.play(settings, [path], app.PlayOptions(**options), app.Around(bus=Bus(events.append)))
    return code, events


async def test_an_unreachable_host_gives_4_and_the_others_finish(book: Callable[..., Path]) -> None:
    """Nobody answers on one host: unreachable, never ok."""
    code, events = await run(book(hosts="all"))
    finished = {e.host: e.result for e in events if isinstance(e, ev.TaskFinished)}
    assert code == 4
    assert finished["gone"].unreachable
    assert finished["here"].changed


@pytest.mark.parametrize(
    ("command", "cancelled", "code"),
    [("'true'", False, 0), ("'false'", False, 2), ("sleep 600\n      timeout: 1", False, 2), ("sleep 600", True, None)],
    ids=["success", "failure", "timeout", "cancel"],
)
async def test_no_task_is_pending_when_a_run_has_returned(
    book: Callable[..., Path], command: str, cancelled: bool, code: int | None
) -> None:
    """Whoever owns the loop finds it as it was."""
    before = asyncio.all_tasks()
    started = asyncio.Event()
    settings = load_settings({"inventory": ("inventory",)})
    bus = Bus(lambda event: started.set() if isinstance(event, ev.HostStarted) else None)
    path = book(command=command)
    running = asyncio.ensure_future(app.play(settings, [path], app.PlayOptions(), app.Around(bus=bus)))
    async with asyncio.timeout(60):
        await started.wait()
        if cancelled:
            running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            assert await running == code
    assert running.cancelled() == cancelled
    assert asyncio.all_tasks() == before


async def test_a_missing_playbook_names_the_nearest(book: Callable[..., Path]) -> None:
    """Before anything is started."""
    path = book()
    with pytest.raises(PlaybookError) as caught:
        await run(path.with_name("playbok.yml"))
    assert "playbook.yml" in caught.value.remedy


async def test_a_full_disk_stops_the_task_that_is_under_way(book: Callable[..., Path]) -> None:
    """Below the runtime minimum the host's task is ended and fails with mount and threshold."""
    limits = "{hotdesk_disk_watch: {paths: [/], preflight_minimum: 0, runtime_minimum: 99.9%, warning: 99.9%}}"
    code, events = await run(book(command="sleep 60", variables=limits))
    (finished,) = [e for e in events if isinstance(e, ev.TaskFinished)]
    assert code == 2
    assert "the minimum is" in finished.result.message


async def test_too_little_space_to_begin_stops_before_anything_is_changed(book: Callable[..., Path]) -> None:
    """Preflight: the problem is told, no task has run."""
    limits = "{hotdesk_disk_watch: {paths: [/], preflight_minimum: 99.9%, runtime_minimum: 0}}"
    code, events = await run(book(command="touch changed", variables=limits))
    assert code == 2
    assert [e.host for e in events if isinstance(e, ev.Problems)] == ["here"]
    assert not [e for e in events if isinstance(e, ev.TaskStarted)]


async def test_verification_runs_after_the_play_and_gives_3(book: Callable[..., Path]) -> None:
    """A test that fails on a host whose tasks were all ok."""
    path = book(variables="{hotdesk_verify: test_it.py}")
    write(path.with_name("test_it.py"), "def test_it(host):\n    assert host.file('/nowhere').exists\n")
    code, events = await run(path)
    assert [(e.host, e.outcome) for e in events if isinstance(e, ev.Verified)] == [("here", "failed")]
    assert code == 3


async def test_one_module_can_be_run_on_hosts(book: Callable[..., Path]) -> None:
    """hotdesk run here -m command -a 'echo hello'."""
    settings = load_settings({"inventory": (str(book().parent / "inventory"),)})
    events: list[ev.Event] = []
    bus = Bus(events.append)
    code = await app.run_module(settings, "here", "command", "echo hello", app.PlayOptions(), app.Around(bus=bus))
    (finished,) = [e for e in events if isinstance(e, ev.TaskFinished)]
    assert (code, finished.result.data["stdout"]) == (0, "hello")


def write(path: Path, text: str) -> None:
    path.write_text(text)
