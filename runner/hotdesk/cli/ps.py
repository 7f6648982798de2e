"""``hotdesk ps``: what runs have at work on the PCs just now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from hotdesk.cli.options import CONNECTION, INVENTORY, options, settings_from
from hotdesk.cli.snapshots import HOSTS, JSON, asked, code_of, table, warn
from hotdesk.jobs.shipping import bundle
from hotdesk.supervise.on_target import processes

if TYPE_CHECKING:
    from hotdesk.jobs.machine import Machine

PROCESS = {"run": str, "task": str, "pid": int, "group": int, "user": str, "seconds": float, "command": str}


@click.command("ps")
@options(INVENTORY, CONNECTION, HOSTS, JSON)
@click.option("--run", "run", metavar="RUN", default="", help="Only of the run whose id begins so.")
@click.pass_context
def command(context: click.Context, /, pattern: str, as_json: bool, run: str, **given: Any) -> None:
    """Show the processes that tasks of runs have started and that are alive on the PCs: those of your user there, with -b everybody's.

    Of finished runs, too: a service that a task was meant to start.
    """
    found, failed = asked(given, pattern, _listed, settings_from(given, warn=warn))
    rows = [{"host": host, **one} for host, mine in found.items() for one in mine if one["run"].startswith(run)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        keys = ("host", "run", "task", "pid", "group", "user", "seconds", "command")
        head = ("HOST", "RUN", "TASK", "PID", "GROUP", "USER", "SECONDS", "COMMAND")
        table(head, [tuple(str(row[key]) for key in keys) for row in rows], none="nothing is at work")
    context.exit(code_of(failed))


async def _listed(machine: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await machine.call(bundle(processes), "listing", change=False, answers=[PROCESS])
    return found
