"""Where the modules are that are not ours: in ansible-core, in collections, and in ``library/`` folders of the user's own.

Source: Ansible's "Adding modules and plugins locally" page: a module of the user's own goes before one of Ansible's under its short name,
and one that a role brings is there for everything that comes after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InputError
from hotdesk.paths import is_dir, is_file, names_in
from hotdesk.source import load_yaml_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hotdesk.actions.collections import Collections
    from hotdesk.settings import Settings

BUILTIN, LEGACY = "ansible.builtin.", "ansible.legacy."
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
_NAME = re.compile(r"[A-Za-z_]\w*")


@cache
def ansible_core() -> Path | None:
    """The folder of the Python package ``ansible``; None where ansible-core is not installed (the extra ``hotdesk[ansible]``)."""
    found = find_spec("ansible")
    folder = Path(found.origin).parent if found and found.origin else None
    return folder if folder and is_file(folder / "modules/__init__.py") else None


@dataclass(slots=True)
class ModuleFiles:
    """The modules that a run can see; folders are added while playbooks and roles are loaded."""

    collections: Collections | None = None
    library: list[Path] = field(default_factory=list)
    """Folders with modules of the user's own, those that go first first."""
    module_utils: list[Path] = field(default_factory=list)
    """Folders with what these modules may import as ``ansible.module_utils``."""

    @classmethod
    def of(cls, settings: Settings, collections: Collections | None) -> ModuleFiles:
        return cls(collections, list(settings.library), list(settings.module_utils))

    def add(self, folder: Path) -> None:
        """Take ``library/`` and ``module_utils/`` of a playbook's or role's directory."""
        for name, known in (("library", self.library), ("module_utils", self.module_utils)):
            found = folder.absolute() / name
            if found not in known and is_dir(found):
                known.append(found)

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

    def controller_half(self, fqcn: str) -> bool:
        """It has an action plugin of its name: a part of it runs in Ansible's own process, and cannot run in ours."""
        found = self.collections.split(fqcn) if self.collections else None
        return bool(found and is_file(found[0].path / "plugins/action" / f"{found[1]}.py"))

    def redirect(self, fqcn: str) -> str | None:
        """The module that stands for ``fqcn`` now, as ``plugin_routing`` of its collection says (meta/runtime.yml)."""
        targets = (entry.get("redirect") for entry in self._routed(fqcn))
        return next((target for target in targets if isinstance(target, str)), None)

    def removed(self, fqcn: str) -> str:
        """What its collection says of a module that it has no more (``tombstone`` in meta/runtime.yml); empty: nothing."""
        stones = (entry.get("tombstone") for entry in self._routed(fqcn))
        return next((str(stone.get("warning_text") or "") for stone in stones if isinstance(stone, dict)), "")

    def _routed(self, fqcn: str) -> list[dict[str, Any]]:
        """The entries for a name, as a module and as an action plugin: ``yum`` of Ansible has only the latter."""
        if fqcn.count(".") < 2:
            return []
        if fqcn.startswith(BUILTIN):
            core = ansible_core()
            file = core / "config/ansible_builtin_runtime.yml" if core else None
        else:
            found = self.collections.split(fqcn) if self.collections else None
            file = found[0].path / "meta/runtime.yml" if found else None
        kinds = [routing(file, kind) for kind in ("modules", "action")] if file else []
        entries = (kind.get(fqcn.split(".", 2)[2]) for kind in kinds)
        return [entry for entry in entries if isinstance(entry, dict)]

    def names(self) -> Iterator[str]:
        """The full names of Ansible's own modules and the user's own."""
        core = ansible_core()
        folders = [(BUILTIN, core / "modules")] if core else []
        for prefix, folder in [*folders, *((LEGACY, folder) for folder in self.library)]:
            for name in names_in(folder):
                stem = name.removesuffix(".py")
                if _NAME.fullmatch(stem) and not stem.startswith("_") and stem != _PLUMBING and _in(folder, stem):
                    yield prefix + stem


@cache
def routing(file: Path, kind: str) -> Mapping[str, Any]:
    """``plugin_routing`` of a collection for one kind of plugin; none when it says nothing."""
    if not is_file(file):
        return {}
    try:
        found = load_yaml_file(file)
        return dict(found["plugin_routing"][kind])
    except (InputError, KeyError, TypeError, ValueError):
        return {}


def _in(folder: Path, name: str) -> Path | None:
    """``NAME.py``, ``NAME`` itself, or ``NAME`` with the ending of any other language; with dots, in a folder below."""
    *inner, last = name.split(".")
    below = folder.joinpath(*inner)
    for candidate in (f"{last}.py", last):
        if is_file(below / candidate):
            return below / candidate
    others = [one for one in names_in(below) if one.rpartition(".")[0] == last and not one.endswith(_NO_MODULES)]
    return next((below / one for one in sorted(others) if is_file(below / one)), None)
