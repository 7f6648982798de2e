"""``hotdesk doc``: what a module or sync job does, its options and what it returns."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotdesk.actions.collections import Collections
from hotdesk.actions.module_files import ModuleFiles
from hotdesk.actions.registry import ActionNames
from hotdesk.cli.options import settings_from
from hotdesk.errors import HotdeskError, UsageError, nearest
from hotdesk.source import load_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARKUP = re.compile(r"\b([A-Z])\(([^)]*)\)")
"""Ansible's documentation markup: O(option), V(value), C(code), I(italic), B(bold), M(module), U(url), L(text,url), E(variable)."""
WIDTH = 100


@click.command("doc")
@click.argument("names", nargs=-1, metavar="MODULE...")
@click.option("-l", "--list", "list_all", is_flag=True, help="List every module and sync job hotdesk can run.")
def command(names: tuple[str, ...], list_all: bool) -> None:
    """Show the documentation of modules and sync jobs, by short or full name."""
    settings = settings_from({})
    collections = Collections(settings, (Path.cwd(),))
    actions = ActionNames(collections, ModuleFiles.of(settings, collections))
    actions.files.add(Path.cwd())
    if list_all:
        for known in actions.known():
            if not actions.refusal(known):
                click.echo(f"{known:<44} {_short(actions, known)}")
        return
    if not names:
        raise UsageError("which module?", remedy="'hotdesk doc -l' lists them")
    for name in names:
        found = actions.resolve(name, ("hotdesk.sync",))
        if found is None:
            raise UsageError(
                f"there is no module {name!r}", remedy=nearest(name, [*actions.known(), *_shorts(actions)])
            )
        if refusal := actions.refusal(found):
            raise UsageError(refusal, remedy=f"'ansible-doc {found}' documents it")
        click.echo("\n".join(_page(found, _documentation(actions, found))))


def _shorts(actions: ActionNames) -> Iterator[str]:
    return (fqcn.rpartition(".")[2] for fqcn in actions.known())


def _documentation(actions: ActionNames, fqcn: str) -> Mapping[str, Any]:
    if actions.control(fqcn):
        return {"short_description": "part of the playbook language (see Ansible's documentation)"}
    found = load_yaml(actions.documentation(fqcn), fqcn)
    return found if isinstance(found, dict) else {}


def _short(actions: ActionNames, fqcn: str) -> str:
    try:
        return _plain(str(_documentation(actions, fqcn).get("short_description", "")))
    except (HotdeskError, ValueError):
        return ""  # a module of somebody else's, without documentation or with one that cannot be read


def _page(fqcn: str, doc: Mapping[str, Any]) -> Iterator[str]:
    yield f"> {fqcn.upper()}"
    yield ""
    yield from _text(doc.get("short_description", ""), 2)
    yield from _text(doc.get("description", ()), 2)
    options = doc.get("options") or {}
    if options:
        yield ""
        yield "OPTIONS (= is required):"
        yield from _options(options, 2)
    if attributes := doc.get("attributes"):
        yield ""
        yield "ATTRIBUTES:"
        for name, value in attributes.items():
            yield f"  {name}: {value.get('support', '')}"
            yield from _text(value.get("details") or value.get("description") or "", 6)
    for title in ("requirements", "notes"):
        if doc.get(title):
            yield ""
            yield f"{title.upper()}:"
            yield from _text([f"* {entry}" for entry in doc[title]], 2)
    yield ""


def _options(options: Mapping[str, Any], indent: int) -> Iterator[str]:
    for name in sorted(options):
        option = options[name] or {}
        yield ""
        yield f"{' ' * indent}{'=' if option.get('required') else '-'} {name}  ({option.get('type', 'str')})"
        yield from _text(option.get("description", ()), indent + 4)
        facts = [
            (key, option[key]) for key in ("aliases", "choices", "default", "elements") if option.get(key) is not None
        ]
        for key, value in facts:
            shown = ", ".join(map(str, value)) if isinstance(value, list | dict) else value
            yield f"{' ' * (indent + 4)}{key}: {shown}"
        if option.get("suboptions"):
            yield from _options(option["suboptions"], indent + 6)


def _text(text: str | list[str], indent: int) -> Iterator[str]:
    for paragraph in [text] if isinstance(text, str) else text:
        pad = " " * indent
        yield from textwrap.wrap(_plain(str(paragraph)), WIDTH, initial_indent=pad, subsequent_indent=pad)


def _plain(text: str) -> str:
    return MARKUP.sub(
        lambda found: (
            found[2].partition(",")[0] if found[1] == "L" else f"`{found[2]}'" if found[1] in "CVOEI" else found[2]
        ),
        text,
    )
