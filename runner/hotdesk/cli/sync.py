"""``hotdesk sync``: the everyday case in one command."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hotdesk import app
from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, options, settings_from
from hotdesk.cli.reviewing import decided
from hotdesk.cli.running import play_options, run
from hotdesk.errors import UsageError
from hotdesk.jobs.plan_file import read_plan
from hotdesk.paths import is_file

if TYPE_CHECKING:
    from hotdesk.executor.run import PlayOptions
    from hotdesk.prepare import Around
    from hotdesk.settings import Settings

PLAYBOOKS = ("playbooks/switch.yml", "switch.yml")
"""Looked for in the working directory."""


@click.command("sync")
@options(INVENTORY, CONNECTION, RUN)
@click.argument("playbook", required=False, type=click.Path(path_type=Path), metavar="[PLAYBOOK]")
@click.option("--from", "source", metavar="NAME", help="The PC that the others become like (hotdesk_source).")
@click.option("--to", "targets", multiple=True, metavar="NAMES", help="Only these of the others.")
@click.option("--review", "review", is_flag=True, help="Look at what would change first, and decide.")
@click.option(
    "--plan", "plan", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Do exactly what this reviewed plan approves.",
)  # fmt: skip
@click.option("--allow-removals", "removals", is_flag=True, help="Also remove what the others have too much.")
@click.option(
    "--allow-first-sync",
    "first",
    multiple=True,
    metavar="NAMES",
    help="These may be overwritten though they have never met the source.",
)
@click.option(
    "--allow-out-of-order",
    "order",
    multiple=True,
    metavar="NAMES",
    help="These may be overwritten though they have work that the source has not had.",
)
@click.option(
    "--keep-conflicts",
    "conflicts",
    flag_value="keep",
    default=None,
    help="Overwrite also files that were changed there since the last sync; keep their versions beside.",
)
@click.option(
    "--discard-conflicts",
    "conflicts",
    flag_value="discard",
    help="Overwrite also files that were changed there since the last sync; lose their versions.",
)
@click.pass_context
def command(
    context: click.Context,
    /,
    playbook: Path | None,
    source: str | None,
    targets: tuple[str, ...],
    review: bool,
    plan: Path | None,
    removals: bool,
    first: tuple[str, ...],
    order: tuple[str, ...],
    conflicts: Literal["keep", "discard"] | None,
    **given: Any,
) -> None:
    """Make the other PCs like the one you worked at, by playbooks/switch.yml (or PLAYBOOK).

    Nothing is lost there that you did not allow, in a review, in a plan or by an option: what is to be removed, files that were changed
    there since the last sync, a PC that has work of its own or is met for the first time.
    """
    if bool(review) + (plan is not None) + bool(removals or conflicts) > 1:
        raise click.UsageError("Only one of --review, --plan, and --allow-removals with --keep-conflicts.", context)
    if review and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "--review needs a terminal", remedy="hotdesk plan -o FILE writes the plan; --plan FILE does it."
        )
    if source:
        given["extra_vars"] = (*given["extra_vars"], f"hotdesk_source={source}")
    if targets:
        given["limit"] = ",".join(filter(None, (*targets, given.get("limit") and f"&{given['limit']}")))
    warnings: list[str] = []
    settings = settings_from(given, warn=warnings.append)
    chosen = replace(
        play_options(given), plan=plan, removals=removals, conflicts=conflicts or "leave", gate=True,
        allow_first=_names(first), allow_order=_names(order),
    )  # fmt: skip
    book = playbook or _found()
    if review:
        context.exit(_reviewed(settings, book, chosen, tuple(warnings), given["junit"]))

    async def story(around: Around) -> int:
        return await app.play(settings, [book], chosen, around)

    context.exit(run(settings, story, junit=given["junit"], warnings=tuple(warnings)))


def _reviewed(settings: Settings, book: Path, chosen: PlayOptions, warnings: tuple[str, ...], junit: str | None) -> int:
    """Plan, let the person decide, then do it. The file lives only as long as this takes."""
    with tempfile.TemporaryDirectory(prefix="hotdesk-plan-") as folder:
        path = Path(folder) / "plan.yml"

        async def planning(around: Around) -> int:
            return await app.plan(settings, [book], path, chosen, around)

        code = run(replace(settings, check=True), planning, warnings=warnings)
        if code or not is_file(path) or not any(read_plan(path).steps.values()):
            return code
        if not decided(path):
            click.echo("Nothing was done.")
            return 0

        async def playing(around: Around) -> int:
            return await app.play(settings, [book], replace(chosen, plan=path), around)

        return run(settings, playing, junit=junit)


def _names(given: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.strip() for each in given for name in each.split(",") if name.strip())


def _found() -> Path:
    for name in PLAYBOOKS:
        if is_file(path := Path(name)):
            return path
    raise UsageError(
        f"there is no {' or '.join(PLAYBOOKS)} here",
        remedy="hotdesk init NAMES writes one; or name a playbook: hotdesk sync PLAYBOOK.",
    )
