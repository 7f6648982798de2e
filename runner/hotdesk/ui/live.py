"""On a terminal: Ansible's lines scroll by above a live region, one row per active host, transfers with bytes, rate and ETA."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hotdesk import events as ev
from hotdesk.text import safe
from hotdesk.ui.plain import Plain, Style, size

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO

    from hotdesk.results import Progress

MOST_ROWS = 12
"""Rows of active hosts; the rest is a count."""


@dataclass(slots=True)
class Row:
    """What a host is doing now."""

    task: str
    since: float
    progress: Progress | None = None


class Live:
    """A subscriber and context manager. Everything shown is Text, never markup: what hosts say cannot draw on the screen."""

    def __init__(self, file: IO[str], style: Style) -> None:
        self._console = Console(file=file, highlight=False, markup=False, force_terminal=True)
        self._plain = Plain(self._print, style)
        self._rows: dict[tuple[str, str], Row] = {}
        self._names: dict[str, str] = {}
        self._done = self._failed = 0
        self._play, self._hosts, self._started = "", 0, time.monotonic()
        self._live = RichLive(
            console=self._console,
            get_renderable=self._render,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.clear()
        self._live.stop()

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
                self._failed += result.failed or result.unreachable
            case ev.RunFinished():
                self._rows.clear()
                self._live.update(Text(), refresh=True)
                self._live.stop()
        self._plain(event)
        self.refresh()

    def refresh(self) -> None:
        """Draw again, at most ten times a second (the app also calls it while nothing happens, so that clocks run)."""
        now = time.monotonic()
        if now - self._drawn >= 0.1 and self._live.is_started:
            self._drawn = now
            self._live.refresh()

    def _print(self, text: str) -> None:
        self._console.print(Text.from_ansi(text.removesuffix("\n")), soft_wrap=True)

    def _render(self) -> Group:
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        rows = sorted(self._rows.items())
        for (host, _), row in rows[:MOST_ROWS]:
            table.add_row(
                Text(safe(host), style="bold"),
                Text(safe(row.task), overflow="ellipsis", no_wrap=True),
                *_cells(row, now),
            )
        parts: list[Table | Text] = [table]
        if len(rows) > MOST_ROWS:
            parts.append(Text(f"... and {len(rows) - MOST_ROWS} more hosts", style="dim"))
        if self._play:
            failed = f", {self._failed} failed" if self._failed else ""
            head = f"{self._play}: {self._hosts} hosts, {len(rows)} at work, {self._done} results{failed}, {clock(now - self._started)}"
            parts.append(Text(safe(head), style="dim"))
        return Group(*parts)


def _cells(row: Row, now: float) -> list[Text | ProgressBar]:
    progress = row.progress
    if progress is None:
        return [Text(clock(now - row.since), style="dim")]
    cells: list[Text | ProgressBar] = []
    if progress.files_total or progress.bytes_total:
        total, done = (
            (progress.bytes_total, progress.bytes_done)
            if progress.bytes_total
            else (progress.files_total, progress.files_done)
        )
        cells.append(ProgressBar(total=max(1, total), completed=done, width=24))
    words = [size(progress.bytes_done) + (f" of {size(progress.bytes_total)}" if progress.bytes_total else "")]
    if progress.rate:
        words.append(f"{size(progress.rate)}/s")
    if progress.files_total:
        words.append(f"{progress.files_done}/{progress.files_total} files")
    if progress.eta is not None:
        words.append(f"ETA {clock(progress.eta)}")
    if progress.message:
        words.append(safe(progress.message))
    return [*cells, Text("  ".join(words), style="cyan")]


def clock(seconds: float) -> str:
    """``1:05`` or ``2:00:09``."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
