"""The live screen: rows of who is at work, lines above them, questions between them."""

from __future__ import annotations

import asyncio
import io
import re

import pytest
from rich.console import Console

from hotdesk import events as ev
from hotdesk.results import HostRecap, Progress, Result
from hotdesk.ui.live import Live, clock
from hotdesk.ui.plain import Style

TASK = ev.TaskStarted(task="t", name="Mirror the home", action="hotdesk.sync.folder")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def screen_of(width: int = 100, height: int = 24) -> tuple[Live, io.StringIO]:
    """A live screen of that size that writes into a string."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=height, markup=False, highlight=False)
    return Live(out, Style(), console=console), out


def region(live: Live) -> list[str]:
    """The rows as they would be drawn now."""
    with live._console.capture() as drawn:
        live._console.print(live._render())
    return ESCAPES.sub("", drawn.get()).splitlines()


def test_a_row_says_host_task_and_how_long() -> None:
    """And the last line sums up the play."""
    live, _ = screen_of()
    for event in (ev.PlayStarted(play="Switch", hosts=("vega", "lyra")), TASK, ev.HostStarted(task="t", host="vega")):
        live(event)
    assert region(live) == ["vega Mirror the home 0:00", "Switch: 2 hosts, 1 at work, 0 results, 0:00"]
    live(ev.TaskFinished(task="t", host="vega", result=Result(failed=True)))
    assert region(live) == ["Switch: 2 hosts, 0 at work, 1 results, 1 failed, 0:00"]


def test_a_transfer_shows_bytes_rate_and_eta() -> None:
    """With a bar where there is room, as a percentage where there is not."""
    progress = Progress(bytes_done=1 << 29, bytes_total=1 << 30, rate=float(1 << 20), eta=65.0)
    for width, start in (
        (100, "━━━━━━━━━━━━━━━━━━━━ 512.0 MiB of 1.0 GiB  1.0 MiB/s  ETA 1:05"),
        (60, "50% 512.0 MiB of"),
    ):
        live, _ = screen_of(width)
        live(TASK)
        live(ev.Progressed(task="t", host="vega", progress=progress))
        assert start in region(live)[0]


@pytest.mark.parametrize(("width", "height"), [(40, 10), (20, 5), (200, 50)])
def test_many_hosts_with_long_names_fit_any_terminal(width: int, height: int) -> None:
    """No row is wider than the terminal, and no more rows than it has; who is left out is counted."""
    live, _ = screen_of(width, height)
    live(ev.PlayStarted(play="x" * 100, hosts=tuple(map(str, range(60)))))
    live(TASK)
    for number in range(60):
        live(ev.HostStarted(task="t", host=f"{number:02}-{'long' * 30}"))
        live(ev.Progressed(task="t", host=f"{number:02}-{'long' * 30}", progress=Progress(1, 2, message="m" * 300)))
    rows = region(live)
    assert len(rows) < height
    assert all(len(row) < width for row in rows)
    assert f"... and {60 - len(rows) + 2} more"[: width - 2] in rows[-2]


def test_what_a_host_says_cannot_draw_on_the_screen() -> None:
    """Neither markup nor control characters nor line breaks have an effect."""
    live, _ = screen_of()
    live(TASK)
    live(ev.Progressed(task="t", host="ve\nga", progress=Progress(message="[red]x[/] \x1b[2J\u202e")))
    (row,) = region(live)
    assert row.startswith("ve ga ")
    assert "[red]x[/] \\x1b[2J\\u202e" in row


def test_the_recap_comes_last_and_the_rows_are_gone() -> None:
    """After RunFinished nothing is drawn any more."""
    live, out = screen_of()
    with live:
        live(TASK)
        live(ev.HostStarted(task="t", host="vega"))
        live(ev.RunFinished(exit_code=0, recap={"vega": HostRecap(ok=1)}, seconds=1.0))
        live.refresh()
    plain = ESCAPES.sub("", out.getvalue())
    assert plain.rstrip().endswith("ignored=0")
    assert not live._live.is_started


def test_lines_go_above_the_rows_as_they_are_now() -> None:
    """A printed line draws the region anew: it never shows a host that has just finished."""
    live, out = screen_of()
    with live:
        live(TASK)
        live(ev.HostStarted(task="t", host="vega"))
        live._drawn = 0.0
        out.truncate(0)
        live(ev.TaskFinished(task="t", host="vega", result=Result(changed=True)))
        drawn = ESCAPES.sub("", out.getvalue())
        assert "changed: [vega]" in drawn
        assert "Mirror the home 0:0" not in drawn.partition("changed: [vega]")[2]


def test_lines_reach_the_terminal_as_the_plain_renderer_made_them() -> None:
    """With its colours, and never wrapped: the terminal does that."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=20, height=24, markup=False, highlight=False)
    with Live(out, Style(color=True), console=console) as live:
        live(TASK)
        live(ev.TaskFinished(task="t", host="vega" * 10, result=Result(changed=True)))
    assert f"\x1b[0;33mchanged: [{'vega' * 10}]\x1b[0m\n" in out.getvalue()


async def test_clocks_run_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The region is drawn by a timer, which ends with it."""
    monkeypatch.setattr("hotdesk.ui.live.TICK", 0.01)
    monkeypatch.setattr("hotdesk.ui.live.SOONEST", 0.0)
    live, _ = screen_of()
    drawn = asyncio.Event()
    render = live._render
    count = 0

    def counted() -> object:
        nonlocal count
        count += 1
        if count >= 5:
            drawn.set()
        return render()

    live._live.renderable._render = counted  # type: ignore[union-attr]
    with live:
        live(TASK)
        live(ev.HostStarted(task="t", host="vega"))
        async with asyncio.timeout(10):
            await drawn.wait()
    assert live._timer is not None
    assert live._timer.cancelled()


def test_a_question_has_the_terminal_for_itself() -> None:
    """While paused no row is drawn; lines still come; afterwards the rows are back."""
    live, out = screen_of()
    with live:
        live(TASK)
        live(ev.HostStarted(task="t", host="vega"))
        live.pause()
        assert not live._live.is_started
        out.truncate(0)
        live._drawn = 0.0
        live(ev.TaskFinished(task="t", host="lyra", result=Result()))
        live._drawn = 0.0
        live.refresh()
        assert ESCAPES.sub("", out.getvalue()).strip("\0") == "ok: [lyra]\n"
        live.resume()
        assert live._live.is_started


def test_times_read_as_clocks() -> None:
    """Minutes and seconds, hours when there are some."""
    assert (clock(65), clock(7209.9)) == ("1:05", "2:00:09")
