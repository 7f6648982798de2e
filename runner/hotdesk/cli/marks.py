"""``hotdesk marks``: what a person has said is never to be changed on a PC, or never to go to another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from hotdesk.cli.options import CONNECTION, INVENTORY, options, settings_from
from hotdesk.cli.snapshots import HOSTS, JSON, asked, code_of, table, warn
from hotdesk.errors import UsageError, nearest
from hotdesk.jobs.marks import MARKS
from hotdesk.jobs.on_target import marks
from hotdesk.jobs.shipping import bundle
from hotdesk.text import safe

if TYPE_CHECKING:
    from hotdesk.jobs.machine import Machine

    Mark = dict[str, Any]


@click.group("marks")
def command() -> None:
    """Items that were marked as a PC's own ("never" in a review). They are kept on the PC, by user: with -b, those of root."""


@command.command("list")
@options(INVENTORY, CONNECTION, HOSTS, JSON)
@click.pass_context
def list_(context: click.Context, /, pattern: str, as_json: bool, **given: Any) -> None:
    """Show the marks of the PCs."""
    found, failed = asked(given, pattern, _read, settings_from(given, warn=warn))
    rows = [{"host": host, **mark} for host, mine in found.items() for mark in mine]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        shown: list[tuple[str, ...]] = [
            (r["host"], r["job"], r["subject"], r["scope"] or "-", _others(r)) for r in rows
        ]
        table(("HOST", "JOB", "ITEM", "OF", "NOT TO GO TO"), shown, none="no marks")
    context.exit(code_of(failed))


@command.command("remove")
@options(INVENTORY, CONNECTION, HOSTS)
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@click.option("--job", "job", metavar="NAME", help="Only marks of this job.")
@click.pass_context
def remove(context: click.Context, /, items: tuple[str, ...], pattern: str, job: str | None, **given: Any) -> None:
    """Take back the marks on ITEMs, as 'hotdesk marks list' shows them."""
    names: set[str] = set()

    async def forget(machine: Machine) -> list[Mark]:
        mine = await _read(machine)
        names.update(mark["subject"] for mark in mine)
        gone = [mark for mark in mine if mark["subject"] in items and job in (None, mark["job"])]
        if gone:
            await machine.call(bundle(marks), "change", [], gone, change=True, answers=MARKS)
        return gone

    found, failed = asked(given, pattern, forget, settings_from(given, warn=warn), change=True)
    for host, gone in found.items():
        for mark in gone:
            click.echo(safe(f"{host}: {mark['job']}: {mark['subject']} is no longer marked"))
    if not failed and not any(found.values()):
        raise UsageError(f"nothing of {', '.join(items)} is marked there", remedy=nearest(items[0], names))
    context.exit(code_of(failed))


async def _read(machine: Machine) -> list[Mark]:
    found: list[Mark] = await machine.call(bundle(marks), "read", change=False, answers=MARKS)
    return found


def _others(row: Mark) -> str:
    """The names of the PCs, without their machine-ids."""
    return ", ".join(host.rpartition(" ")[2] for host in row["hosts"]) or "-"
