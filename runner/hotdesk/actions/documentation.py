"""A module's DOCUMENTATION with the documentation fragments that it extends, read without running any of the files.

Source: Ansible's "Documentation fragments" (developing modules: documenting). The module's own words win, field by field; notes and
``seealso`` come after its own, and so do here the entries of other lists (Ansible sorts those).
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hotdesk.errors import JobError
from hotdesk.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotdesk.actions.collections import Collection

    Find = Callable[[str], Collection | None]
    """The collection of a name."""

_EXTENDS = "extends_documentation_fragment"
_NESTED = ("options", "attributes")
"""Mappings of mappings: an option of both has the fields of both."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def documentation_of(collection: Collection, name: str, find: Find) -> str:
    """The documentation (YAML text) of the module ``name``; ``find`` gives the collections of fragments that are not its own.

    Raises JobError with the place of the module or fragment that cannot be read.
    """
    path = collection.module(name)
    if path is None:
        raise JobError(
            f"{collection.name}.{name} has no documentation, and that is its argument spec",
            remedy=f"Add plugins/modules/{name}.py with DOCUMENTATION to the collection.")  # fmt: skip
    return whole_documentation(path, find, collection)


def whole_documentation(path: Path, find: Find, own: Collection | None = None) -> str:
    """The same of a module's file; ``own``: the collection that it is in."""
    text = documentation_in(path)
    if _EXTENDS not in text:
        return text
    found = _loaded(text, path)
    wanted = found.pop(_EXTENDS, None) or ()
    for fragment in wanted.split(",") if isinstance(wanted, str) else wanted:
        _extend(found, *_fragment(str(fragment).strip(), own, find, path))
    return _dumped(found)


def documentation_in(path: Path) -> str:
    """The DOCUMENTATION of a module's file (``.py``: as it is written; ``.yml``: what has that key). Raises JobError."""
    if path.suffix != ".py":
        try:
            found = _loaded(path.read_text(encoding="utf-8"), path)
        except (OSError, ValueError) as problem:
            raise JobError(f"cannot read the module: {problem}", place=Place(str(path), 1)) from None
        return _dumped(found.get("DOCUMENTATION") or {})
    text = _constant(_tree(path).body, "DOCUMENTATION")
    if text is None:
        raise JobError("the module has no DOCUMENTATION text", place=Place(str(path), 1))
    return text


def _fragment(written: str, own: Collection | None, find: Find, module: Path) -> tuple[dict[str, Any], Path]:
    """A fragment and its file: ``namespace.collection.file``, with ``.variable`` for another text of that file than DOCUMENTATION."""
    short = written.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
    words = short.split(".")
    if short != written or len(words) < 3:
        folder, names = _of_ansible(), words
    else:
        name = ".".join(words[:2])
        collection = own if own and name == own.name else find(name)
        folder, names = collection.path / "plugins/doc_fragments" if collection else None, words[2:]
    for file, variable in ((names, "DOCUMENTATION"), (names[:-1], names[-1].upper())):
        path = folder.joinpath(*file).with_suffix(".py") if folder and file else None
        if path is None or not path.is_file():
            continue
        classes = [
            node for node in _tree(path).body if isinstance(node, ast.ClassDef) and node.name == "ModuleDocFragment"
        ]
        text = _constant(classes[0].body, variable) if classes else None
        if text is not None:
            return _loaded(text, path), path
    raise JobError(
        f"the documentation fragment {written!r} is not there", place=Place(str(module), 1),
        remedy="It must be a text of the class ModuleDocFragment in plugins/doc_fragments of its collection."
        if short == written and len(words) >= 3 else "It is one of Ansible's own: install ansible-core, or leave it out.")  # fmt: skip


def _of_ansible() -> Path | None:
    """The folder of Ansible's own fragments; None without Ansible, which hotdesk does not need."""
    found = find_spec("ansible")
    return Path(found.origin).parent / "plugins/doc_fragments" if found and found.origin else None


def _extend(doc: dict[str, Any], fragment: Mapping[str, Any], path: Path) -> None:
    for key, value in fragment.items():
        own = doc.get(key)
        if own is None:
            doc[key] = value
        elif isinstance(own, dict) and isinstance(value, dict):
            both = {name: {**value[name], **(own[name] or {})} for name in own if key in _NESTED and name in value}
            doc[key] = {**value, **own, **both}
        elif isinstance(own, list) and isinstance(value, list):
            doc[key] = [*own, *(one for one in value if one not in own)]
        else:
            raise JobError(f"the fragment's {key!r} cannot be added to that of the module", place=Place(str(path), 1))


def _loaded(text: str, path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(text, Loader=_LOADER) or {}
    except yaml.YAMLError as problem:
        raise JobError(f"the documentation is no YAML: {problem}", place=Place(str(path), 1)) from None
    if not isinstance(found, dict):
        raise JobError("the documentation is no mapping", place=Place(str(path), 1))
    return found


def _dumped(doc: Mapping[str, Any]) -> str:
    text: str = yaml.dump(doc, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    return text


def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ValueError, SyntaxError) as problem:
        raise JobError(f"cannot read the module: {problem}", place=Place(str(path), 1)) from None


def _constant(body: list[ast.stmt], name: str) -> str | None:
    """The text that is assigned to ``name``."""
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == name for one in node.targets):
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
    return None
