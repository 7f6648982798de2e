"""The ways in: each takes bytes and reads them as the product would, in a folder of its own."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hotdesk.actions.collections import Collections
from hotdesk.actions.registry import ActionNames
from hotdesk.agent.frames import Decoder, FrameError
from hotdesk.configuration import load_settings
from hotdesk.connections.host_keys import KnownHosts
from hotdesk.connections.ssh_arguments import Arguments, parse_arguments
from hotdesk.errors import InputError
from hotdesk.executor.extra_vars import extra_variables
from hotdesk.inventory.load import load_inventory
from hotdesk.inventory.patterns import select
from hotdesk.inventory.ranges import expand
from hotdesk.inventory.show import as_graph, as_list, as_tables, as_tree, to_json, to_yaml
from hotdesk.inventory.toml_text import to_toml
from hotdesk.place import Place
from hotdesk.playbook.check_templates import check_templates
from hotdesk.playbook.free_form import parse as parse_arguments_text
from hotdesk.playbook.load import Loader
from hotdesk.playbook.outline import outline
from hotdesk.settings import Settings
from hotdesk.source import Trusted, load_yaml_file
from hotdesk.supervise import disk_watch
from hotdesk.transfer.itemize import Output
from hotdesk.variables.precedence import inventory_sources, layered
from hotdesk.variables.templates import Templates
from hotdesk.variables.vault import Vault, encrypt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hotdesk.inventory.model import Inventory

SETTINGS = Settings()
PASSWORD = b"right"
PROJECT = {
    "roles/common/tasks/main.yml": "- name: hello\n  debug: {msg: '{{ greeting }}'}\n  notify: told\n- import_tasks: more.yml\n",
    "roles/common/tasks/more.yml": "- ping:\n  when: greeting is defined\n",
    "roles/common/handlers/main.yml": "- name: told\n  ping:\n",
    "roles/common/defaults/main.yml": "greeting: hello\n",
    "roles/common/meta/main.yml": "dependencies: []\n",
    "roles/round/meta/main.yml": "dependencies: [round]\n",
    "more.yml": "- ping:\n- debug: {msg: more}\n",
    "again.yml": "- import_tasks: again.yml\n",
    "other.yml": "- hosts: all\n  tasks: [{ping: }]\n",
    "loop.yml": "- import_playbook: loop.yml\n",
    "vars.yml": "a: 1\nb: '{{ a }}'\n",
}
INVENTORY = "[pcs]\natlas\nborea ansible_host=192.0.2.7\n[all:vars]\nuser=me\n"


@dataclass(frozen=True, slots=True)
class Door:
    """``places``: its errors name a place in the folder. ``of_host``: its errors belong to one host. ``pythons``: Python's own words may be told."""

    name: str
    read: Callable[[bytes, Path], object]
    places: bool = True
    of_host: bool = False
    pythons: bool = False


@functools.cache
def _actions(folder: Path) -> ActionNames:
    return ActionNames(Collections(SETTINGS, (folder,)))


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def _load(folder: Path, name: str = "site.yml") -> None:
    """What ``hotdesk play --list-tasks`` does with a playbook."""
    templates = Templates(SETTINGS)
    loader = Loader(SETTINGS, actions=_actions(folder), render_static=templates.render_now, decrypt=_decrypt)
    playbook = loader.load_playbook(folder / name, extra_vars={"extra": Trusted("1")})
    check_templates(playbook, templates)
    outline(playbook, list_tasks=True, list_tags=True)
    inventory = _inventory_of(folder, INVENTORY.encode(), "hosts.ini")
    for play in playbook.plays:
        pattern = templates.render_now(play.hosts, layered(inventory_sources(inventory, "atlas")), place=play.place)
        select(inventory, pattern, mismatch="warning")


def playbook(data: bytes, folder: Path) -> None:
    _write(folder, PROJECT)
    (folder / "site.yml").write_bytes(data)
    _load(folder)


