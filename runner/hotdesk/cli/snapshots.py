"""``hotdesk snapshots``: what snapshots the PCs keep of which runs, what changed since, and removing old ones."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hotdesk import app
from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, options, settings_from
from hotdesk.cli.running import play_options, run
from hotdesk.errors import HotdeskError, UsageError, nearest
from hotdesk.fleet import visit
from hotdesk.snapshots.pcs import Differences, Pc, compare, look
from hotdesk.text import safe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hotdesk.jobs.machine import Machine
    from hotdesk.prepare import Around
    from hotdesk.settings import Settings

T = TypeVar("T")
HOSTS = (click.option("--hosts", "pattern", default="all", show_default=True, metavar="PATTERN", help="Which PCs."),)
JSON = (click.option("--json", "as_json", is_flag=True, help="JSON instead of a table."),)
MOST = 1000
"""Differences of a PC that are shown unless told."""


@click.group("snapshots")
def command() -> None:
    """The btrfs snapshots that runs have left on the PCs (see hotdesk doc hotdesk.sync.snapshot). Needs root there, and asks for it."""


@command.command("list")
@options(INVENTORY, CONNECTION, HOSTS, JSON)
@click.pass_context
def list_(context: click.Context, /, pattern: str, as_json: bool, **given: Any) -> None:
    """Show the runs of which there are snapshots, on which PCs, newest first."""
    found, failed = asked(given, pattern, look)
    rows = sorted(
        (row for host, pc in found.items() for row in _rows(host, pc)),
        key=lambda row: (row["made"], row["host"]),
        reverse=True,
    )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        table(
            ("RUN", "MADE (UTC)", "HOST", "BEFORE", "AFTER"),
            [(r["run"], r["made"][:19], r["host"], *_places(r)) for r in rows],
        )
        _say_unprotected(found)
    context.exit(code_of(failed))


@command.command("show")
@options(INVENTORY, CONNECTION, HOSTS, JSON)
@click.argument("run_id", metavar="RUN")
@click.pass_context
def show(context: click.Context, /, run_id: str, pattern: str, as_json: bool, **given: Any) -> None:
    """Show every snapshot of RUN ('last' for the newest; the beginning of an id is enough)."""
    found, failed = asked(given, pattern, look)
    chosen = chosen_run(found, run_id)
    rows = [
        {"host": host, "phase": one["phase"], "mount": each["mount"], "made": one["made"], "device": one["device"],
         "path": f".hotdesk-snapshots/{chosen}.{one['phase']}/{each['name']}"}
        for host, pc in found.items() for one in pc.sets if one["run"] == chosen for each in one["subvolumes"]
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps({"run": chosen, "snapshots": rows}, indent=2))
    else:
        click.echo(safe(f"run {chosen}"))
        keys = ("host", "phase", "mount", "made", "device", "path")
        table(
            ("HOST", "PHASE", "OF", "MADE", "ON", "IN THE TOP LEVEL"), [tuple(row[key] for key in keys) for row in rows]
        )
    context.exit(code_of(failed))


@command.command("diff")
@options(INVENTORY, CONNECTION, HOSTS, JSON)
@click.argument("run_id", metavar="RUN")
@click.option("--now", "now", is_flag=True, help="Compare with what is there now, not with the snapshots after RUN.")
@click.option("--path", "path", default="/", show_default=True, metavar="PATH", help="Only below this path.")
@click.option(
    "--most", "most", default=MOST, show_default=True, metavar="N", help="Show no more than N differences of a PC."
)
@click.pass_context
def diff(
    context: click.Context, /, run_id: str, now: bool, path: str, most: int, pattern: str, as_json: bool, **given: Any
) -> None:
    """Show what is different from before RUN: '+' new, '-' gone, '*' other content, '.' other mode or owner."""
    if not path.startswith("/"):
        raise UsageError(f"--path {path!r} is not an absolute path")

    async def differences(machine: Machine) -> tuple[Pc, str, Differences | None]:
        pc = await look(machine)
        chosen = chosen_run({machine.host: pc}, run_id, others=True)
        until = "after" if not now and pc.covered(chosen, "after") else "now"
        if not pc.covered(chosen, "before"):
            return pc, chosen, None
        return pc, chosen, await compare(machine, chosen, until=until, below=path, most=most)

    found, failed = asked(given, pattern, differences)
    chosen = chosen_run({host: answer[0] for host, answer in found.items()}, run_id)
    with_it = {host: answer[2] for host, answer in found.items() if answer[2] is not None and answer[1] == chosen}
    if as_json:
        told = {h: {"found": d.found, "compared": d.compared, "differences": d.entries} for h, d in with_it.items()}
        click.echo(json.dumps({"run": chosen, "hosts": told}, indent=2))
    else:
        for host, differing in with_it.items():
            _print_differences(host, chosen, differing)
    context.exit(code_of(failed))


@command.command("prune")
@options(INVENTORY, CONNECTION, RUN, HOSTS)
@click.option(
    "--keep", "keep", default=10, show_default=True, type=click.IntRange(min=0), help="Runs to keep (0: all)."
)
@click.option(
    "--keep-days",
    "keep_days",
    default=30,
    show_default=True,
    type=click.IntRange(min=0),
    help="Days to keep (0: any number).",
)
@click.option(
    "--keep-free",
    "keep_free",
    default="10%",
    show_default=True,
    metavar="AMOUNT",
    help="Remove old ones until that is free.",
)
@click.pass_context
def prune(context: click.Context, /, pattern: str, keep: int, keep_days: int, keep_free: str, **given: Any) -> None:
    """Remove old snapshots; with --check only show which. The newest run's always stay."""
    given["verbosity"] = max(1, given["verbosity"])  # the result is what one wants to see
    settings, chosen = root_settings(given), play_options(given)
    words = f"phase=prune keep={keep} keep_days={keep_days} keep_free='{keep_free}'"

    async def story(around: Around) -> int:
        return await app.run_module(settings, pattern, "hotdesk.sync.snapshot", words, chosen, around)

    context.exit(run(settings, story, junit=given["junit"]))


