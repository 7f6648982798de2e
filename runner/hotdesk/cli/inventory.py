"""``hotdesk inventory``: the inventory as hotdesk sees it, in ansible-inventory's forms."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotdesk.aio import in_thread, use_pidfd_watcher
from hotdesk.cli.control import Control
from hotdesk.cli.options import INVENTORY, options, settings_from
from hotdesk.collector import collector_paused
from hotdesk.errors import UsageError, nearest
from hotdesk.executor.extra_vars import extra_variables
from hotdesk.inventory.load import load_inventory
from hotdesk.inventory.patterns import find_host, select
from hotdesk.inventory.show import MAGIC, as_graph, as_list, as_tables, as_tree, plain, to_json, to_yaml
from hotdesk.inventory.toml_text import to_toml
from hotdesk.inventory.vars_files import load_vars_files
from hotdesk.supervise.terminal import ask
from hotdesk.text import safe
from hotdesk.variables.expressions import Expressions
from hotdesk.variables.precedence import Sources, inventory_sources, layered
from hotdesk.variables.templates import Templates
from hotdesk.variables.vault_passwords import Asking, load_secrets
from hotdesk.variables.vaulted_files import decrypter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.inventory.model import Group, Inventory, VarsFiles
    from hotdesk.place import Place
    from hotdesk.settings import Settings


@click.command("inventory")
@options(INVENTORY)
@click.option(
    "--list", "action", flag_value="list", help="Groups, hosts and variables, as an inventory script prints them."
)
@click.option(
    "--graph", "action", flag_value="graph", help="The tree of groups (the default); GROUP is where to begin."
)
@click.option("--host", "host", metavar="NAME", help="The variables of one host.")
@click.option("--vars", "show_vars", is_flag=True, help="With --graph: variables too.")
@click.option("-y", "--yaml", "as_yaml", is_flag=True, help="YAML instead of JSON.")
@click.option("--toml", "as_toml", is_flag=True, help="With --list: TOML instead of JSON.")
@click.option(
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --list: into FILE.",
)
@click.option("--export", "export", is_flag=True, help="With --list: variables where they were given, not merged.")
@click.option("--playbook-dir", "playbook_dir", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Read group_vars and host_vars there too.")  # fmt: skip
@click.option(
    "-e", "--extra-vars", "extra_vars", multiple=True, metavar="VARS", help="name=value, YAML, JSON or @FILE."
)
@click.argument("group", required=False)
def command(**given: Any) -> None:
    """Show hosts, groups and variables. Templates and vaulted values are shown as they were written."""
    if given["host"] and given["action"]:
        raise UsageError("only one of --list, --graph and --host can be given")
    for name, option in (("as_toml", "--toml"), ("file", "--output")):
        if given[name] and given["action"] != "list":
            raise UsageError(f"{option} is for --list")
    if given["as_toml"] and given["as_yaml"]:
        raise UsageError("only one of --yaml and --toml can be given")
    use_pidfd_watcher()
    with collector_paused():
        text = asyncio.run(_show(given, settings_from(given)))
    if given["file"]:
        _write(given["file"], f"{text}\n")
    else:
        click.echo(text)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}") from None


async def _show(given: dict[str, Any], settings: Settings) -> str:
    async with AsyncExitStack() as stack:
        control = Control(stack, settings, "inventory")
        vault = await load_secrets(
            settings.vault_password_files,
            Asking(run=control.run_text, prompt=_prompt, warn=_warn, default=settings.vault_identity),
            ask=settings.ask_vault_pass,
            match=settings.vault_id_match,
        )
        decrypt = decrypter(vault)
        extra = await in_thread(extra_variables, given["extra_vars"], decrypt=decrypt)
        evaluate = Expressions(Templates(settings, vault=vault, warn=_warn), extra)
        inventory = await load_inventory(
            (), settings=settings, run_command=control.run, evaluate=evaluate, decrypt=decrypt, warn=_warn
        )
    beside: tuple[VarsFiles, ...] = ()
    if given["playbook_dir"] or not given["export"]:  # ansible-inventory takes the current directory for a playbook's
        folder = (given["playbook_dir"] or Path()).absolute()
        beside = (
            await load_vars_files(folder, groups=inventory.groups, hosts=inventory.hosts, decrypt=decrypt, warn=_warn),
        )
    variables = _Variables(inventory, beside, settings, extra, apart=given["export"])
    write = to_yaml if given["as_yaml"] else to_json
    if given["host"]:
        return write(plain(variables.of_host(_one_host(inventory, given["host"])), dates=given["as_yaml"])).rstrip()
    if given["action"] == "list":
        mismatch = settings.host_pattern_mismatch
        hosts = select(inventory, "all", limit=given["limit"], mismatch=mismatch, warn=_warn)
        form = as_tables if given["as_toml"] else as_tree if given["as_yaml"] else as_list
        return (to_toml if given["as_toml"] else write)(
            form(inventory, hosts, variables.of_host, variables.of_group if given["export"] else None)
        ).rstrip()
    start = given["group"] or "all"
    if start not in inventory.groups:
        raise UsageError(f"there is no group {start!r}", remedy=nearest(start, inventory.groups))
    looked_up = (variables.of_host, variables.of_group) if given["show_vars"] else (None, None)
    return "\n".join(safe(line) for line in as_graph(inventory, start, *looked_up))


async def _prompt(text: str) -> str:
    return await ask(text, echo=False)


def _one_host(inventory: Inventory, name: str) -> str:
    if find_host(inventory, name) is None:
        raise UsageError(f"there is no host {name!r}", remedy=nearest(name, inventory.hosts))
    return name


def _warn(text: str, place: Place | None = None) -> None:
    click.echo(safe(f"[WARNING]: {f'{place}: ' if place else ''}{text}"), err=True)


class _Variables:
    """The variables of hosts and groups; with ``apart`` (``--export``) a host has only its own."""

    def __init__(
        self,
        inventory: Inventory,
        beside: Sequence[VarsFiles],
        settings: Settings,
        extra: Mapping[str, Any],
        *,
        apart: bool,
    ) -> None:
        self._extra = extra
        self._inventory = inventory
        self._beside = beside
        self._settings = settings
        self._apart = apart

    def of_host(self, name: str) -> Mapping[str, Any]:
        inventory = self._inventory
        if name not in inventory.hosts and (local := find_host(inventory, name)) is not None:
            inventory = replace(inventory, hosts={**inventory.hosts, name: local})
        sources = inventory_sources(inventory, name, self._beside)
        if self._apart:
            sources = Sources(
                inventory_host=sources.inventory_host,
                inventory_host_vars=sources.inventory_host_vars,
                playbook_host_vars=sources.playbook_host_vars,
            )
        layers = layered(sources, hash_behaviour=self._settings.hash_behaviour)
        found = (layers if self._apart else layers.above(self._extra)).as_dict()
        for key in MAGIC:
            found.pop(key, None)
        return found

    def of_group(self, group: Group) -> Mapping[str, Any]:
        found = dict(group.vars)
        for files in (*self._inventory.vars_files, *self._beside):
            found.update(files.groups.get(group.name, {}))
        if group.priority != 1:
            found["ansible_group_priority"] = group.priority
        return found
