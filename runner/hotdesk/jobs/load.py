"""A job's file becomes its class, checked against the contract before any host is touched."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import sys
import threading
from typing import TYPE_CHECKING, Any

from hotdesk.errors import JobError, nearest
from hotdesk.jobs.base import SyncJob
from hotdesk.place import Place

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

PHASES: dict[str, int] = {
    "validate": 0,
    "pre_sync": 0,
    "sync": 1,
    "post_sync": 2,
    "remember": 2,
    "expectations": 2,
    "present": 2,
    "cleanup": 0,
}
"""Phase -> how many arguments it gets besides self."""
ARGUMENTS = {"present": ("machine", "subjects")}
"""Their names, where they are not plan and result."""
PLAIN = ("writes", "reads", "preview", "narrow", "scope")
"""Hooks that are ordinary methods: they answer at once."""
DECLARED = ("after", "handles")
"""What a job says of itself: tuples of text."""
FORBIDDEN = {
    "asyncssh": "a job reaches its PCs through self.source and self.target",
    "subprocess": "a job runs commands with self.target.run(...), which an agent starts and can end",
    "ansible": "the same file runs without Ansible",
    "rich": "a job reports with self.target.report(...)",
}


_one_at_a_time = threading.Lock()
"""Hosts ask for the same job at once, each in a thread of its own."""


def load(path: Path) -> type[SyncJob]:
    """The class ``Job`` of the file. Raises JobError with the place of what breaks the contract."""
    with _one_at_a_time:
        return _load(path)


@functools.cache
def _load(path: Path) -> type[SyncJob]:
    module = _import(path)
    job = getattr(module, "Job", None)
    if not inspect.isclass(job):
        classes = [
            name
            for name, value in vars(module).items()
            if inspect.isclass(value) and value.__module__ == module.__name__
        ]
        raise JobError(
            "a job's file defines 'class Job(SyncJob)'", place=Place(str(path)), remedy=nearest("Job", classes)
        )
    if not issubclass(job, SyncJob):
        raise JobError("class Job does not derive from hotdesk.jobs.SyncJob", place=_place(path, job))
    if missing := sorted(getattr(job, "__abstractmethods__", ())):
        raise JobError(f"class Job lacks {', '.join(missing)}", place=_place(path, job))
    _names(path, job)
    _declarations(path, job)
    for name, count in PHASES.items():
        _phase(path, job, name, count)
    job.name = path.stem
    return job


def _import(path: Path) -> ModuleType:
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path))
    except OSError as exc:
        raise JobError(f"cannot read the job: {exc.strerror}", place=Place(str(path))) from None
    except SyntaxError as exc:
        raise JobError(f"not Python: {exc.msg}", place=Place(str(path), exc.lineno or 0, exc.offset or 0)) from None
    except (ValueError, RecursionError, MemoryError):  # NUL, another encoding; brackets within brackets
        raise JobError("not Python: it is not UTF-8 text, or nested too deeply", place=Place(str(path))) from None
    _imports(path, tree)
    name = f"hotdesk_job_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except JobError:
        raise
    except Exception as exc:
        del sys.modules[name]
        raise JobError(f"the job cannot be imported: {type(exc).__name__}: {exc}", place=_raised_at(path, exc)) from exc
    return module


def _imports(path: Path, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            if why := FORBIDDEN.get(name.partition(".")[0]):
                raise JobError(
                    f"a job does not import {name}: {why}", place=Place(str(path), node.lineno, node.col_offset + 1)
                )


def _names(path: Path, job: type[SyncJob]) -> None:
    """A public method that is nearly a phase's name is a phase that would never be called."""
    known = {*PHASES, *PLAIN}
    for name, value in vars(job).items():
        if name.startswith("_") or name in known or not callable(value):
            continue
        if remedy := nearest(name, known):
            raise JobError(
                f"'{name}' is no phase of a job and is never called", place=_place(path, value), remedy=remedy
            )


def _declarations(path: Path, job: type[SyncJob]) -> None:
    for name in DECLARED:
        value = getattr(job, name)
        if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
            raise JobError(
                f"{name} is {value!r}; it must be a tuple of text",
                place=_place(path, job),
                remedy=f'Write {name} = ("...",) with the comma.',
            )


def _phase(path: Path, job: type[SyncJob], name: str, count: int) -> None:
    function = inspect.getattr_static(job, name)
    if isinstance(function, staticmethod | classmethod) or not inspect.isfunction(function):
        raise JobError(f"{name} is not a method", place=_place(path, job))
    place = _place(path, function)
    try:
        inspect.signature(function).bind(*range(count + 1))
    except TypeError as exc:
        wanted = ", ".join(["self", *ARGUMENTS.get(name, ("plan", "result"))[:count]])
        raise JobError(f"{name}({wanted}) is how it is called: {exc}", place=place) from None
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise JobError(f"{name} is a generator: a phase returns its answer", place=place)
    if not inspect.iscoroutinefunction(function) and _gives_coroutine(function):
        raise JobError(
            f"{name} is a plain def that returns a coroutine: it would never be awaited",
            place=place,
            remedy=f"Write 'async def {name}' and await inside it.",
        )


def _gives_coroutine(function: Any) -> bool:
    """A plain def whose annotation, wrapped function or return statement says that it gives back a coroutine."""
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        return True
    annotation = str(function.__annotations__.get("return", ""))
    if annotation.startswith(
        ("Awaitable", "Coroutine", "collections.abc.Awaitable", "collections.abc.Coroutine", "typing.Awaitable")
    ):
        return True
    try:
        source = inspect.getsource(sys.modules[function.__module__])
        tree = ast.parse(source)
    except (OSError, KeyError, SyntaxError):
        return False
    coroutines = {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    line = function.__code__.co_firstlineno
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and line in (node.lineno, *(d.lineno for d in node.decorator_list)):
            return any(_returns_one(inner, coroutines) for inner in ast.walk(node))
    return False


def _returns_one(node: ast.AST, coroutines: set[str]) -> bool:
    if not isinstance(node, ast.Return) or not isinstance(node.value, ast.Call):
        return False
    called = node.value.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in coroutines


def _place(path: Path, thing: Any) -> Place:
    try:
        return Place(str(path), inspect.getsourcelines(inspect.unwrap(thing))[1])
    except (OSError, TypeError):
        return Place(str(path))


def _raised_at(path: Path, exc: BaseException) -> Place:
    trace, line = exc.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return Place(str(path), line)
