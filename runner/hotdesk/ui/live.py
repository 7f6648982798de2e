"""On a terminal: Ansible's lines scroll by above a live region, one row per active host, transfers with bytes, rate and ETA."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.segment import Segment
from rich.text import Text

from hotdesk import events as ev
from hotdesk.text import safe, size
from hotdesk.ui.plain import Plain, Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import IO

    from rich.console import ConsoleOptions

    from hotdesk.results import Progress

MOST_ROWS = 12
"""Rows of active hosts; the rest is a count. Fewer on a low terminal."""
SOONEST, TICK = 0.1, 0.5
"""Seconds between two drawings when much happens, and when nothing does (so that clocks run)."""
BAR = 20
"""Columns of a progress bar; left out on a terminal narrower than ROOM_FOR_BAR."""
ROOM_FOR_BAR = 80


@dataclass(slots=True)
class Row:
    """What a host is doing now."""

    task: str
    since: float
    progress: Progress | None = None


class _Region:
    """Rendered anew each time it is drawn, so that printing above it shows it as it is now."""

    def __init__(self, render: Callable[[], Group]) -> None:
        self._render = render

    def __rich__(self) -> Group:
        return self._render()


class _Painted:
    """Lines with our own colours in them, as they are: to have rich read them again costs ten times what all the rest does."""

    def __init__(self, text: str) -> None:
        self._text = text if text.endswith("\n") else text + "\n"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield Segment(self._text)


class Live:
    """A subscriber and context manager. Everything shown is Text, never markup: what hosts say cannot draw on the screen."""

    def __init__(self, file: IO[str], style: Style, *, console: Console | None = None) -> None:
        self._console = console or Console(file=file, highlight=False, markup=False, force_terminal=True)
        self._plain = Plain(self._hold, style)
        self._held: list[str] = []
        self._rows: dict[tuple[str, str], Row] = {}
        self._names: dict[str, str] = {}
        self._done = self._failed = 0
        self._play, self._hosts, self._started = "", 0, time.monotonic()
        self._live = RichLive(
            _Region(self._render),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._drawn = 0.0
        self._over = False
        self._paused = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._live.start()
        self._tick()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._end()
        self._release()

    def __call__(self, event: ev.Event) -> None:
        match event:
            case ev.PlayStarted(play=play, hosts=hosts):
                self._play, self._hosts = play, len(hosts)
            case ev.TaskStarted(task=task, name=name):
                self._names[task] = name
            case ev.HostStarted(task=task, host=host):
                self._rows[host, task] = Row(self._names.get(task, task), time.monotonic())
            case ev.Connecting(host=host):
                self._rows[host, ""] = Row("connecting", time.monotonic())
            case ev.Connected(host=host):
                self._rows.pop((host, ""), None)
            case ev.Progressed(task=task, host=host, progress=progress):
                row = self._rows.setdefault((host, task), Row(self._names.get(task, task), time.monotonic()))
                row.progress = progress
            case ev.TaskFinished(task=task, host=host, result=result):
                self._rows.pop((host, task), None)
                self._rows.pop((host, ""), None)
                self._done += 1
                self._failed += (result.failed or result.unreachable) and not event.ignored
            case ev.RunFinished():
                self._end()
        self._plain(event)
        if self._over:
            self._release()
        else:
            self.refresh()

    def refresh(self) -> None:
        """Draw again, at most ten times a second; lines that came meanwhile go above the region in one piece."""
        now = time.monotonic()
        if now - self._drawn < SOONEST:
            return
        self._drawn = now
        if self._held:
            self._release()  # printing above the region draws the region again, too
        elif self._live.is_started:
            self._live.refresh()

    # While the person is asked something

    def pause(self) -> None:
        """Take the region away: the terminal belongs to a question. May be nested."""
        self._paused += 1
        self._release()
        self._live.stop()

    def resume(self) -> None:
        """The question has been answered."""
        self._paused -= 1
        if not self._paused and not self._over:
            self._live.start()

    # Drawing

    def _tick(self) -> None:
        self.refresh()
        try:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        except RuntimeError:  # no loop runs: then each event draws
            self._timer = None

    def _end(self) -> None:
        self._over = True
        self._release()
        self._rows.clear()
        self._live.stop()

    def _hold(self, text: str) -> None:
        self._held.append(text)

    def _release(self) -> None:
        if self._held:
            text = "".join(self._held)
            self._held.clear()
            self._console.print(_Painted(text), soft_wrap=True)

    def _render(self) -> Group:
        now, (width, height) = time.monotonic(), self._console.size
        rows = sorted(self._rows.items())
        most = max(1, min(MOST_ROWS, height - 4))
        shown = rows if len(rows) <= most else rows[: most - 1]
        hosts = min(max((len(host) for (host, _), _ in shown), default=0), max(8, width // 4))
        lines = [_line(host, row, now, hosts, width) for (host, _), row in shown]
        if len(rows) > len(shown):
            lines.append(_cut(Text(f"... and {len(rows) - len(shown)} more hosts", style="dim"), width))
        if self._play:
            failed = f", {self._failed} failed" if self._failed else ""
            head = (
                f"{self._hosts} hosts, {len(rows)} at work, {self._done} results{failed}, {clock(now - self._started)}"
            )
            lines.append(_cut(Text(f"{one_line(self._play)}: {head}", style="dim"), width))
        return Group(*lines)


def _line(host: str, row: Row, now: float, hosts: int, width: int) -> Text:
    """``vega  Mirror the home  1:05`` or with a bar, bytes, rate and ETA; never wider than the terminal."""
    line = Text(no_wrap=True, overflow="ellipsis")
    name = Text(one_line(host), style="bold")
    name.truncate(hosts, overflow="ellipsis", pad=True)
    rest = _progress(row.progress, width) if row.progress is not None else Text(clock(now - row.since), style="dim")
    rest.truncate(max(10, width - hosts - 14), overflow="ellipsis")
    task = Text(one_line(row.task))
    task.truncate(max(8, width - hosts - rest.cell_len - 3), overflow="ellipsis")
    return _cut(line.append_text(name).append(" ").append_text(task).append(" ").append_text(rest), width)


def _cut(line: Text, width: int) -> Text:
    line.no_wrap = True
    line.truncate(width - 1, overflow="ellipsis")
    return line


def _progress(progress: Progress, width: int) -> Text:
    done, total = (
        (progress.bytes_done, progress.bytes_total)
        if progress.bytes_total
        else (progress.files_done, progress.files_total)
    )
    text = Text()
    if total and width >= ROOM_FOR_BAR:
        full = min(BAR, BAR * done // total)
        text.append("━" * full, style="cyan").append("━" * (BAR - full), style="dim").append(" ")
    elif total:
        text.append(f"{min(100, 100 * done // total)}% ", style="cyan")
    words = [size(progress.bytes_done) + (f" of {size(progress.bytes_total)}" if progress.bytes_total else "")]
    if progress.rate:
        words.append(f"{size(progress.rate)}/s")
    if progress.eta is not None:
        words.append(f"ETA {clock(progress.eta)}")
    if progress.files_total:
        words.append(f"{progress.files_done}/{progress.files_total} files")
    if progress.message:
        words.append(one_line(progress.message))
    return text.append("  ".join(words), style="cyan")


def one_line(text: str) -> str:
    """Untrusted text for a row: control characters escaped, line breaks and tabs as blanks."""
    return " ".join(safe(text).split())


def clock(seconds: float) -> str:
    """``1:05`` or ``2:00:09``."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
