"""``hotdesk rollback``: bring PCs back to before a run; shown first, done with consent, recorded like every run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from hotdesk import app
from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, options
from hotdesk.cli.running import play_options, run
from hotdesk.cli.snapshots import asked, root_settings, told_run
from hotdesk.errors import UsageError
from hotdesk.frozen import frozen
from hotdesk.jobs.undo import runs
from hotdesk.jobs.undo_plan import Undoing, undoing
from hotdesk.paths import exists, run_log_dir
from hotdesk.report.run_log import entries
from hotdesk.snapshots.pcs import Differences, Pc, compare, look
from hotdesk.supervise.terminal import asker
from hotdesk.text import safe

if TYPE_CHECKING:
    from hotdesk.jobs.machine import Machine
    from hotdesk.prepare import Around

SHOWN = 20
"""Files of a PC that are named before the question; hotdesk snapshots diff --now names all."""
COMES = {"+": "goes", "-": "comes back", "*": "gets its old content", ".": "gets its old mode or owner"}


@frozen
class Kept:
    """What a PC keeps of its runs."""

    pc: Pc
    journals: dict[str, float]
    """Run -> when (seconds since 1970)."""

    def newest(self) -> dict[str, float]:
        """All runs that it could be brought back to before."""
        sets = {one["run"]: float(one["at"]) for one in self.pc.sets if one["phase"] == "before"}
        return {run: max(sets.get(run, 0.0), self.journals.get(run, 0.0)) for run in {**sets, **self.journals}}


@frozen
class Way:
    """How one PC is brought back: by its snapshots (and what differs from them), by journals, or both."""

    places: tuple[str, ...]
    differing: Differences | None
    undoing: Undoing | None


async def kept(machine: Machine) -> Kept:
    """Reads only."""
    return Kept(await look(machine), await runs(machine))


@click.command("rollback")
@options(INVENTORY, CONNECTION, RUN)
@click.argument("run_id", metavar="RUN")
@click.option("--hosts", "pattern", default="all", show_default=True, metavar="PATTERN", help="Which PCs.")
@click.option(
    "--subvolume", "subvolumes", multiple=True, metavar="PATH", help="Only what is mounted there; may be repeated."
)
@click.option("--overwrite", "overwrite", is_flag=True, help="Also what was changed again since RUN.")
@click.option("--yes", "yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(
    context: click.Context,
    /,
    run_id: str,
    pattern: str,
    subvolumes: tuple[str, ...],
    overwrite: bool,
    yes: bool,
    **given: Any,
) -> None:
    """Bring PCs back to before RUN ('last' for the newest): by their btrfs snapshots of then, which needs a reboot, elsewhere by the
    journals that the jobs have left.

    Shows first what will come back; with --check that is all. Without a terminal it needs --yes.
    """
    found, failed = asked(given, pattern, kept)
    meant = told_run(
        {run: at for one in found.values() for run, at in one.newest().items()}, run_id, "snapshots or journals"
    )
    hosts = [host for host, one in found.items() if meant in one.newest()]

    async def way(machine: Machine) -> Way:
        pc, journals = found[machine.host].pc, found[machine.host].journals
        places = pc.covered(meant, "before")
        rest = None
        if not subvolumes and "/" not in places and meant in journals:
            rest = await undoing(machine, meant, overwrite=overwrite)
        differing = await compare(machine, meant, until="now", below="/", most=10 * SHOWN) if places else None
        chosen = places & set(subvolumes) if subvolumes else places
        return Way(tuple(sorted(chosen)), differing, rest)

    told, unseen = asked(given, ",".join(hosts), way)
    stays = _stays(meant)
    for host, one in told.items():
        _tell(host, one, meant, overwrite, stays.get(host, []))
    for host in found.keys() - set(hosts):
        click.echo(safe(f"{host}: neither snapshots from before {meant} nor its journals; it stays as it is"))
    if failed or unseen:
        raise UsageError(
            "not all PCs could be looked at, so nothing was done", remedy="Name those to roll back with --hosts."
        )
    if not given["check"] and not yes:
        _ask(hosts)
    given["verbosity"] = max(1, given["verbosity"])
    words = f"run={meant} consent={'false' if given['check'] else 'true'}"
    words += f" subvolumes={','.join(subvolumes)}" if subvolumes else ""
    words += " overwrite=true" if overwrite else ""

    async def story(around: Around) -> int:
        settings = root_settings(given)
        return await app.run_module(
            settings, ",".join(hosts), "hotdesk.sync.rollback", words, play_options(given), around
        )

    code = run(root_settings(given), story, junit=given["junit"])
    reboot = [host for host, one in told.items() if one.places]
    if code == 0 and reboot and not given["check"]:
        click.echo(safe(f"Reboot {', '.join(reboot)} now: what is written there until then is put aside."))
    context.exit(code)


def _stays(run_id: str) -> dict[str, list[str]]:
    """Host -> what jobs changed there, by the log of that run, and left nothing to undo it by. Nothing when there is no such log here."""
    path = run_log_dir() / f"{run_id}.jsonl"
    found: dict[str, list[str]] = {}
    for entry in entries(path) if exists(path) else ():
        if entry["event"] != "JobDone" or entry["job"] == "snapshot":
            continue
        told = [c for c in entry["changes"] if not str(c.get("undo") or "").startswith("hotdesk rollback")]
        lines = [f"{c['verb']} {c['subject']}" + (f" (by hand: {c['undo']})" if c.get("undo") else "") for c in told]
        found.setdefault(entry["host"], []).extend(lines)
    return found


def _tell(host: str, way: Way, meant: str, overwrite: bool, stays: list[str]) -> None:
    if way.differing is not None:
        click.echo(safe(f"{host}: {' '.join(way.places) or 'nothing'} as before {meant}; needs a reboot"))
        for mark, path, _ in way.differing.entries[:SHOWN]:
            click.echo(safe(f"  {COMES[mark]}: {path}"))
        if way.differing.found > SHOWN:
            more = f"'hotdesk snapshots diff {meant} --now --hosts {host}' shows them"
            click.echo(f"  ... {way.differing.found} in all; {more}")
    if way.undoing is None:
        return
    changes = way.undoing.changes
    click.echo(safe(f"{host}: by the journals of {meant}{'' if changes else ': there is nothing to bring back'}"))
    for change in changes:
        click.echo(safe(f"  {change.id}{f'  ({change.detail})' if change.detail else ''}"))
    for text in way.undoing.left:
        click.echo(safe(f"  stays: {text}"))
    for text in way.undoing.changed:
        click.echo(safe(f"  {'overwritten' if overwrite else 'stays, without --overwrite'}: {text}"))
    for text in stays[:SHOWN]:
        click.echo(safe(f"  stays: {text}"))
    if len(stays) > SHOWN:
        click.echo(f"  ... {len(stays)} that stay in all; 'hotdesk log {meant} --host {host}' shows them")


def _ask(hosts: list[str]) -> None:
    """Consent. Raises UsageError without it."""
    ask = asker()
    if ask is None:
        raise UsageError("a rollback needs consent, and there is no terminal to ask at", remedy="Give --yes.")
    answer = asyncio.run(_answer(ask, f"Bring {', '.join(hosts)} back? [y/N] "))
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was done")


async def _answer(ask: Any, text: str) -> str:
    return str(await ask(text, echo=True))
