"""``hotdesk report``: what happened in a run, as one HTML page."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hotdesk.errors import UsageError
from hotdesk.paths import run_log_dir
from hotdesk.report.fold import read
from hotdesk.report.page import put, write
from hotdesk.report.run_log import chosen


@click.command("report")
@click.argument("run", default="last")
@click.option(
    "-o", "--output", "output", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
    help="Where to; '-' is stdout.  [default: hotdesk-RUN.html]",
)  # fmt: skip
def command(run: str, output: Path | None) -> None:
    """Write one HTML page about the run named RUN (as 'hotdesk log' names runs; the newest unless told).

    It needs nothing but itself, and only you can read it.
    """
    log = chosen(run_log_dir(), run)
    story = read(log)
    if output == Path("-"):
        put(story, sys.stdout)
        return
    path = output or Path(f"hotdesk-{log.stem}.html")
    try:
        write(story, path)
    except OSError as exc:
        raise UsageError(f"the report cannot be written to {path}: {exc.strerror}") from None
    click.echo(path)
