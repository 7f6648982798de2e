"""``hotdesk verify``: testinfra tests against the hosts of an inventory, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hotdesk import app
from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, options, settings_from
from hotdesk.cli.running import play_options, run

if TYPE_CHECKING:
    from hotdesk.prepare import Around


@click.command("verify")
@options(INVENTORY, CONNECTION, RUN)
@click.argument("tests", nargs=-1, metavar="TESTS...")
@click.option("--jobs", "jobs", is_flag=True, help="Look whether the hosts still have what sync jobs left there.")
@click.option("--hosts", "pattern", default="all", show_default=True, metavar="PATTERN", help="The hosts to verify.")
@click.pass_context
def command(context: click.Context, /, tests: tuple[str, ...], pattern: str, jobs: bool, **given: Any) -> None:
    """Run TESTS (testinfra files or directories) against hosts, in parallel, over one connection each.

    With --jobs: look for what has drifted since the last sync. Exit code 3 when a test fails or something has drifted.
    """
    if jobs == bool(tests):
        raise click.UsageError("Give TESTS, or --jobs.", context)
    warnings: list[str] = []
    settings = settings_from(given, warn=warnings.append)
    chosen = play_options(given)

    async def story(around: Around) -> int:
        if jobs:
            return await app.verify_jobs(settings, pattern, chosen, around)
        return await app.verify_hosts(settings, pattern, tests, chosen, around)

    context.exit(run(settings, story, junit=given["junit"], warnings=tuple(warnings)))
