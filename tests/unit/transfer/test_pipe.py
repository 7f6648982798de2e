from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.aio import TaskGroup, in_thread
from hotdesk.errors import CheckModeError, TransferError
from hotdesk.events import Changed, Progressed, Transferred
from hotdesk.jobs.transfer import JobTransfer
from hotdesk.transfer import End, Transfers
from hotdesk.transfer.pipe import pipe

if TYPE_CHECKING:
    from pathlib import Path

    from hotdesk.connections.link import Link
    from tests.unit.machines import MakeMachine

TAKE = 'cat >"$1" && touch "$1.whole"'
"""A receiver that says when it believes that it has everything."""


def ends(link: Link) -> tuple[End, End]:
    """This PC as both."""
    return End(link, "atlas", f"a@{os.getpid()}"), End(link, "vega", f"v@{os.getpid()}")


def taking(path: Path) -> list[str]:
    return ["sh", "-c", TAKE, "sh", str(path)]


async def test_all_of_it_arrives(link: Link, tmp_path: Path) -> None:
    """Bytes as they are; how many went is told on the way."""
    data = os.urandom(3 << 20)
    seen: list[int] = []
    await in_thread((tmp_path / "data").write_bytes, data)
    source, target = ends(link)
    sent = await pipe(source, ["cat", str(tmp_path / "data")], target, taking(tmp_path / "copy"), on_bytes=seen.append)
    assert sent == len(data) == seen[-1]
    assert await in_thread((tmp_path / "copy").read_bytes) == data
    assert (tmp_path / "copy.whole").exists()


async def test_half_of_it_is_never_taken_for_all(link: Link, tmp_path: Path) -> None:
    """A sender that fails is told with its words; its receiver is ended before it sees an end."""
    source, target = ends(link)
    with pytest.raises(TransferError, match="sending on atlas failed: no more") as caught:
        await pipe(source, ["sh", "-c", "echo half; echo no more >&2; exit 3"], target, taking(tmp_path / "copy"))
    assert caught.value.data["rc"] == 3
    assert not (tmp_path / "copy.whole").exists()


async def test_a_receiver_that_fails_says_why(link: Link) -> None:
    """Also when much is still to be sent, and when it fails at the very end."""
    source, target = ends(link)
    for receiver in ("head -c 10 >/dev/null; echo disk full >&2; exit 5", "cat >/dev/null; echo disk full >&2; exit 5"):
        with pytest.raises(TransferError, match="receiving on vega failed: disk full"):
            await pipe(source, ["head", "-c", "5000000", "/dev/zero"], target, ["sh", "-c", receiver])


async def test_a_missing_program_is_named_with_its_pc(link: Link) -> None:
    """On either end."""
    source, target = ends(link)
    with pytest.raises(TransferError, match="atlas has no hotdesk-none"):
        await pipe(source, ["hotdesk-none"], target, ["cat"])
    with pytest.raises(TransferError, match="vega has no hotdesk-none"):
        await pipe(source, ["true"], target, ["hotdesk-none"])


async def test_cancelling_ends_both(link: Link, tmp_path: Path) -> None:
    """Nothing of them is left, and nothing counts as whole."""
    source, target = ends(link)
    started = asyncio.Event()
    sender = ["sh", "-c", "echo x; exec sleep 600"]
    async with TaskGroup() as group:
        task = group.create_task(
            pipe(source, sender, target, taking(tmp_path / "copy"), on_bytes=lambda _: started.set())
        )
        await started.wait()
        task.cancel()
    assert not (tmp_path / "copy.whole").exists()


async def test_a_job_reports_and_announces_it(make_machine: MakeMachine) -> None:
    """As a change: refused in check mode."""
    there, here = make_machine("atlas", for_host="vega"), make_machine("vega")
    transfer = JobTransfer(Transfers(), there, here)
    sent = await transfer.pipe(["head", "-c", "200000", "/dev/zero"], ["sh", "-c", "cat >/dev/null"], what="zeros")
    assert sent == 200000
    assert any(isinstance(event, Changed) and event.detail == "zeros atlas -> vega" for event in make_machine.events)
    (done,) = [event for event in make_machine.events if isinstance(event, Transferred)]
    assert (done.source, done.host, done.what, done.bytes) == ("atlas", "vega", "zeros", sent)
    assert any(isinstance(event, Progressed) and event.progress.bytes_done == sent for event in make_machine.events)
    checked = JobTransfer(Transfers(), there, make_machine("vega", check=True))
    with pytest.raises(CheckModeError):
        await checked.pipe(["true"], ["true"], what="nothing")


async def test_a_rate_is_kept(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each part it waits until that part's time is over: at 1000 bytes a second 200 s in all (which nobody waits for here)."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("hotdesk.transfer.pipe.asyncio.sleep", noted)
    source, target = ends(link)
    await pipe(source, ["head", "-c", "200000", "/dev/zero"], target, ["sh", "-c", "cat >/dev/null"], rate=1000)
    assert 100 < max(waits) <= 200
