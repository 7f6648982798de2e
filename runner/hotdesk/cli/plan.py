"""``hotdesk plan``: what the sync jobs of playbooks would change, in a file to review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotdesk import app
from hotdesk.cli.options import CONNECTION, INVENTORY, PLANNING, SELECTION, options, settings_from
from hotdesk.cli.running import play_options, run
from hotdesk.errors import UsageError
from hotdesk.paths import exists

if TYPE_CHECKING:
    from hotdesk.prepare import Around


@click.command("plan")
@options(INVENTORY, CONNECTION, PLANNING, SELECTION)
@click.argument("playbooks", nargs=-1, required=True, metavar="PLAYBOOK...")
@click.option(
    "-o",
    "--plan-file",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the plan.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE and the decisions in it.")
@click.pass_context
def command(context: click.Context, /, playbooks: tuple[str, ...], path: Path, overwrite: bool, **given: Any) -> None:
    """Write what every sync job of PLAYBOOKs would change, on every host, to a file.

    Nothing is changed. Edit the decisions in the file, then: hotdesk play --plan FILE
    """
    if exists(path) and not overwrite:
        raise UsageError(f"{path} is there already", remedy="It may hold decisions: give another name, or --overwrite.")
    warnings: list[str] = []
    settings = settings_from({**given, "check": True}, warn=warnings.append)
    chosen = play_options(given)

    async def story(around: Around) -> int:
        return await app.plan(settings, playbooks, path, chosen, around)

    context.exit(run(settings, story, warnings=tuple(warnings)))
