"""``hotdesk play``: run playbooks, with ansible-playbook's options."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotdesk import events as ev
from hotdesk.bus import Bus
from hotdesk.cli.options import CONNECTION, INVENTORY, RUN, SELECTION, options, settings_from
from hotdesk.cli.running import play_options, run
from hotdesk.text import safe

if TYPE_CHECKING:
    from hotdesk.place import Place
    from hotdesk.playbook.model import Play
    from hotdesk.prepare import Around
    from hotdesk.settings import Settings

WALKING = (
    click.option("--start-at-task", "start_at_task", metavar="NAME", help="Begin at the task of this name."),
    click.option("--step", "step", is_flag=True, help="Ask before each task."),
    click.option("--force-handlers", "force_handlers", is_flag=True, help="Run handlers even if a task fails."),
    click.option(
        "--flush-cache", "flush_cache", is_flag=True, help="Forget the facts kept of every host in the inventory."
    ),
)
LISTS = (
    click.option("--list-hosts", "list_hosts", is_flag=True, help="List the hosts; run nothing."),
    click.option("--list-tasks", "list_tasks", is_flag=True, help="List the tasks; run nothing."),
    click.option("--list-tags", "list_tags", is_flag=True, help="List the tags; run nothing."),
    click.option("--syntax-check", "syntax_check", is_flag=True, help="Check playbooks and inventory; run nothing."),
)


@click.command("play")
@options(INVENTORY, CONNECTION, RUN, SELECTION, WALKING, LISTS)
@click.argument("playbooks", nargs=-1, metavar="PLAYBOOK...")
@click.option(
    "--plan", "plan", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Of what sync jobs would change, do exactly what this reviewed plan approves.",
)  # fmt: skip
@click.pass_context
def command(context: click.Context, /, playbooks: tuple[str, ...], plan: Path | None, **given: Any) -> None:
    """Run PLAYBOOKs over an inventory; with --plan, those that the plan was made of.

    Everything is checked before any host is touched. Ctrl-C stops in order, on all hosts; a second Ctrl-C forces.
    """
    listing = any(given[name] for name in ("list_hosts", "list_tasks", "list_tags", "syntax_check"))
    if not playbooks and (plan is None or listing):
        raise click.UsageError("Missing argument 'PLAYBOOK...'.", context)
    warnings: list[str] = []
    settings = settings_from(given, warn=warnings.append)
    chosen = replace(play_options(given), plan=plan)
    if listing:
        asyncio.run(_list(settings, playbooks, given))
        return

    from hotdesk import app  # late: a listing needs little of it

    async def story(around: Around) -> int:
        return await app.play(settings, playbooks, chosen, around)

    context.exit(run(settings, story, junit=given["junit"], warnings=tuple(warnings)))


async def _list(settings: Settings, playbooks: tuple[str, ...], given: dict[str, Any]) -> None:
    """What --list-* and --syntax-check print: ansible-playbook's lines. As nothing runs, a name that nothing has is a warning."""
    from hotdesk.inventory.patterns import select
    from hotdesk.playbook.outline import outline
    from hotdesk.prepare import Around, prepared

    chosen = play_options(given)
    if settings.host_pattern_mismatch == "guarded":
        settings = replace(settings, host_pattern_mismatch="warning")
    around = Around(bus=Bus(), prompt=None)
    around.bus.subscribe(_tell)
    async with prepared(settings, [*map(Path, playbooks)], chosen, around, check=given["syntax_check"]) as ready:
        extra, inventory, mismatch = ready.run.extra_vars, ready.run.inventory, settings.host_pattern_mismatch
        patterns: dict[int, str] = {}
        for book in ready.playbooks:
            for one in book.plays:
                found = await ready.run.templates.render(one.hosts, {**one.vars, **extra}, place=one.place)
                patterns[id(one)] = ",".join(map(str, found)) if isinstance(found, list) else str(found)

        def warn(text: str, place: Place | None) -> None:
            ready.run.warn(text, place=place)

        def hosts(play: Play) -> list[str]:
            return select(inventory, patterns[id(play)], limit=chosen.limit or None, mismatch=mismatch, warn=warn)

        lists = {name: given[name] for name in ("list_hosts", "list_tasks", "list_tags")}
        for written, book in zip(playbooks, ready.playbooks, strict=True):
            click.echo(outline(book, written=written, selection=chosen.tags, hosts=hosts, **lists))


def _tell(event: ev.Event) -> None:
    if isinstance(event, ev.Warned):
        click.echo(safe(f"[WARNING]: {event.text}" + (f" ({event.place})" if event.place else "")), err=True)
