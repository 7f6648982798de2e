"""Finding Ansible collections: beside the playbook, in ``collections_path``, and in Python's site-packages (where wheels put them).

Source: Ansible's "Using collections" and "Collection structure" pages; COLLECTIONS_PATHS and COLLECTIONS_SCAN_SYS_PATH of its configuration.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.errors import InputError
from hotdesk.frozen import frozen
from hotdesk.paths import expanded, is_dir, is_file
from hotdesk.source import load_yaml_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hotdesk.settings import Settings

_PART = re.compile(r"[a-z_][a-z0-9_]*\Z")
_PLAYBOOKS = ("", ".yml", ".yaml")


@frozen
class Collection:
    name: str
    """namespace.collection"""
    path: Path

    @property
    def version(self) -> str:
        """From MANIFEST.json (installed) or galaxy.yml (a checkout); empty when neither says."""
        manifest = self.path / "MANIFEST.json"
        if is_file(manifest):
            try:
                found = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"]
            except (OSError, ValueError, KeyError, TypeError):
                return ""
            return str(found)
        galaxy = self.path / "galaxy.yml"
        if is_file(galaxy):
            try:
                return str(load_yaml_file(galaxy).get("version") or "")
            except (InputError, AttributeError):
                return ""
        return ""

    def job(self, name: str) -> Path | None:
        """The file of the sync job ``name``."""
        return _file(self.path / "plugins" / "jobs", name, (".py",))

    def module(self, name: str) -> Path | None:
        """The file of the module ``name``: its documentation, and for most modules its program."""
        return _file(self.path / "plugins" / "modules", name, (".py", ".yml", ".yaml"))

    def jobs(self) -> list[str]:
        """The names of its sync jobs."""
        folder = self.path / "plugins" / "jobs"
        return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))

    def modules(self) -> list[str]:
        """The names of its modules, those in subfolders with dots."""
        folder = self.path / "plugins" / "modules"
        files = (file for file in folder.rglob("*.py") if not file.stem.startswith("_"))
        return sorted(".".join(file.relative_to(folder).with_suffix("").parts) for file in files)

    def role(self, name: str) -> Path | None:
        path = self.path / "roles" / Path(*name.split("."))
        return path if is_dir(path) else None

    def playbook(self, name: str) -> Path | None:
        return _file(self.path / "playbooks", name, _PLAYBOOKS)


def _file(folder: Path, name: str, endings: Iterable[str]) -> Path | None:
    base = folder / Path(*name.split(".")) if not name.endswith((".yml", ".yaml")) else folder / name
    for ending in endings:
        path = base.with_name(base.name + ending)
        if is_file(path):
            return path
    return None


class Collections:
    """The collections a run can see. Nothing is looked at before it is asked for."""

    def __init__(self, settings: Settings, playbook_dirs: Sequence[Path] = (), *, scan_sys_path: bool = True) -> None:
        """``playbook_dirs``: folders whose ``collections/`` comes first. ``scan_sys_path``: look in site-packages, last."""
        roots = [folder / "collections" for folder in playbook_dirs]
        roots += settings.collections_path
        if scan_sys_path:
            roots += [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
        self.roots: tuple[Path, ...] = tuple(dict.fromkeys(map(_with_folder, roots)))
        self._found: dict[str, Collection | None] = {}

    def find(self, name: str) -> Collection | None:
        """The collection ``namespace.name``: the first of that name on the path."""
        if name not in self._found:
            self._found[name] = self._look(name)
        return self._found[name]

    def directory(self, name: str) -> Path | None:
        """The directory of the collection ``name``."""
        found = self.find(name)
        return found.path if found else None

    def _look(self, name: str) -> Collection | None:
        parts = name.split(".")
        if len(parts) != 2 or not all(map(_PART.match, parts)):
            return None
        for root in self.roots:
            path = root.joinpath(*parts)
            if is_dir(path):
                return Collection(name, path)
        return None

    def all(self) -> Iterator[Collection]:
        """Every collection that can be seen, each name once."""
        seen: set[str] = set()
        for root in self.roots:
            for path in sorted(root.glob("*/*")):
                name = f"{path.parent.name}.{path.name}"
                if name not in seen and is_dir(path) and all(map(_PART.match, name.split("."))):
                    seen.add(name)
                    yield Collection(name, path)

    def split(self, fqcn: str) -> tuple[Collection, str] | None:
        """The collection of a fully qualified name, and what follows; None when there is no such collection."""
        parts = fqcn.split(".", 2)
        if len(parts) < 3 or not parts[2]:
            return None
        collection = self.find(".".join(parts[:2]))
        return (collection, parts[2]) if collection else None


def _with_folder(root: Path) -> Path:
    root = expanded(root)
    return root if root.name == "ansible_collections" else root / "ansible_collections"
