"""Filters, tests and lookups that users bring: ``filter_plugins/``, ``test_plugins/``, ``lookup_plugins/`` and those of collections.

A plugin is Python that runs on the control node, as Ansible's are: ``FilterModule.filters()``, ``TestModule.tests()``, ``LookupModule.run()``
(https://docs.ansible.com/ansible-core/2.19/dev_guide/developing_plugins.html). One that imports Ansible's controller is refused by name:
it would need what is not there in a run of ours. What it may import of Ansible, if that is installed, is ``ansible.module_utils`` and
``ansible.errors``. A function may be ``async def``; a plain one runs in a thread.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import importlib.util
import inspect
import sys
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TemplateError
from hotdesk.paths import is_dir
from hotdesk.place import Place
from hotdesk.variables.blocking import LONGEST, leave_loop, wait_for
from hotdesk.variables.compiling import known_name
from hotdesk.variables.filters import FILTERS
from hotdesk.variables.lookups import LOOKUPS
from hotdesk.variables.plugin import shielded
from hotdesk.variables.tests import TESTS
from hotdesk.variables.trust import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path
    from types import ModuleType

    from hotdesk.variables.lookups import LookupCall

    Collection = Callable[[str], Path | None]
    """namespace.name -> the collection's directory."""

KINDS = ("filter", "test", "lookup")
_CLASSES = {"filter": ("FilterModule", "filters"), "test": ("TestModule", "tests"), "lookup": ("LookupModule", "run")}
_ALLOWED = ("ansible.module_utils", "ansible.errors")


class Plugins:
    """All filters, tests and lookups of one run by name; more are added while playbooks and roles are loaded."""

    def __init__(self, collection: Collection | None = None) -> None:
        """``collection`` finds the collection of a fully qualified name."""
        self.tables: dict[str, dict[str, Any]] = {"filter": dict(FILTERS), "test": dict(TESTS), "lookup": dict(LOOKUPS)}
        self._collection = collection
        self._seen: set[Path] = set()
        self._refused: list[tuple[str, Path, TemplateError]] = []

    def add(self, folder: Path) -> None:
        """Take what stands in ``filter_plugins/`` and the like below ``folder``, a playbook's or a role's directory. Blocking."""
        for kind in KINDS:
            self.add_directory(kind, folder / f"{kind}_plugins")

    def add_directory(self, kind: str, folder: Path, prefix: str = "") -> None:
        """Take every plugin file in ``folder``; names get ``prefix``. One that cannot be loaded is kept as refused."""
        folder = folder.absolute()
        if folder in self._seen or not is_dir(folder):
            return
        self._seen.add(folder)
        for file in sorted(folder.glob("*.py")):
            if file.stem.startswith("_"):
                continue
            try:
                self.tables[kind].update({f"{prefix}{name}": made for name, made in _loaded(kind, file).items()})
            except TemplateError as problem:
                self._refused.append((kind, file, problem))

    def need(self, kind: str, name: str, place: Place | None = None) -> None:
        """Raises TemplateError when there is no such plugin, or it was refused. Those of a collection are taken when first asked for."""
        if name not in self.tables[kind]:
            self._look(kind, name)
            known_name(kind, name, self.tables[kind], place)

    def _look(self, kind: str, name: str) -> None:
        parts = name.split(".")
        if self._collection is not None and len(parts) > 2 and (found := self._collection(".".join(parts[:2]))):
            root = str(found.parents[1].parent)
            if root not in sys.path:
                sys.path.append(root)  # plugins of collections import ansible_collections.NAMESPACE.NAME...
            self.add_directory(kind, found / "plugins" / kind, f"{parts[0]}.{parts[1]}.")
        if name in self.tables[kind]:
            return
        for refused, file, problem in self._refused:
            if refused == kind and (file.stem == parts[-1] or (kind != "lookup" and _mentions(file, parts[-1]))):
                raise TemplateError(
                    f"the {kind} {name!r} cannot be used: {problem.message}", place=problem.place, remedy=problem.remedy
                )


def _loaded(kind: str, file: Path) -> dict[str, Callable[..., Any]]:
    """The plugins of one file by name. Raises TemplateError with the file and line of what is wrong."""
    _check_imports(file)
    wanted, method = _CLASSES[kind]
    place = Place(str(file), 1)
    try:
        module = _module(file)
        made = getattr(module, wanted)()
        if kind == "lookup":
            return {file.stem: _lookup(made)}
        return {str(name): _plugin(kind, str(name), func) for name, func in getattr(made, method)().items()}
    except AttributeError as problem:
        raise TemplateError(f"the plugin has no {wanted} with {method}(): {problem}", place=place) from None
    except Exception as problem:
        raise TemplateError(
            f"the plugin cannot be loaded: {type(problem).__name__}: {problem}", place=place
        ) from problem


def _module(file: Path) -> ModuleType:
    name = f"hotdesk_plugin_{hashlib.sha256(bytes(file)).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _check_imports(file: Path) -> None:
    """Raises TemplateError where the file imports Ansible's controller, or is no Python."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError, OSError) as problem:
        line = getattr(problem, "lineno", None) or 1
        raise TemplateError(f"the plugin cannot be read: {problem}", place=Place(str(file), line)) from None
    for name, line in _imports(tree):
        if name.split(".")[0] == "ansible" and not f"{name}.".startswith(tuple(f"{each}." for each in _ALLOWED)):
            raise TemplateError(
                f"the plugin imports {name}, which belongs to Ansible's controller",
                place=Place(str(file), line),
                remedy="A plugin here may import ansible.module_utils and ansible.errors; run this play with ansible-playbook.",
            )


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module == "ansible":
                yield from ((f"ansible.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def _mentions(file: Path, name: str) -> bool:
    """Whether a file that could not be loaded names ``name`` as text, as a table of filters does."""
    try:
        return f'"{name}"' in (text := file.read_text(errors="replace")) or f"'{name}'" in text
    except OSError:
        return False


def _plugin(kind: str, name: str, func: Callable[..., Any]) -> Callable[..., Any]:
    """``func`` as templates call it: in a thread, with plain data."""
    skip = 1 if hasattr(func, "jinja_pass_arg") else 0

    def call(*args: Any, **kwargs: Any) -> Any:
        leave_loop()
        plainly = [*args[:skip], *map(plain, args[skip:])]
        return _result(func, plainly, {key: plain(value) for key, value in kwargs.items()})

    if skip:
        call.jinja_pass_arg = func.jinja_pass_arg  # type: ignore[attr-defined]
    return shielded(kind, name, call)


def _lookup(made: Any) -> Callable[[LookupCall], list[Any]]:
    """``made.run`` as a lookup; it gets the terms, the variables (rendered at access) and the options."""
    run = made.run

    def call(request: LookupCall) -> list[Any]:
        leave_loop()
        found = _result(run, [request.terms], {"variables": request.variables, **request.options})
        if not isinstance(found, list):
            raise request.fail(f"run() must give a list, not {type(found).__name__}")
        return found

    return call


def _result(func: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(func):
        return wait_for(lambda: _in_time(func(*args, **kwargs)))
    found = func(*args, **kwargs)
    if inspect.iscoroutine(found):
        found.close()
        raise TypeError("a plain function gave a coroutine; write it 'async def'")
    return found


async def _in_time(answer: Coroutine[Any, Any, Any]) -> Any:
    try:
        async with asyncio.timeout(LONGEST):
            return await answer
    except TimeoutError:
        raise TimeoutError(f"it gave no answer in {LONGEST:g} s") from None
