"""Filters, tests and lookups that users bring: ``filter_plugins/``, ``test_plugins/``, ``lookup_plugins/`` and those of collections.

A plugin is Python that runs on the control node, as Ansible's are: ``FilterModule.filters()``, ``TestModule.tests()``, ``LookupModule.run()``
(https://docs.ansible.com/ansible-core/2.19/dev_guide/developing_plugins.html). ``plugin_imports`` says what it may import of Ansible.
A function may be ``async def``; a plain one runs in a thread.
"""

from __future__ import annotations

import asyncio
import inspect
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TemplateError
from hotdesk.paths import is_dir, is_file
from hotdesk.place import Place
from hotdesk.routing import BUILTIN, LEGACY, RENAMED, core_runtime, entry
from hotdesk.variables.blocking import LONGEST, leave_loop, wait_for
from hotdesk.variables.compiling import known_name
from hotdesk.variables.filters import FILTERS
from hotdesk.variables.lookups import LOOKUPS
from hotdesk.variables.plugin import shielded
from hotdesk.variables.plugin_imports import plugin_module
from hotdesk.variables.tests import TESTS
from hotdesk.variables.trust import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hotdesk.variables.lookups import LookupCall

    Collection = Callable[[str], Path | None]
    """namespace.name -> the collection's directory."""

_CORES = (BUILTIN, LEGACY)
KINDS = ("filter", "test", "lookup")
_CLASSES = {"filter": ("FilterModule", "filters"), "test": ("TestModule", "tests"), "lookup": ("LookupModule", "run")}


class Plugins:
    """All filters, tests and lookups of one run by name; more are added while playbooks and roles are loaded."""

    def __init__(self, collection: Collection | None = None) -> None:
        """``collection`` finds the collection of a fully qualified name."""
        self.tables: dict[str, dict[str, Any]] = {"filter": dict(FILTERS), "test": dict(TESTS), "lookup": dict(LOOKUPS)}
        self.collection = collection
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
            if not file.stem.startswith("_"):
                self._add_file(kind, file, prefix)

    def _add_file(self, kind: str, file: Path, prefix: str) -> None:
        try:
            self.tables[kind].update({f"{prefix}{name}": made for name, made in _loaded(kind, file).items()})
        except TemplateError as problem:
            self._refused.append((kind, file, problem))

    def _add_of_collection(self, kind: str, folder: Path, parts: list[str]) -> None:
        """A lookup is called as its file, so the others of its collection need not be read."""
        if kind != "lookup":
            self.add_directory(kind, folder, f"{parts[0]}.{parts[1]}.")
            return
        file = folder.joinpath(*parts[2:-1], f"{parts[-1]}.py")
        if all(map(str.isidentifier, parts)) and file not in self._seen and is_file(file):
            self._seen.add(file)
            self._add_file(kind, file, ".".join(parts[:-1]) + ".")

    def need(self, kind: str, name: str, place: Place | None = None) -> None:
        """Raises TemplateError when there is no such plugin, or it was refused. Those of a collection are taken when first asked for."""
        if name not in self.tables[kind]:
            self._look(kind, name)
            known_name(kind, name, self.tables[kind], place)

    def _look(self, kind: str, name: str) -> None:
        """In its collection, or where that or ansible-core says it is now."""
        named = name
        for _ in range(RENAMED):
            folder, parts = self._folder(named), named.split(".")
            if folder is not None:
                self._add_of_collection(kind, folder / "plugins" / kind, parts)
            if named in self.tables[kind]:
                self.tables[kind][name] = self.tables[kind][named]
                return
            runtime = (
                core_runtime()
                if named.startswith(_CORES) or len(parts) == 1
                else folder and folder / "meta/runtime.yml"
            )
            moved = entry(runtime, kind, parts[-1]).get("redirect")
            if not isinstance(moved, str):
                break
            named = moved
        self._refuse(kind, name, parts[-1])

    def _folder(self, name: str) -> Path | None:
        """Of the collection of a fully qualified name."""
        parts = name.split(".")
        return self.collection(".".join(parts[:2])) if self.collection is not None and len(parts) > 2 else None

    def _refuse(self, kind: str, name: str, last: str) -> None:
        for refused, file, problem in self._refused:
            if refused == kind and (file.stem == last or (kind != "lookup" and _mentions(file, last))):
                raise TemplateError(
                    f"the {kind} {name!r} cannot be used: {problem.message}", place=problem.place, remedy=problem.remedy
                )


def _loaded(kind: str, file: Path) -> dict[str, Callable[..., Any]]:
    """The plugins of one file by name. Raises TemplateError with the file and line of what is wrong."""
    wanted, method = _CLASSES[kind]
    place = Place(str(file), 1)
    try:
        found = getattr(plugin_module(file), wanted)
        if kind == "lookup":
            return {file.stem: _lookup(found)}
        made = found()
        return {str(name): _plugin(kind, str(name), func) for name, func in getattr(made, method)().items()}
    except TemplateError:
        raise
    except AttributeError as problem:
        raise TemplateError(f"the plugin has no {wanted} with {method}(): {problem}", place=place) from None
    except Exception as problem:
        raise TemplateError(
            f"the plugin cannot be loaded: {type(problem).__name__}: {problem}", place=place
        ) from problem


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


def _lookup(kind: Any) -> Callable[[LookupCall], list[Any]]:
    """``run`` as a lookup; it gets the terms, the variables (rendered at access) and the options.

    Of a class that is derived from ``LookupBase`` each call has an instance of its own, which ``for_call`` of ours makes.
    """
    make = getattr(kind, "for_call", None) or _always(kind())
    kind.run  # noqa: B018 - it must have one

    def call(request: LookupCall) -> list[Any]:
        leave_loop()
        with make(request) as made:
            found = _result(made.run, [request.terms], {"variables": request.variables, **request.options})
        if not isinstance(found, list):
            raise request.fail(f"run() must give a list, not {type(found).__name__}")
        return found

    call.takes_undefined = bool(getattr(kind, "accept_args_markers", False))  # type: ignore[attr-defined]
    return call


def _always(made: Any) -> Callable[[LookupCall], AbstractContextManager[Any]]:
    return lambda _request: nullcontext(made)


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
