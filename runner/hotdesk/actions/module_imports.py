"""What a Python module of Ansible's imports of ``module_utils``, found without running it: all files that must be sent with it.

Source: Ansible's "Module utilities" and "Developing collections" pages (imports below ``ansible.module_utils`` and
``ansible_collections.NAMESPACE.NAME.plugins.module_utils``, relative ones within a collection, ``plugin_routing``). As with Ansible, an
import inside a function, ``try`` or ``if`` may be of something that is not there.
"""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.errors import TaskError
from hotdesk.frozen import frozen
from hotdesk.place import Place
from hotdesk.routing import ansible_core, routing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hotdesk.actions.module_files import ModuleFiles

CORE = "ansible.module_utils"
_INNER = "plugins.module_utils"
_SHIM = "import sys\nimport {target} as found\nsys.modules[{name!r}] = found\n"


@frozen
class File:
    """A Python file by the name that it is imported with; ``path`` is None for one that we made up."""

    name: str
    text: bytes
    is_package: bool
    path: Path | None = None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text).hexdigest()[:32]


@frozen
class Imported:
    """An import as it is written: ``name`` (for ``from A import B`` that is A.B, where B may be no module)."""

    name: str
    required: bool
    ambiguous: bool


def closure(files: ModuleFiles, module: File, also: Iterable[str] = ()) -> dict[str, File]:
    """``module``, all that it imports and ``also``, with the packages that they are in. Blocking. Raises TaskError for what is not there."""
    found = {module.name: module}
    _add_packages(found, module.name, files)
    waiting = [*_of(module), *(Imported(name, True, False) for name in also)]
    while waiting:
        one = waiting.pop()
        file = _locate(files, one, found)
        if file is None and one.required:
            raise TaskError(f"Could not find imported module support code for {module.name}. Looked for ({one.name})")
        if file is not None and file.name not in found:
            found[file.name] = file
            _add_packages(found, file.name, files, waiting)
            waiting.extend(_of(file))
    return found


def _add_packages(found: dict[str, File], name: str, files: ModuleFiles, waiting: list[Imported] | None = None) -> None:
    """The packages above ``name``; outside of ``module_utils`` they are empty, as Ansible sends them."""
    parts = name.split(".")
    for count in range(1, len(parts)):
        above = ".".join(parts[:count])
        if above in found:
            continue
        file = (_of_core(files, above) if above.startswith(CORE + ".") else None) or (
            _of_collection(files, above) if f".{_INNER}." in above else None
        )
        found[above] = file if file and file.is_package else File(above, _stub(above), True)
        if file and waiting is not None:
            waiting.extend(_of(file))


def _stub(package: str) -> bytes:
    if package != "ansible":
        return b""
    release = (ansible_core() or Path()) / "release.py"
    wanted = (
        line
        for line in release.read_text(encoding="utf-8").splitlines()
        if line.startswith(("__version__", "__author__"))
    )
    return "\n".join(wanted).encode()


def _locate(files: ModuleFiles, one: Imported, found: Mapping[str, File]) -> File | None:
    if one.name == f"{CORE}.six" or one.name.startswith(f"{CORE}.six."):
        return found.get(f"{CORE}.six") or _of_core(files, f"{CORE}.six")  # it makes its submodules itself
    names = [one.name, *([one.name.rpartition(".")[0]] if one.ambiguous else [])]
    look = _of_core if one.name.startswith("ansible.") else _of_collection
    for name in names:
        if name in found:
            return found[name]
        if _below(name) and (file := look(files, name)):
            return file
    return None


def _below(name: str) -> str:
    """What follows ``module_utils.``; empty for that package itself and for all others."""
    if name.startswith(CORE + "."):
        return name.removeprefix(CORE + ".")
    return name.partition(f".{_INNER}.")[2]


def _of_core(files: ModuleFiles, name: str) -> File | None:
    core = ansible_core()
    folders = [*files.module_utils, *([core / "module_utils"] if core else [])]
    for folder in folders:
        if file := _read(folder, _below(name), name):
            return file
    return _redirected(name, core / "config/ansible_builtin_runtime.yml" if core else None)


def _of_collection(files: ModuleFiles, name: str) -> File | None:
    parts = name.split(".")
    collection = files.collections.find(".".join(parts[1:3])) if files.collections and len(parts) > 2 else None
    if collection is None:
        return None
    below = _below(name)
    file = _read(collection.path / "plugins/module_utils", below, name) if below else None
    return file or _redirected(name, collection.path / "meta/runtime.yml")


def _redirected(name: str, runtime: Path | None) -> File | None:
    entry = routing(runtime, "module_utils").get(_below(name)) if runtime else None
    target = entry.get("redirect") if isinstance(entry, dict) else None
    if not isinstance(target, str):
        return None
    if not target.startswith("ansible"):
        namespace, collection, rest = target.split(".", 2)
        target = f"ansible_collections.{namespace}.{collection}.{_INNER}.{rest}"
    return File(name, _SHIM.format(target=target, name=name).encode(), True)


def _read(folder: Path, below: str, name: str) -> File | None:
    base = folder.joinpath(*below.split("."))
    for path, is_package in ((base / "__init__.py", True), (base.with_name(base.name + ".py"), False)):
        try:
            return File(name, path.read_bytes(), is_package, path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as problem:
            raise TaskError(f"cannot read {path}: {problem.strerror}") from None
    return None


def _of(file: File) -> Iterator[Imported]:
    """What ``file`` imports of module_utils."""
    package = file.name if file.is_package else file.name.rpartition(".")[0]
    for name, level, required, ambiguous in _written(file.text, str(file.path or file.name)):
        if level:
            parts = package.split(".")
            above = parts[: len(parts) - level + 1]
            name = ".".join([*above, name]) if name else ".".join(above)
        if name.startswith(CORE + ".") or (name.startswith("ansible_collections.") and f".{_INNER}." in name + "."):
            yield Imported(name, required, ambiguous)


@lru_cache(maxsize=2048)
def _written(text: bytes, path: str) -> tuple[tuple[str, int, bool, bool], ...]:
    """The imports in a source: (name, dots before it, at the top level, from ... import)."""
    if b"import" not in text:
        return ()
    tree = parsed(text, path)
    top = {id(node) for node in tree.body}
    found: list[tuple[str, int, bool, bool]] = []
    for node in _imports(tree):
        required = id(node) in top
        if isinstance(node, ast.Import):
            found += [(alias.name, 0, required, False) for alias in node.names]
        elif node.level or (node.module or "").startswith("ansible"):
            prefix = f"{node.module}." if node.module else ""
            found += [(prefix + alias.name, node.level, required, True) for alias in node.names]
    return tuple(found)


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Statements only: no import stands in an expression."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
            continue
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                waiting.extend(inner)


def standard_imports(text: bytes, path: str) -> list[str]:
    """Top-level imports of a source that have nothing to do with Ansible."""
    found = []
    for node in parsed(text, path).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.append(node.module)
    return [name for name in found if name.partition(".")[0] not in ("ansible", "ansible_collections", "__future__")]


@lru_cache(maxsize=8)
def parsed(text: bytes, path: str) -> ast.Module:
    """Raises TaskError for what is no Python."""
    try:
        return ast.parse(text, path)
    except (SyntaxError, ValueError) as problem:
        line = getattr(problem, "lineno", None) or 1
        raise TaskError(f"Unable to compile {path!r}: {problem}", place=Place(path, line)) from None
