"""Python that users bring for the control node: what it may import of Ansible, and what stands there for its classes.

A plugin may import ``ansible.module_utils`` and ``ansible.errors`` of an ansible-core that is installed, and the names in STAND_INS, for
which it gets ours: in its syntax tree the import is given our module's name, so nothing else in the process sees it (docs/adr/0016).
Whatever else it imports of Ansible belongs to the controller, which is not there in a run of ours: the file is refused with the line.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotdesk.errors import TemplateError
from hotdesk.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

STAND_INS: Final = {
    "ansible.plugins.lookup": "hotdesk.plugins.lookup",
    "ansible.plugins.action": "hotdesk.plugins.action",
    "ansible.plugins.action.normal": "hotdesk.plugins.action",
    "ansible.template": "hotdesk.plugins.templar",
    "ansible.utils.display": "hotdesk.plugins.display",
    "ansible.utils.listify": "hotdesk.plugins.listify",
}
"""A module of Ansible's controller -> ours, which has the names that plugins take from it. Imported when a plugin does."""
ALLOWED: Final = ("ansible.module_utils", "ansible.errors", "ansible.release")
_COLLECTIONS = "ansible_collections"


def plugin_module(file: Path) -> ModuleType:
    """The module of a plugin's file, executed. Raises TemplateError with the line of an import that is refused, and what the file raises."""
    root = next((folder.parent for folder in file.absolute().parents if folder.name == _COLLECTIONS), None)
    if root is not None:
        _reach(root)
    name = f"hotdesk_plugin_{hashlib.sha256(bytes(file)).hexdigest()[:16]}"
    spec = importlib.util.spec_from_loader(name, _Loader(name, str(file)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _reach(root: Path) -> None:
    """From now on ``import ansible_collections.NAMESPACE.NAME...`` looks below ``root``, by the same rules."""
    if str(root) not in sys.path:
        sys.path.append(str(root))
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Loader(SourceFileLoader):
    """Compiles by the rules of this module; keeps no compiled file, which anything else would take for the plain one."""

    def get_code(self, fullname: str) -> CodeType:
        return _compiled(Path(self.get_filename(fullname)))


class _Finder:
    """Finds what collections import of one another where Python finds it, and loads it with ``_Loader``."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith(f"{_COLLECTIONS}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


def _compiled(file: Path) -> CodeType:
    """The code of a file with its imports looked at and renamed. Raises TemplateError."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError, OSError) as problem:
        line = getattr(problem, "lineno", None) or 1
        raise TemplateError(f"the plugin cannot be read: {problem}", place=Place(str(file), line)) from None
    for name, line in _imports(tree):
        if name.split(".")[0] == "ansible" and not _allowed(name):
            raise TemplateError(
                f"the plugin imports {name}, which belongs to Ansible's controller",
                place=Place(str(file), line),
                remedy="See 'Plugins' in docs/compatibility.md for what one may import here; ansible-playbook can run this play.",
            )
    code: CodeType = compile(_Renamed().visit(tree), str(file), "exec", dont_inherit=True)
    return code


def _allowed(name: str) -> bool:
    return f"{name}.".startswith(tuple(f"{each}." for each in ALLOWED))


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(module, line) of each import that has no stand-in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.name, node.lineno) for one in node.names if not (one.asname and one.name in STAND_INS))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level and node.module not in STAND_INS:
            if node.module == "ansible":
                yield from ((f"ansible.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


class _Renamed(ast.NodeTransformer):
    """Imports of what has a stand-in import that."""

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            alias.name = STAND_INS.get(alias.name, alias.name)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module and not node.level:
            node.module = STAND_INS.get(node.module, node.module)
        return node
