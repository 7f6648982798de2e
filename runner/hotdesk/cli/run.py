"""``hotdesk run``: one module on hosts, as ``ansible`` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hotdesk import app
from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, options, settings_from
from hotdesk.cli.running import play_options, run

if TYPE_CHECKING:
    from hotdesk.prepare import Around


@click.command("run")
@options(INVENTORY, CONNECTION, RUN)
@click.argument("pattern")
@click.option(
    "-m", "--module-name", "module", default="command", metavar="MODULE", show_default=True, help="The module to run."
)
@click.option("-a", "--args", "arguments", default="", metavar="ARGS", help="Its arguments: key=value, or a command.")
@click.pass_context
def command(context: click.Context, /, pattern: str, module: str, arguments: str, **given: Any) -> None:
    """Run MODULE with ARGS on the hosts of PATTERN."""
    warnings: list[str] = []
    given["verbosity"] = max(1, given["verbosity"])  # the result is what one wants to see
    settings = settings_from(given, warn=warnings.append)
    chosen = play_options(given)

    async def story(around: Around) -> int:
        return await app.run_module(settings, pattern, module, arguments, chosen, around)

    context.exit(run(settings, story, junit=given["junit"], warnings=tuple(warnings), typed=arguments))
