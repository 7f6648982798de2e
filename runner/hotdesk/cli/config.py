"""``hotdesk config``: every setting, its value, its unit and where it comes from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click

from hotdesk.configuration import OPTIONS, describe, load_settings
from hotdesk.errors import UsageError, nearest
from hotdesk.text import safe


@click.command("config")
@click.argument("names", nargs=-1)
@click.option("--changed", "changed", is_flag=True, help="Only settings that are not at their default.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option(
    "-v", "--verbose", "verbosity", count=True, help="-v: how each is spelled outside; -vv: what was ignored, too."
)
def command(names: tuple[str, ...], changed: bool, as_json: bool, verbosity: int) -> None:
    """Show every setting, or those called NAMES: value, unit, and where the value comes from."""
    settings = load_settings({}, warn=lambda text: click.echo(safe(f"[WARNING]: {text}"), err=True))
    for name in names:
        if name not in OPTIONS:
            raise UsageError(f"there is no setting {name!r}", remedy=nearest(name, OPTIONS))
    found = [
        (name, value, origin)
        for name, value, origin in describe(settings)
        if (not names or name in names) and (not changed or origin != "default")
    ]
    if as_json:
        rows = {
            name: {"value": _json(value), "unit": OPTIONS[name].unit, "origin": origin} for name, value, origin in found
        }
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(safe(f"config file: {settings.config_file or 'none'}"))
    for name, value, origin in found:
        unit = f" {OPTIONS[name].unit}" if OPTIONS[name].unit and value is not None else ""
        click.echo(safe(f"{name} = {_shown(value)}{unit}  ({origin})"))
        if verbosity:
            spelled = ", ".join((*OPTIONS[name].ini, *OPTIONS[name].env)) or "command line only"
            click.echo(f"    {spelled}")
    if verbosity > 1 and settings.ignored:
        click.echo(safe(f"ignored: {', '.join(settings.ignored)}"))


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value) or "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "(not set)"
    if isinstance(value, float):
        return "unlimited" if math.isinf(value) else f"{value:g}"
    return str(value)


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    if isinstance(value, float) and math.isinf(value):
        return None
    return str(value) if isinstance(value, Path) else value
