"""What is sent to a target so that a module runs there: parts with the hash of their content, of which its agent keeps every one for the run."""

from __future__ import annotations

import hashlib
import marshal
import re
import shlex
import sys
import threading
import zlib
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER
from typing import TYPE_CHECKING, Literal

from hotdesk.actions.module_files import ModuleFiles
from hotdesk.actions.module_imports import CORE, File, closure, standard_imports
from hotdesk.errors import TaskError
from hotdesk.frozen import frozen
from hotdesk.place import Place
from hotdesk.routing import BUILTIN, LEGACY, ansible_core

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import CodeType

    Style = Literal["python", "json arguments", "json file", "text file", "binary"]

PROFILE = "legacy"
"""How values of a module are written, in both directions (``_ANSIBLE_PROFILE``)."""
ALWAYS = (
    f"{CORE}.basic",
    f"{CORE}._internal._ansiballz._loader",
    f"{CORE}._internal._json._profiles._module_{PROFILE}_m2c",
    f"{CORE}._internal._json._profiles._module_{PROFILE}_c2m",
)
"""What every Python module needs, whatever it imports itself."""
JSON_ARGUMENTS = b"<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>"
_COMMON = b"#<<INCLUDE_ANSIBLE_MODULE_COMMON>>"
_PYTHON = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?:ansible\.module_utils|ansible_collections\.\w+\.\w+\.plugins\.module_utils|\.{2,}[ \t]*module_utils)"
    rb"[\w.]*[ \t]+import[ \t(]"
    rb"|import[ \t]+(?:ansible\.module_utils\.|ansible_collections\.\w+\.\w+\.plugins\.module_utils))",
    re.MULTILINE,
)
_POWERSHELL = re.compile(rb"# POWERSHELL_COMMON|#Requires -(?:Module|Version)|#AnsibleRequires -", re.IGNORECASE)
_TEXT = bytes({7, 8, 9, 10, 12, 13, 27, *range(0x20, 0x7F), *range(0x80, 0x100)})
_NOT_EARLY = frozenset({"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "test", "__main__"})
"""Of the standard library, and nothing that the agent itself should import."""


@frozen
class Payload:
    """A module, ready to be sent."""

    module: str
    """Its name where it runs (``ansible.modules.user``), of a program the name of its file."""
    style: Style
    parts: tuple[tuple[str, bytes], ...]
    """(hash, content)"""
    interpreter: tuple[str, ...] = ()
    """What its ``#!`` line names."""


class Payloads:
    """Makes payloads; what all Python modules need is made once."""

    def __init__(self, files: ModuleFiles) -> None:
        self._files = files
        self._base: tuple[dict[str, File], tuple[str, bytes]] | None = None
        self._making = threading.Lock()

    def make(self, fqcn: str, path: Path) -> Payload:
        """Blocking. Raises TaskError for a module that cannot be sent: no Python, Windows, imports that are not there."""
        try:
            text = path.read_bytes()
        except OSError as problem:
            raise TaskError(f"cannot read the module {fqcn}: {problem.strerror}", place=Place(str(path), 1)) from None
        style = _style(text, path)
        if style == "python":
            with self._making:
                return self._python(
                    _importable(fqcn), text.replace(_COMMON, b"from ansible.module_utils.basic import *"), path
                )
        words = _shebang(text)
        if not words and style != "binary":
            raise TaskError(f"module ({fqcn}) is missing interpreter line", place=Place(str(path), 1))
        return Payload(path.name, style, (_hashed(marshal.dumps({"raw": text}, 2)),), words)

    def _python(self, name: str, text: bytes, path: Path) -> Payload:
        base, part = self._common()
        found = closure(self._files, File(name, text, False, path), ALWAYS)
        if any(found[one].digest != file.digest for one, file in base.items()):
            return Payload(
                name, "python", (_packed(found, ()),)
            )  # something of the user's own has the name of something of Ansible's
        rest = {one: file for one, file in found.items() if one not in base}
        return Payload(name, "python", (part, _packed(rest, _early(rest))))

    def _common(self) -> tuple[dict[str, File], tuple[str, bytes]]:
        if self._base is None:
            if ansible_core() is None:
                raise TaskError(
                    "modules that are written for Ansible need ansible-core", remedy="pip install 'hotdesk[ansible]'"
                )
            found = closure(ModuleFiles(), File(CORE, b"", True), ALWAYS)
            self._base = found, _packed(found, [*sorted(found), "json", "runpy", "signal", "subprocess", "zipfile"])
        return self._base


def _importable(fqcn: str) -> str:
    """The name that Ansible imports a module with."""
    if fqcn.startswith(BUILTIN):
        return "ansible.modules." + fqcn.removeprefix(BUILTIN)
    if fqcn.startswith(LEGACY):
        return fqcn
    namespace, collection, name = fqcn.split(".", 2)
    return f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}"


def _style(text: bytes, path: Path) -> Style:
    """How a module wants its arguments (Ansible's "Module architecture" page: types of modules)."""
    if text[:1024].translate(None, _TEXT):
        return "binary"
    if _COMMON in text or _PYTHON.search(text):
        return "python"
    if _POWERSHELL.search(text):
        raise TaskError(
            f"{path.stem} is a module for Windows, which hotdesk does not manage", place=Place(str(path), 1)
        )
    if JSON_ARGUMENTS in text:
        return "json arguments"
    return "json file" if b"WANT_JSON" in text else "text file"


def _shebang(text: bytes) -> tuple[str, ...]:
    line = text.partition(b"\n")[0]
    return tuple(shlex.split(line[2:].decode("utf-8", "surrogateescape"))) if line.startswith(b"#!") else ()


def _early(files: Mapping[str, File]) -> list[str]:
    """What the agent may import once and for all: of Ansible's own files and of the standard library."""
    core = ansible_core()
    own = [
        name for name, file in files.items() if file.path and core and file.path.is_relative_to(core / "module_utils")
    ]
    standard = {
        name
        for file in files.values()
        if file.path and file.name not in own
        for name in standard_imports(file.text, str(file.path))
        if name.partition(".")[0] in sys.stdlib_module_names - _NOT_EARLY
    }
    return [*sorted(own), *sorted(standard)]


def _packed(files: Mapping[str, File], early: Iterable[str]) -> tuple[str, bytes]:
    """One part: sources, and code compiled by this Python for targets that have the same."""
    codes = {name: marshal.dumps(_code(file)) for name, file in files.items()}
    sources = {name: file.text for name, file in files.items()}
    return _hashed(
        marshal.dumps(
            {
                "magic": MAGIC_NUMBER,
                "files": {name: (file.is_package, file.digest) for name, file in files.items()},
                "early": list(early),
                "codes": zlib.compress(marshal.dumps(codes, 2), 3),
                "sources": zlib.compress(marshal.dumps(sources, 2), 3),
            },
            2,
        )
    )


def _code(file: File) -> CodeType:
    """Compiled, from Python's own cache where that is there. Raises TaskError."""
    core = ansible_core()
    try:
        if file.path and core and file.path.is_relative_to(core):
            code = SourceFileLoader(file.name, str(file.path)).get_code(file.name)
            if code is not None:
                return code
        return compile(file.text, str(file.path or file.name), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as problem:
        raise TaskError(f"Unable to compile {file.name!r}: {problem}") from None


def _hashed(data: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(data).hexdigest(), data
