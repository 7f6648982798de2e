from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import DiskLow, VariableError
from hotdesk.events import DiskCrossed, DiskMeasured
from hotdesk.supervise.disk_watch import DiskWatch, Watched, parse, preflight, threshold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hotdesk.connections.answers import DiskState
    from hotdesk.connections.link import Link
    from hotdesk.events import Event


@pytest.mark.parametrize(
    ("written", "total", "free"),
    [
        ("20%", 1000, 200),
        ("0.5 %", 1000, 5),
        ("50GiB", 1, 50 * 2**30),
        ("1.5k", 1, 1536),
        ("2 MB", 1, 2_000_000),
        (0, 9, 0),
    ],
)
def test_shares_and_sizes(written: Any, total: int, free: int) -> None:
    """Percent of the file system, or a size with a binary or decimal unit."""
    assert threshold(written, "x").of(total) == free


@pytest.mark.parametrize("written", ["abc", "20", "120%", "-5%", "5 parsecs", None])
def test_what_is_neither_is_refused_by_name(written: Any) -> None:
    """The message names the option, the remedy shows how to write it."""
    with pytest.raises(VariableError, match=r"hotdesk_disk_watch\.runtime_minimum") as caught:
        parse({"runtime_minimum": written})
    assert "50GiB" in caught.value.remedy


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"minimum": "5%"}, "'minimum'"),
        ({"paths": {"/srv": {"warning": "abc"}}}, r"paths\./srv\.warning"),
        ({"paths": {"/srv": {"warn": "5%"}}}, r"paths\./srv"),
        ({"paths": ["srv"]}, "absolute"),
        ({"interval": 0}, "interval"),
        ("yes please", "mapping"),
    ],
)
def test_every_other_mistake_is_named_too(value: Any, named: str) -> None:
    """Unknown options, relative paths, odd intervals."""
    with pytest.raises(VariableError, match=named):
        parse(value)


def test_paths_may_have_limits_of_their_own() -> None:
    """A mapping under paths overrides the general limits, and auto stays on when it is named."""
    wanted = parse({"warning": "30%", "paths": {"auto": None, "/srv": {"runtime_minimum": "1GiB"}}})
    assert wanted.auto
    assert wanted.paths["/srv"].runtime_minimum.size == 2**30
    assert wanted.paths["/srv"].warning.share == pytest.approx(0.3)
    assert wanted.limits.runtime_minimum.share == pytest.approx(0.15)


async def test_preflight_names_the_file_system_that_is_too_full(link: Link, tmp_path: Path) -> None:
    """Free space, size and what is needed are in the message; a host with enough is not mentioned."""
    path = str(tmp_path / "not" / "yet")
    full = Watched("vega", link, (path,), parse({"preflight_minimum": "99.99%"}))
    fine = Watched("lyra", link, (path,), parse({"preflight_minimum": "0"}))
    found = await preflight([full, fine])
    assert list(found) == ["vega"]
    assert "free of" in found["vega"][0].message
    assert "preflight_minimum" in found["vega"][0].remedy


async def test_a_host_that_is_lost_meanwhile_is_no_problem_of_the_play(link: Link, tmp_path: Path) -> None:
    """It is left to its first task, which finds it unreachable; a problem would keep all hosts from their work."""
    watched = Watched("vega", link, (str(tmp_path),), parse(None))
    os.kill(link.info.pid, signal.SIGKILL)
    assert await preflight([watched]) == {}
    async with DiskWatch([watched], on_low=lambda *_: pytest.fail("told"), emit=lambda _: pytest.fail("told")):
        pass


async def test_below_the_minimum_the_host_is_stopped(link: Link, tmp_path: Path) -> None:
    """The agent reports the crossing; the callback gets a DiskLow with mount, free space and threshold."""
    watched = Watched("vega", link, (str(tmp_path),), parse({"runtime_minimum": "99.99%", "interval": 0.1}))
    told: list[tuple[Watched, Exception]] = []
    events: list[Event] = []
    called = asyncio.Event()

    def on_low(which: Watched, error: Exception) -> None:
        told.append((which, error))
        called.set()

    async with DiskWatch([watched], on_low=on_low, emit=events.append), asyncio.timeout(10):
        await called.wait()
    assert told[0][0] is watched
    assert isinstance(told[0][1], DiskLow)
    assert told[0][1].data["free"] < told[0][1].data["threshold"]
    assert [event.level for event in events if isinstance(event, DiskCrossed)] == ["minimum"]


async def test_a_watch_begins_with_what_preflight_measured(
    link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disks are asked once before a play, not twice; and once after it."""
    asked: list[Sequence[str]] = []
    ask = link.disks

    async def counted(paths: Sequence[str]) -> list[DiskState]:
        asked.append(paths)
        return await ask(paths)

    monkeypatch.setattr(link, "disks", counted)
    watched = Watched("vega", link, (str(tmp_path),), parse({"preflight_minimum": "0", "runtime_minimum": "99.99%"}))
    assert await preflight([watched]) == {}
    called = asyncio.Event()
    async with DiskWatch([watched], on_low=lambda *_: called.set()), asyncio.timeout(30):
        await called.wait()
        assert asked == [[str(tmp_path)]]


async def test_free_space_is_told_before_and_after(link: Link, tmp_path: Path) -> None:
    """So that the run log knows what a play has used; the same level twice is no crossing."""
    watched = Watched("vega", link, (str(tmp_path),), parse({"runtime_minimum": "99.99%", "interval": 0.1}))
    events: list[Event] = []
    called = asyncio.Event()
    async with DiskWatch([watched], on_low=lambda *_: called.set(), emit=events.append) as watch, asyncio.timeout(30):
        await called.wait()
        (found,) = watched.found or []
        watch._changed(watched, found, found.state, "minimum")
        before = len(events)
    assert isinstance(events[0], DiskMeasured)
    assert events[0].total == found.state.total
    assert sum(isinstance(event, DiskCrossed) for event in events) == 1
    assert [type(event) for event in events[before:]] == [DiskMeasured]


async def test_no_watch_when_it_is_off(link: Link, tmp_path: Path) -> None:
    """hotdesk_disk_watch: false watches nothing."""
    watched = Watched("vega", link, (str(tmp_path),), parse(False))
    assert await preflight([watched]) == {}
    async with DiskWatch([watched], on_low=lambda *_: pytest.fail("watched")):
        pass
