"""``hotdesk history``: what each PC remembers of the syncs to it, which the gate of ``hotdesk sync`` goes by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from hotdesk.cli.options import CONNECTION, INVENTORY, options, settings_from
from hotdesk.cli.snapshots import HOSTS, JSON, asked, code_of, table, warn
from hotdesk.errors import UsageError, nearest
from hotdesk.jobs.history import ANSWER, History, Identity
from hotdesk.jobs.on_target import history
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from hotdesk.jobs.machine import Machine


@click.group("history")
def command() -> None:
    """The syncs that the PCs remember, by user: with -b, those that ran as root."""


@command.command("list")
@options(INVENTORY, CONNECTION, HOSTS, JSON)
@click.pass_context
def list_(context: click.Context, /, pattern: str, as_json: bool, **given: Any) -> None:
    """Show the last sync from each source to each PC, and how it ended."""
    found, failed = asked(given, pattern, _read, settings_from(given, warn=warn))
    rows = [
        {"host": host, "source": each.name, "run": each.run, "time": each.time, "outcome": each.outcome, "synced": each.synced}
        for host, mine in found.items() for each in sorted(mine.sources.values(), key=lambda each: each.time, reverse=True)
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        keys = ("host", "source", "run", "time", "outcome", "synced")
        head = ("HOST", "FROM", "LAST RUN", "AT", "ENDED", "LAST ENDED WELL")
        table(head, [tuple(row[key] or "-" for key in keys) for row in rows], none="no syncs")
    context.exit(code_of(failed))


@command.command("forget")
@options(INVENTORY, CONNECTION, HOSTS)
@click.argument("name", metavar="NAME")
@click.pass_context
def forget(context: click.Context, /, name: str, pattern: str, **given: Any) -> None:
    """Make the PCs forget the PC that calls itself NAME: it was installed anew, or another one has its name now."""
    names: set[str] = set()

    async def without(machine: Machine) -> int:
        mine = await _read(machine)
        names.update(each.name for each in mine.known())
        after = mine.without(name)
        if after == mine:
            return 0
        stored = after.stored(Identity.of(machine))
        await machine.call(bundle(history), "write", stored, mine.revision, change=True, answers=int)
        return 1

    found, failed = asked(given, pattern, without, settings_from(given, warn=warn), change=True)
    for host in (host for host, forgot in found.items() if forgot):
        click.echo(f"{host} has forgotten {name}")
    if not failed and not any(found.values()):
        raise UsageError(f"none of them remembers a PC that calls itself {name!r}", remedy=nearest(name, names))
    context.exit(code_of(failed))


async def _read(machine: Machine) -> History:
    return History.of(await machine.call(bundle(history), "read", change=False, answers=ANSWER), Identity.of(machine))
