"""``hotdesk rollback``: bring PCs back to before a run; shown first, done with consent, recorded like every run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from hotdesk import app
from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, options
from hotdesk.cli.running import play_options, run
from hotdesk.cli.snapshots import asked, chosen_run, root_settings
from hotdesk.errors import UsageError
from hotdesk.snapshots.pcs import Differences, Pc, compare, look
from hotdesk.supervise.terminal import asker
from hotdesk.text import safe

if TYPE_CHECKING:
    from hotdesk.jobs.machine import Machine
    from hotdesk.prepare import Around

SHOWN = 20
"""Files of a PC that are named before the question; hotdesk snapshots diff --now names all."""
COMES = {"+": "goes", "-": "comes back", "*": "gets its old content", ".": "gets its old mode or owner"}


@click.command("rollback")
@options(INVENTORY, CONNECTION, RUN)
@click.argument("run_id", metavar="RUN")
@click.option("--hosts", "pattern", default="all", show_default=True, metavar="PATTERN", help="Which PCs.")
@click.option(
    "--subvolume", "subvolumes", multiple=True, metavar="PATH", help="Only what is mounted there; may be repeated."
)
@click.option("--yes", "yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(
    context: click.Context, /, run_id: str, pattern: str, subvolumes: tuple[str, ...], yes: bool, **given: Any
) -> None:
    """Bring PCs back to before RUN ('last' for the newest), where they have btrfs snapshots of then. They need a reboot afterwards.

    Shows first what will come back; with --check that is all. Without a terminal it needs --yes.
    """
    found, failed = asked(given, pattern, look)
    meant = chosen_run(found, run_id)
    hosts = [host for host, pc in found.items() if pc.covered(meant, "before")]
    if not hosts:
        raise UsageError(
            f"no PC has snapshots from before {meant}", remedy="'hotdesk snapshots list' shows which there are."
        )

    async def differences(machine: Machine) -> Differences:
        return await compare(machine, meant, until="now", below="/", most=10 * SHOWN)

    told, unseen = asked(given, ",".join(hosts), differences)
    for host in hosts:
        _tell(host, found[host], meant, subvolumes, told.get(host))
    for host in found.keys() - set(hosts):
        click.echo(safe(f"{host}: no snapshots from before {meant}; it stays as it is"))
    if failed or unseen:
        raise UsageError(
            "not all PCs could be looked at, so nothing was done", remedy="Name those to roll back with --hosts."
        )
    if not given["check"] and not yes:
        _ask(hosts)
    given["verbosity"] = max(1, given["verbosity"])
    places = f" subvolumes={','.join(subvolumes)}" if subvolumes else ""
    words = f"run={meant} consent={'false' if given['check'] else 'true'}{places}"

    async def story(around: Around) -> int:
        settings = root_settings(given)
        return await app.run_module(
            settings, ",".join(hosts), "hotdesk.sync.rollback", words, play_options(given), around
        )

    code = run(root_settings(given), story, junit=given["junit"])
    if code == 0 and not given["check"]:
        click.echo(safe(f"Reboot {', '.join(hosts)} now: what is written there until then is put aside."))
    context.exit(code)


def _tell(host: str, pc: Pc, meant: str, subvolumes: tuple[str, ...], differing: Differences | None) -> None:
    places = (
        sorted(pc.covered(meant, "before") & set(subvolumes)) if subvolumes else sorted(pc.covered(meant, "before"))
    )
    click.echo(safe(f"{host}: {' '.join(places) or 'nothing'} as before {meant}; needs a reboot"))
    if differing is None:
        return
    for mark, path, _ in differing.entries[:SHOWN]:
        click.echo(safe(f"  {COMES[mark]}: {path}"))
    if differing.found > SHOWN:
        click.echo(f"  ... {differing.found} in all; 'hotdesk snapshots diff {meant} --now --hosts {host}' shows them")


def _ask(hosts: list[str]) -> None:
    """Consent. Raises UsageError without it."""
    ask = asker()
    if ask is None:
        raise UsageError("a rollback needs consent, and there is no terminal to ask at", remedy="Give --yes.")
    answer = asyncio.run(_answer(ask, f"Bring {', '.join(hosts)} back? Everything since then is put aside. [y/N] "))
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was done")


async def _answer(ask: Any, text: str) -> str:
    return str(await ask(text, echo=True))