def root_settings(given: dict[str, Any]) -> Settings:
    """As given, and root there unless the command line says otherwise: nobody else may look."""
    settings = settings_from(given, warn=warn)
    return settings if given.get("become") is not None else replace(settings, become=True)


def asked(
    given: dict[str, Any],
    pattern: str,
    question: Callable[[Machine], Awaitable[T]],
    settings: Settings | None = None,
    **more: Any,
) -> tuple[dict[str, T], dict[str, HotdeskError]]:
    """Answers (of root, unless ``settings`` say otherwise), and what went wrong elsewhere (told at once). ``more`` as for ``fleet.visit``."""
    settings = settings or root_settings(given)
    answers = asyncio.run(visit(settings, pattern, question, limit=given["limit"] or "", warn=warn, **more))
    failed = {host: answer for host, answer in answers.items() if isinstance(answer, HotdeskError)}
    for host, problem in failed.items():
        click.echo(safe(f"[ERROR]: {host}: {problem.explain()}"), err=True)
    return {host: answer for host, answer in answers.items() if not isinstance(answer, HotdeskError)}, failed


def code_of(failed: Mapping[str, HotdeskError]) -> int:
    return max((problem.exit_code for problem in failed.values()), default=0)


def warn(text: str) -> None:
    click.echo(safe(f"[WARNING]: {text}"), err=True)


def _rows(host: str, pc: Pc) -> list[dict[str, Any]]:
    """One for each run: run, host, made (when the first was), before and after (places)."""
    found: dict[str, dict[str, Any]] = {}
    for one in pc.sets:
        row = found.setdefault(
            one["run"], {"run": one["run"], "host": host, "made": one["made"], "before": [], "after": []}
        )
        row[one["phase"]] += [each["mount"] for each in one["subvolumes"]]
    return list(found.values())


def _places(row: Mapping[str, Any]) -> tuple[str, str]:
    return " ".join(row["before"]) or "-", " ".join(row["after"]) or "-"


def chosen_run(found: Mapping[str, Pc], run_id: str, *, others: bool = False) -> str:
    """The whole id of a run. Raises UsageError when none or several are meant; with ``others`` one that is elsewhere is fine."""
    newest: dict[str, float] = {}
    for pc in found.values():
        for one in pc.sets:
            newest[one["run"]] = max(newest.get(one["run"], 0.0), float(one["at"]))
    try:
        return told_run(newest, run_id)
    except UsageError:
        if others:
            return run_id
        raise


def told_run(newest: Mapping[str, float], run_id: str, what: str = "snapshots") -> str:
    """The whole id of one of these runs (run -> when). Raises UsageError when none or several are meant."""
    if run_id == "last" and newest:
        return max(newest, key=lambda name: newest[name])
    meant = [name for name in newest if name.startswith(run_id)]
    if len(meant) == 1:
        return meant[0]
    problem = f"{len(meant)} runs begin with {run_id!r}" if meant else f"there are no {what} of a run {run_id!r}"
    raise UsageError(
        problem, remedy=nearest(run_id, newest) or "'hotdesk snapshots list' and 'hotdesk log' show the runs."
    )


def _print_differences(host: str, run_id: str, differing: Differences) -> None:
    places = " ".join(differing.compared)
    click.echo(safe(f"{host}: {differing.found} differences from before {run_id} in {places}"))
    for mark, path, detail in differing.entries:
        click.echo(safe(f"  {mark} {path}{f'  ({detail})' if detail else ''}"))
    if differing.found > len(differing.entries):
        click.echo(f"  ... and {differing.found - len(differing.entries)} more")


def _say_unprotected(found: Mapping[str, Pc]) -> None:
    for host, pc in found.items():
        if pc.unprotected:
            click.echo(safe(f"{host}: no snapshots of {', '.join(pc.unprotected)}"))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]], none: str = "no snapshots") -> None:
    """Columns as wide as they need to be; ``none`` when there are no rows."""
    if not rows:
        click.echo(none)
        return
    lines = [head, *rows]
    widths = [max(len(safe(line[column])) for line in lines) for column in range(len(head))]
    for line in lines:
        click.echo("  ".join(safe(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