def _role(part: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        site = "- hosts: all\n  roles: [{role: mine, answer: 42}]\n"
        _write(folder, {**PROJECT, "site.yml": site, "roles/mine/tasks/main.yml": "- ping:\n"})
        path = folder / "roles" / "mine" / part
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        _load(folder)

    return read


def _decrypt(data: bytes, place: Any) -> bytes:
    return Vault([("default", PASSWORD)]).decrypt_file(data, place)


def _inventory_of(folder: Path, data: bytes, name: str) -> Inventory:
    path = folder / name
    path.write_bytes(data)
    return asyncio.run(load_inventory([str(path)], settings=SETTINGS, basedir=folder, decrypt=_decrypt))


def _shown(inventory: Inventory) -> None:
    def variables(host: str) -> Any:
        return layered(inventory_sources(inventory, host))

    hosts = list(inventory.hosts)[:50]
    to_json(as_list(inventory, hosts, variables))
    to_yaml(as_tree(inventory, hosts, variables))
    to_toml(as_tables(inventory, hosts, variables))
    as_graph(inventory, "all", variables)


def _inventory(name: str) -> Callable[[bytes, Path], None]:
    return lambda data, folder: _shown(_inventory_of(folder, data, name))


def group_vars(data: bytes, folder: Path) -> None:
    (folder / "group_vars").mkdir(exist_ok=True)
    (folder / "group_vars" / "all.yml").write_bytes(data)
    inventory = _inventory_of(folder, INVENTORY.encode(), "hosts.ini")
    _shown(inventory)


def inventory_script(data: bytes, folder: Path) -> None:
    path = folder / "script"
    if not path.exists():
        path.write_text("#!/bin/false\n")
        path.chmod(0o755)

    async def run_command(argv: Sequence[str], cwd: str) -> tuple[int, bytes, bytes]:
        return 0, data, b""

    _shown(asyncio.run(load_inventory([str(path)], settings=SETTINGS, run_command=run_command)))


def vars_file(data: bytes, folder: Path) -> None:
    path = folder / "vars.yml"
    path.write_bytes(data)
    load_yaml_file(path, error=InputError, decrypt=_decrypt)


def vault(data: bytes, folder: Path) -> None:
    path = folder / "secret.yml"
    path.write_bytes(b"$ANSIBLE_VAULT;" + data)
    load_yaml_file(path, error=InputError, decrypt=_decrypt)
    Vault([("default", PASSWORD)]).decrypt_file(path.read_bytes(), Place(str(path)))


def ansible_cfg(data: bytes, folder: Path) -> None:
    (folder / "ansible.cfg").write_bytes(data)
    load_settings({}, environ={"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "HOME": str(folder)}, cwd=folder)


def environment(data: bytes, folder: Path) -> None:
    """``NAME=VALUE`` lines."""
    lines = data.decode("utf-8", "surrogateescape").replace("\0", "").splitlines()
    pairs = dict(line.partition("=")[::2] for line in lines)
    load_settings({}, environ={**pairs, "HOME": str(folder)}, cwd=folder)


def extra_vars(data: bytes, folder: Path) -> None:
    extra_variables([data.decode("utf-8", "surrogateescape").replace("\0", "")])


def limit(data: bytes, folder: Path) -> None:
    inventory = _inventory_of(folder, INVENTORY.encode(), "hosts.ini")
    text = data.decode("utf-8", "surrogateescape").replace("\0", "")
    select(inventory, "all", limit=text)
    select(inventory, text)


def host_range(data: bytes, folder: Path) -> None:
    expand(data.decode("utf-8", "replace"))


def free_form(data: bytes, folder: Path) -> None:
    text = Trusted(data.decode("utf-8", "surrogateescape"))
    parse_arguments_text(text)
    parse_arguments_text(text, command=True)


def ssh_arguments(data: bytes, folder: Path) -> None:
    parse_arguments(data.decode("utf-8", "surrogateescape"), Arguments(), where="ansible_ssh_args")


def watch(data: bytes, folder: Path) -> None:
    """``hotdesk_disk_watch`` as a vars file has it."""
    path = folder / "vars.yml"
    path.write_bytes(b"hotdesk_disk_watch: " + data)
    loaded = load_yaml_file(path)
    disk_watch.parse(loaded.get("hotdesk_disk_watch") if isinstance(loaded, dict) else loaded)


def known_hosts(data: bytes, folder: Path) -> None:
    path = folder / "known_hosts"
    path.write_bytes(data)
    known = KnownHosts.read([str(path)])
    for port in (22, 2222):
        known.trust("atlas", "192.0.2.7", port)
        known.where("atlas", "192.0.2.7", port)


def frames(data: bytes, folder: Path) -> None:
    """The runner's and the agent's decoder is one; what comes, comes in pieces of any size."""
    try:
        whole = Decoder().feed(data)
    except FrameError:
        whole = None
    decoder, found = Decoder(), []
    try:
        for at in range(0, len(data), 7):
            found += decoder.feed(data[at : at + 7])
    except FrameError:
        assert whole is None, "a stream is broken in pieces and whole in one"
    else:
        assert repr(found) == repr(whole), "pieces give other frames"
    assert all(isinstance(header, dict) for header, _ in whole or ())


def rsync_output(data: bytes, folder: Path) -> None:
    told: list[Any] = []
    whole, pieces = Output(on_progress=told.append, bytes_total=1000), Output(on_progress=told.append)
    whole.feed(data)
    whole.close()
    whole.complete()
    for at in range(0, len(data), 5):
        pieces.feed(data[at : at + 5])
    pieces.close()
    assert [str(item) for item in pieces.items] == [str(item) for item in whole.items]
    for item in whole.items:
        assert item.verb in ("delete", "create", "update", "attributes")
        item.path.decode("utf-8", "surrogateescape")


def template(data: bytes, folder: Path) -> None:
    """A template over variables of every kind; the rest of the program runs on the same event loop."""
    text = Trusted(data.decode("utf-8", "replace"))
    variables = {
        "number": 3, "text": "some text", "items": [1, 2, [3, [4]]], "mapping": {"a": {"b": [1]}}, "nothing": None, "true": True, "result":
        {"rc": 0, "stdout": "a\nb", "stdout_lines": ["a", "b"], "changed": False}, "one": Trusted("{{ two }}"), "two": Trusted("{{ one }}"),
        "doubled": Trusted("{{ number }}{{ number }}"),
    }  # fmt: skip
    templates = Templates(SETTINGS)
    asyncio.run(templates.render(text, variables))
    asyncio.run(templates.condition(text, variables))


def envelope() -> str:
    """A right vault file, without its first word."""
    return encrypt(b"a: 1\n", PASSWORD, salt=b"s" * 32).removeprefix("$ANSIBLE_VAULT;")


DOORS = {
    door.name: door
    for door in (
        Door("playbook", playbook),
        Door("role_tasks", _role("tasks/main.yml")),
        Door("role_meta", _role("meta/main.yml")),
        Door("role_defaults", _role("defaults/main.yml")),
        Door("role_argument_specs", _role("meta/argument_specs.yml")),
        Door("inventory_yaml", _inventory("hosts.yml")),
        Door("inventory_ini", _inventory("hosts.ini")),
        Door("inventory_plain", _inventory("hosts")),
        Door("inventory_script", inventory_script),
        Door("group_vars", group_vars),
        Door("vars_file", vars_file),
        Door("vault", vault),
        Door("ansible_cfg", ansible_cfg),
        Door("environment", environment, places=False),
        Door("extra_vars", extra_vars, places=False),
        Door("limit", limit, places=False),
        Door("host_range", host_range, places=False),
        Door("free_form", free_form, places=False),
        Door("ssh_arguments", ssh_arguments, places=False),
        Door("disk_watch", watch, places=False),
        Door("known_hosts", known_hosts),
        Door("frames", frames),
        Door("rsync_output", rsync_output),
        Door("template", template, places=False, pythons=True),
    )
}
