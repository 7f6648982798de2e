"""Inventory sources -> one frozen Inventory.

https://docs.ansible.com/ansible-core/2.19/inventory_guide/intro_inventory.html#passing-multiple-inventory-sources
What blocks (files, parsing) runs in threads; scripts are run by ``run_command``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from hotdesk.aio import in_thread
from hotdesk.errors import InventoryError
from hotdesk.inventory.builder import Builder
from hotdesk.inventory.constructed import Constructed
from hotdesk.inventory.generator import Generator
from hotdesk.inventory.ini import parse_ini
from hotdesk.inventory.plugins import CONFIG, NAMES, plugin_of, refused
from hotdesk.inventory.ranges import expand, split_port
from hotdesk.inventory.script import run_script
from hotdesk.inventory.toml import parse_toml
from hotdesk.inventory.vars_files import load_vars_files
from hotdesk.inventory.yaml_groups import parse_groups
from hotdesk.paths import exists, expanded, is_dir
from hotdesk.place import Place
from hotdesk.source import load_yaml, place_of, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hotdesk.inventory.model import Inventory, VarsFiles
    from hotdesk.inventory.plugins import Evaluate
    from hotdesk.inventory.script import RunCommand
    from hotdesk.settings import Settings
    from hotdesk.source import Decrypt

    Told = Callable[[str, Place | None], None]

DEFAULT_SOURCE = "/etc/ansible/hosts"
_NEVER = r"^\.|^host_vars$|^group_vars$|^vars_plugins$"
_YAML_EXTENSIONS = (".yml", ".yaml", ".json")
_LOOKS_LIKE_YAML = re.compile(r"^[\w.-]+:\s*(?:#.*)?$|^---", re.MULTILINE)


async def load_inventory(
    sources: Sequence[str],
    *,
    settings: Settings,
    basedir: Path | None = None,
    run_command: RunCommand | None = None,
    evaluate: Evaluate | None = None,
    decrypt: Decrypt | None = None,
    warn: Told | None = None,
) -> Inventory:
    """All ``sources`` (as after ``-i``; none: ``settings.inventory``, else /etc/ansible/hosts) merged in order.

    ``basedir`` is what relative paths are relative to. ``decrypt`` (whole vaulted files) and ``evaluate`` (templates of inventory
    plugins) are called in a thread.
    Raises InventoryError with place, line and remedy.
    """
    loading = _Loading(settings, basedir or Path.cwd(), run_command, evaluate, decrypt)
    named = await in_thread(loading.named, tuple(sources) or settings.inventory)
    for source in named:
        await loading.source(source)
        loading.pass_on(warn)
    if not named:
        loading.note("there is no inventory; only the implicit localhost is known", None)
    vars_files = await loading.vars_files(named)
    inventory = await in_thread(loading.builder.build, named, vars_files)
    loading.pass_on(warn)
    return inventory


class _Loading:
    """One call of ``load_inventory``. Warnings are collected, since threads find them, and passed on in the loop."""

    def __init__(
        self,
        settings: Settings,
        basedir: Path,
        run_command: RunCommand | None,
        evaluate: Evaluate | None,
        decrypt: Decrypt | None,
    ) -> None:
        self._settings = settings
        self._basedir = basedir
        self._run_command = run_command
        self._evaluate = evaluate
        self._decrypt = decrypt
        self._enabled = tuple(name.removeprefix("ansible.builtin.") for name in settings.inventory_enabled)
        self._done: list[str] = []
        self._warnings: list[tuple[str, Place | None]] = []
        self.builder = Builder(merge=settings.hash_behaviour == "merge", warn=self.note)
        endings = "|".join(re.escape(ending) + "$" for ending in settings.inventory_ignore_extensions)
        self._ignored = re.compile("|".join(filter(None, [_NEVER, *settings.inventory_ignore_patterns, endings])))

    def note(self, text: str, place: Place | None) -> None:
        self._warnings.append((text, place))

    def pass_on(self, warn: Told | None) -> None:
        found, self._warnings = self._warnings, []
        for text, place in found if warn else ():
            warn(text, place)  # type: ignore[misc]

    def path(self, source: str) -> Path:
        return Path(os.path.normpath(self._basedir / expanded(source)))

    def named(self, sources: Sequence[str]) -> tuple[str, ...]:
        """The sources with absolute paths; without any, Ansible's default if it is there."""
        if not sources and exists(Path(DEFAULT_SOURCE)):
            return (DEFAULT_SOURCE,)
        return tuple(source if self.is_host_list(source) else str(self.path(source)) for source in sources)

    def is_host_list(self, source: str) -> bool:
        return "," in source and not self.path(source).exists()

    async def source(self, source: str) -> None:
        """Read one source; a bad one ends the run unless the settings make it a warning."""
        try:
            if self.is_host_list(source):
                self._host_list(source)
            else:
                await self._path(self.path(source), Place(source))
            self._done.append(source)
        except InventoryError as problem:
            settings = self._settings
            if settings.inventory_unparsed_is_failed or settings.inventory_any_unparsed_is_failed:
                raise
            self.note(f"this inventory source is not used: {problem.message}", problem.place)

    def _host_list(self, source: str) -> None:
        """Names by commas; ``advanced_host_list``, when enabled, knows ranges."""
        self._need("host_list", "advanced_host_list", place=Place(source))
        ranges = next(name for name in self._enabled if name.endswith("host_list")) == "advanced_host_list"
        self.builder.source = (source, str(self._basedir))
        for entry in filter(None, (part.strip() for part in source.split(","))):
            name, port = split_port(entry)
            for host in expand(entry, Place(source))[0] if ranges else (name,):
                self.builder.add_host(host, "ungrouped", None, port)

    def _need(self, *names: str, place: Place) -> None:
        """Raises InventoryError when the settings enable none of ``names``."""
        if not set(names) & set(self._enabled):
            remedy = f"enable_plugins (ANSIBLE_INVENTORY_ENABLED) is {', '.join(self._enabled)}: add {names[0]}."
            raise InventoryError("no inventory plugin that is enabled reads this", place=place, remedy=remedy)

    async def _path(self, path: Path, place: Place) -> None:
        kind, names = await in_thread(self._look, path, place)
        if kind == "directory":
            for name in names:
                await self._path(path / name, Place(str(path / name)))
            return
        self.builder.source = (str(path), str(path.parent))
        if kind == "file":
            config = await in_thread(self._file, path)
            if config is not None:
                await self._plugin(config, path)
        elif self._run_command is None:
            raise InventoryError("an inventory script cannot be run here", place=place)
        else:
            await run_script(path, self.builder, self._run_command)

    def _look(self, path: Path, place: Place) -> tuple[Literal["directory", "script", "file"], list[str]]:
        """What stands there, and the names in a directory that count. Raises InventoryError for nothing."""
        try:
            if is_dir(path):
                names = sorted(entry.name for entry in path.iterdir() if not self._ignored.search(entry.name))
                if not names:
                    raise InventoryError("the directory holds no inventory file", place=place)
                return "directory", names
            with path.open("rb") as file:
                start = file.read(4)
        except FileNotFoundError:
            remedy = "For hosts on the command line write a comma: -i 'host,'."
            raise InventoryError("there is no such inventory file or directory", place=place, remedy=remedy) from None
        except (OSError, ValueError) as problem:  # ValueError: a NUL in the name
            why = getattr(problem, "strerror", None) or problem
            raise InventoryError(f"cannot read it: {why}", place=place) from None
        # Plain files often carry a stray x bit: a script is what the kernel can start.
        script = os.access(path, os.X_OK) and start.startswith((b"#!", b"\x7fELF")) and "script" in self._enabled
        return ("script" if script else "file"), []

    def _file(self, path: Path) -> Mapping[str, Any] | None:
        """TOML or YAML by the extension, INI by any other; without an extension it is whichever can be read.

        Returns the configuration of an inventory plugin, which is yet to be run.
        """
        text = read_text(path, error=InventoryError, decrypt=self._decrypt)
        data: Any = None
        if path.suffix in _YAML_EXTENSIONS:
            kind, data = "yaml", self._yaml(text, path)
        elif path.suffix == ".toml":
            kind = "toml"
        elif not path.suffix and (data := self._yaml_or_nothing(text, path)) is not None:
            kind = "yaml"
        else:
            kind = "ini"
            if path.suffix == CONFIG and (found := self._yaml_or_nothing(text, path)) and plugin_of(found):
                data = found
        if (name := plugin_of(data)) is not None:
            self._need("auto", name, place=Place(str(path)))
            return cast("Mapping[str, Any]", data)
        self._need(kind, place=Place(str(path)))
        if kind == "yaml":
            parse_groups(data, str(path), self.builder)
        else:
            (parse_toml if kind == "toml" else parse_ini)(text, str(path), self.builder)
        return None

    async def _plugin(self, config: Mapping[str, Any], path: Path) -> None:
        """Run the inventory plugin that ``config`` (a file at ``path``) names."""
        name = plugin_of(config)
        place = place_of(next(iter(config))) or Place(str(path))
        if name not in NAMES:
            raise refused(str(config["plugin"]), place)
        if self._evaluate is None:
            raise InventoryError("an inventory plugin cannot be run here", place=place)
        if name == "generator":
            return await in_thread(Generator(self.builder, self._evaluate).read, config, place)
        files = await self.vars_files(self._done) if config.get("use_vars_plugins") else ()
        merge = self._settings.hash_behaviour == "merge"
        made = Constructed(self.builder, self._evaluate, merge=merge, vars_files=tuple(files))
        return await in_thread(made.read, config, place)

    def _yaml(self, text: str, path: Path) -> Any:
        return load_yaml(text, str(path), error=InventoryError, warn=self.duplicate)

    def _yaml_or_nothing(self, text: str, path: Path) -> Any:
        try:
            data = self._yaml(text, path)
        except InventoryError:
            if _LOOKS_LIKE_YAML.search(text):
                raise
            return None
        return data if isinstance(data, dict) else None

    def duplicate(self, text: str, place: Place) -> None:
        """``duplicate_dict_key``: warn, error or ignore."""
        if self._settings.duplicate_dict_key == "error":
            raise InventoryError(text, place=place)
        if self._settings.duplicate_dict_key == "warn":
            self.note(text, place)

    async def vars_files(self, sources: Sequence[str]) -> list[VarsFiles]:
        """One per directory; a directory that comes again counts where it comes last, so that it still wins."""
        folders = await in_thread(self._folders, sources)
        return [
            await load_vars_files(
                folder,
                groups=self.builder.groups,
                hosts=self.builder.hosts,
                merge=self._settings.hash_behaviour == "merge",
                decrypt=self._decrypt,
                warn=self.duplicate,
            )
            for folder in folders
        ]

    def _folders(self, sources: Sequence[str]) -> list[Path]:
        folders: dict[Path, None] = {}
        for source in sources:
            if not self.is_host_list(source):
                path = self.path(source)
                folder = path if is_dir(path) else path.parent
                folders.pop(folder, None)
                folders[folder] = None
        return list(folders)
