"""One text out of a target-side half and what it imports: Machine.call sends the source of exactly one module.

A half in an ``on_target/`` folder imports others of that folder as usual (``from hotdesk.actions.on_target.attributes import apply``), so
editors and type checkers understand it. ``bundle`` puts the imported modules before it and drops those import lines: the text that travels
needs the standard library alone. What is imported keeps its name (no ``as``), and names of the modules in one bundle must differ.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import linecache
from functools import cache
from types import ModuleType

from hotdesk.errors import JobError


class _Text:
    """A loader that knows the text of one bundle, so that ``inspect.getsource`` finds it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_source(self, _name: str) -> str:
        return self.text


@cache
def bundle(module: ModuleType) -> ModuleType:
    """A module (never to be run here) whose source is ``module`` with everything of ``on_target`` that it imports.

    Raises JobError when two of its parts define the same name.
    """
    parts: dict[str, str] = {}
    _collect(module, parts, module.__name__.rpartition(".")[0] + ".")
    _refuse_clashes(parts)
    text = "from __future__ import annotations\n" + "\n".join(parts.values())
    whole = ModuleType(f"{module.__name__}_bundle")
    whole.__file__ = f"{module.__name__}.bundle.py"
    whole.__loader__ = _Text(text)  # type: ignore[assignment]
    linecache.cache[whole.__file__] = (len(text), None, text.splitlines(keepends=True), whole.__file__)
    return whole


def _collect(module: ModuleType, parts: dict[str, str], package: str) -> None:
    if module.__name__ in parts:
        return
    text = inspect.getsource(module)
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        name = node.module or ""
        if name.startswith(package):
            _collect(importlib.import_module(name), parts, package)
        elif name != "__future__":
            continue
        last = node.end_lineno or node.lineno
        lines[node.lineno - 1 : last] = ["\n"] * (last - node.lineno + 1)
    parts[module.__name__] = "".join(lines)


def _refuse_clashes(parts: dict[str, str]) -> None:
    owner: dict[str, str] = {}
    for part, text in parts.items():
        for node in ast.parse(text).body:
            names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            for name in names:
                if name != "TYPE_CHECKING" and owner.setdefault(name, part) != part:
                    raise JobError(f"{part} and {owner[name]} both define {name!r} and cannot be sent together")
