"""``hotdesk demo``: the main job on three embedded PCs, twice: the second run finds nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotdesk import app
from hotdesk.aio import in_thread
from hotdesk.cli.running import shown
from hotdesk.configuration import load_settings
from hotdesk.demo.embedded import embedded_pcs
from hotdesk.demo.home import build_home
from hotdesk.errors import HotdeskError, Interrupted, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hotdesk.prepare import Around
    from hotdesk.settings import Settings

NAMES = ("atlas", "vega", "lyra")
ROOM = "{hotdesk_disk_watch: {preflight_minimum: 2GiB, runtime_minimum: 1GiB, warning: 3GiB}}"
"""All three PCs live on this machine's disk; percentages of it would say little."""


@click.command("demo")
@click.option(
    "--big-file",
    "big",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    metavar="MB",
    help="Size of the biggest file.",
)
@click.option("--keep", "keep", is_flag=True, help="Leave the PCs' directories for a look at them.")
@click.option(
    "--output",
    "output",
    type=click.Choice(["auto", "live", "plain", "json"]),
    default="auto",
    help="How to show the runs.",
)
@click.pass_context
def command(context: click.Context, /, big: int, keep: bool, output: str) -> None:
    """Start three embedded PCs, make vega and lyra the same as atlas, verify it, and do it again.

    The PCs are SSH servers in a process of their own, each with its own home directory, host key and port: the same way as to a real
    PC, host keys checked. Everything is removed at the end, also after Ctrl-C.
    """
    context.exit(asyncio.run(_demo(big, keep, output)))


async def _demo(big: int, keep: bool, output: str) -> int:
    books = _shipped("playbooks") / "demo.yml"
    if not shutil.which("rsync"):
        raise UsageError("rsync is not installed here", remedy="apt install rsync")
    async with _interruptible(), _directory(keep) as directory, embedded_pcs(NAMES, directory) as pcs:
        count = await in_thread(build_home, pcs.homes["atlas"], big_file=big << 20)
        click.echo(
            f"Three embedded PCs are up: {', '.join(NAMES)} (SSH on {pcs.address}, ports {', '.join(map(str, pcs.ports.values()))})."
        )
        click.echo(
            f"atlas has a home directory of {count} files. hotdesk play {books.name} makes vega and lyra the same:"
        )
        settings = load_settings(
            {"inventory": (str(_shipped("inventory")), str(pcs.inventory_path)), "output": output, "verbosity": 0},
            environ={name: os.environ[name] for name in ("HOME", "TERM") if name in os.environ},
            cwd=directory,
        )
        code = await _play(settings, books, directory / "logs")
        if code:
            return code
        click.echo("The same again; there should be nothing left to do:")
        return await _play(settings, books, directory / "logs")


async def _play(settings: Settings, playbook: Path, logs: Path) -> int:
    options = app.PlayOptions(extra_vars=(ROOM,), expectations=False, command=("hotdesk", "demo"))

    async def story(around: Around) -> int:
        return await app.play(settings, [playbook], options, around)

    code = await shown(settings, story, logs=logs)
    if code > 128:
        raise Interrupted(code - 128)
    return code


def _shipped(name: str) -> Path:
    """``playbooks`` or ``inventory``: in a wheel they lie beside the demo, in a checkout at the top."""
    package = Path(app.__file__).parent
    for place in (package / "demo" / name, package.parents[1] / name):
        if place.is_dir():
            return place
    raise HotdeskError(f"the demo's {name} is missing beside {package}")


@contextlib.asynccontextmanager
async def _directory(keep: bool) -> AsyncIterator[Path]:
    directory = Path(await in_thread(tempfile.mkdtemp, "", "hotdesk-demo-"))
    try:
        yield directory
    finally:
        if keep:
            click.echo(f"The PCs' directories are kept in {directory}")
        else:
            await in_thread(shutil.rmtree, directory, True)


@contextlib.asynccontextmanager
async def _interruptible() -> AsyncIterator[None]:
    """Between the runs (which look after themselves) a signal ends the demo in order, too."""
    task: asyncio.Task[Any] | None = asyncio.current_task()
    loop, seen = asyncio.get_running_loop(), []
    assert task is not None

    def heard(signum: int) -> None:
        seen.append(signum)
        task.cancel()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, heard, signum)
    try:
        yield
    except asyncio.CancelledError:
        if not seen:
            raise
        task.uncancel()
        raise Interrupted(seen[0]) from None
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(signum)
