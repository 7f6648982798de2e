"""Where the modules are that are not ours: in ansible-core, in collections, and in ``library/`` folders of the user's own.

Source: Ansible's "Adding modules and plugins locally" page: a module of the user's own goes before one of Ansible's under its short name,
and one that a role brings is there for everything that comes after it. Of several of one name the playbook's goes first, then those of roles
in the order they were loaded, then those in the folders that the settings name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.paths import is_dir, is_file, names_in
from hotdesk.routing import BUILTIN, LEGACY, RENAMED, ansible_core, core_runtime, entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from hotdesk.actions.collections import Collections
    from hotdesk.settings import Settings

_NO_MODULES = (
    ".md",
    ".txt",
    ".rst",
    ".cfg",
    ".ini",
    ".yml",
    ".yaml",
    ".json",
    ".pyc",
    ".pyo",
    ".ps1",
    ".psm1",
    ".orig",
    ".rej",
    "~",
)
"""Endings of what lies in a folder of modules and is none (or is one for Windows)."""
_PLUMBING = "async_wrapper"
"""A module of Ansible's that no task may name: it is a part of ``async``."""
KINDS = ("modules", "action")
"""Where a name of a task may be routed to another one."""
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(slots=True)
class ModuleFiles:
    """The modules that a run can see; folders are added while playbooks and roles are loaded."""

    collections: Collections | None = None
    library: list[Path] = field(default_factory=list)
    """Folders with modules of the user's own, those that go first first."""
    module_utils: list[Path] = field(default_factory=list)
    """Folders with what these modules may import as ``ansible.module_utils``."""
    action_plugins: list[Path] = field(default_factory=list)
    """Folders with action plugins of the user's own."""
    _added: dict[str, int] = field(default_factory=dict)
    """Of each list, how many folders are a playbook's or role's; those of the settings stand behind them."""

    @classmethod
    def of(cls, settings: Settings, collections: Collections | None) -> ModuleFiles:
        return cls(collections, list(settings.library), list(settings.module_utils), list(settings.action_plugins))

    def add(self, folder: Path) -> None:
        """Take ``library/``, ``module_utils/`` and ``action_plugins/`` of a playbook's or role's directory."""
        for name in ("library", "module_utils", "action_plugins"):
            known: list[Path] = getattr(self, name)
            found, added = folder.absolute() / name, self._added.get(name, 0)
            if found not in known[:added] and is_dir(found):
                known.insert(added, found)
                self._added[name] = added + 1

    def own(self, name: str) -> Path | None:
        """The file of a module of the user's own."""
        if not _NAME.fullmatch(name):
            return None
        return next((found for folder in self.library if (found := _in(folder, name))), None)

    def find(self, fqcn: str) -> Path | None:
        """The file of a module by its full name; None when there is none that runs anywhere but on Windows."""
        if fqcn.startswith(LEGACY):
            return self.own(fqcn.removeprefix(LEGACY))
        if fqcn.startswith(BUILTIN):
            core = ansible_core()
            return _in(core / "modules", fqcn.removeprefix(BUILTIN)) if core else None
        found = self.collections.split(fqcn) if self.collections else None
        return _in(found[0].path / "plugins/modules", found[1]) if found else None

    def own_action(self, name: str) -> Path | None:
        """The file of an action plugin of the user's own."""
        if not _NAME.fullmatch(name):
            return None
        return next((file for folder in self.action_plugins if is_file(file := folder / f"{name}.py")), None)

    def action(self, fqcn: str) -> Path | None:
        """The action plugin that does what ``fqcn`` names: of its own name, or the one that its collection says (``action_plugin``)."""
        for _ in range(RENAMED):
            if fqcn.startswith(LEGACY):
                return self.own_action(fqcn.removeprefix(LEGACY))
            found = self.collections.split(fqcn) if self.collections else None
            if found is None:
                return None
            path = found[0].path / "plugins/action" / f"{found[1].replace('.', '/')}.py"
            if is_file(path):
                return path
            named = self._routed(fqcn, "modules", "action_plugin") or self.redirect(fqcn, ("action",))
            if named is None:
                return None
            fqcn = named
        return None

    def redirect(self, fqcn: str, kinds: Sequence[str] = KINDS) -> str | None:
        """What stands for ``fqcn`` now, as ``plugin_routing`` of its collection says (meta/runtime.yml); ``yum`` of Ansible is an action only."""
        return next((target for kind in kinds if (target := self._routed(fqcn, kind, "redirect"))), None)

    def removed(self, fqcn: str) -> str:
        """What its collection says of a module that it has no more (``tombstone`` in meta/runtime.yml); empty: nothing."""
        stones = (self._entry(fqcn, kind).get("tombstone") for kind in KINDS)
        return next((str(stone.get("warning_text") or "") for stone in stones if isinstance(stone, dict)), "")

    def _routed(self, fqcn: str, kind: str, key: str) -> str | None:
        target = self._entry(fqcn, kind).get(key)
        return target if isinstance(target, str) else None

    def _entry(self, fqcn: str, kind: str) -> Mapping[str, Any]:
        file, name = self._runtime(fqcn)
        return entry(file, kind, name)

    def _runtime(self, fqcn: str) -> tuple[Path | None, str]:
        """The file with the routing of a name's collection, and the name as it stands there."""
        if fqcn.startswith(BUILTIN):
            return core_runtime(), fqcn.removeprefix(BUILTIN)
        found = self.collections.split(fqcn) if self.collections else None
        return (found[0].path / "meta/runtime.yml", found[1]) if found else (None, fqcn)

    def names(self) -> Iterator[str]:
        """The full names of Ansible's own modules and the user's own."""
        core = ansible_core()
        folders = [(BUILTIN, core / "modules")] if core else []
        for prefix, folder in [*folders, *((LEGACY, folder) for folder in self.library)]:
            for name in names_in(folder):
                stem = name.removesuffix(".py")
                if _NAME.fullmatch(stem) and not stem.startswith("_") and stem != _PLUMBING and _in(folder, stem):
                    yield prefix + stem


def _in(folder: Path, name: str) -> Path | None:
    """``NAME.py``, ``NAME`` itself, or ``NAME`` with the ending of any other language; with dots, in a folder below."""
    *inner, last = name.split(".")
    below = folder.joinpath(*inner)
    for candidate in (f"{last}.py", last):
        if is_file(below / candidate):
            return below / candidate
    others = [one for one in names_in(below) if one.rpartition(".")[0] == last and not one.endswith(_NO_MODULES)]
    return next((below / one for one in sorted(others) if is_file(below / one)), None)
