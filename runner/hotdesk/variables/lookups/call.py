"""What a lookup is given: terms, options, variables, and the services for its I/O."""

from __future__ import annotations

import re
import shlex
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotdesk.errors import TemplateError, nearest
from hotdesk.frozen import frozen
from hotdesk.paths import exists, expanded
from hotdesk.place import Place
from hotdesk.variables.blocking import leave_loop, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hotdesk.variables.templates import Templates


@frozen
class LookupServices:
    """What lookups need of the rest of the program; a missing one makes the lookups that need it an error.

    ``run_command(argv or shell text)`` gives (rc, stdout, stderr) and is started by the control node's agent (R3).
    ``search_path(variables)``: directories for relative files, nearest first; without it ``ansible_search_path`` counts.
    ``hosts(pattern)``: inventory names of a host pattern.
    """

    run_command: Callable[[list[str] | str], Awaitable[tuple[int, str, str]]] | None = None
    search_path: Callable[[Mapping[str, Any]], list[Path]] | None = None
    hosts: Callable[[str], list[str]] | None = None


class LookupFailed(TemplateError):
    """A lookup found nothing or could not look; ``errors='ignore'`` makes it None."""


@frozen(kw_only=True)
class LookupCall:
    """One call of a lookup."""

    name: str
    terms: list[Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any]
    templates: Templates
    subdirectory: str = "files"
    """Where relative files are looked for in each search directory, before the directory itself."""

    def fail(self, message: str, remedy: str = "") -> LookupFailed:
        """The error to raise."""
        return LookupFailed(f"the lookup {self.name!r} failed: {message}", remedy=remedy)

    def take(self, **defaults: Any) -> list[Any]:
        """The options by the given names, in that order; any other option is an error."""
        for name in self.options:
            if name not in defaults:
                raise LookupFailed(f"the lookup {self.name!r} has no option {name!r}", remedy=nearest(name, defaults))
        return [_converted(self.options.get(name, default), default) for name, default in defaults.items()]

    def search_path(self) -> list[Path]:
        if self.templates.services.search_path is not None:
            return self.templates.services.search_path(self.variables)
        found = self.variables.get("ansible_search_path") or [self.variables.get("playbook_dir") or "."]
        return [Path(str(directory)) for directory in found]

    def candidates(self, name: str, subdirectory: str | None = None) -> list[Path]:
        """Every place where the file ``name`` may be, nearest first."""
        path = expanded(name)
        if path.is_absolute():
            return [path]
        below = subdirectory or self.subdirectory
        return [where for directory in self.search_path() for where in (directory / below / path, directory / path)]

    def find(self, name: str, subdirectory: str | None = None) -> Path:
        """The nearest existing file ``name``. Raises LookupFailed with the places tried. Leaves the event loop."""
        leave_loop()
        tried = self.candidates(name, subdirectory)
        for path in tried:
            if exists(path):
                return path
        raise self.fail(f"No such file or directory: {name!r}", "Looked for " + ", ".join(str(path) for path in tried))

    def read(self, path: Path) -> bytes:
        """The content of ``path``, decrypted if it is vaulted."""
        leave_loop()
        data = path.read_bytes()
        if data.startswith(b"$ANSIBLE_VAULT;"):
            data = self.templates.vault.decrypt_file(data, Place(str(path)))
            self.templates.on_secret(data.decode(errors="replace"))
        return data

    def run(self, command: list[str] | str) -> tuple[int, str, str]:
        """Run a command on the control node and wait. Leaves the event loop."""
        leave_loop()
        run_command = self.templates.services.run_command
        if run_command is None:
            raise self.fail("commands cannot be run here")

        async def call() -> tuple[int, str, str]:
            return await run_command(command)

        return wait_for(call)


def _converted(value: Any, default: Any) -> Any:
    """Options of the k=v form are text; the default tells their type."""
    if not isinstance(value, str) or isinstance(default, str) or default is None:
        return value
    if isinstance(default, bool):
        return value.strip().lower() in ("yes", "on", "true", "1")
    return type(default)(value) if isinstance(default, (int, float)) else value


_WORD: Final = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")


def words_and_options(term: str, *, literal: bool = False) -> tuple[list[str], dict[str, str]]:
    """``name a=1 b='x y'`` as (words, options); a word before the first ``=`` may hold spaces. ``literal``: words keep their quotes."""
    words: list[str] = []
    options: dict[str, str] = {}
    if literal:
        for part in _WORD.findall(term):
            name, equals, value = part.partition("=")
            if equals and name.isidentifier():
                options[name] = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value
            else:
                words.append(part)
        return words, options
    lexer = shlex.shlex(str(term), posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    for part in lexer:
        name, equals, value = part.partition("=")
        if equals and name.isidentifier():
            options[name] = value
        else:
            words.append(part)
    return words, options


def flattened(terms: Any) -> list[Any]:
    """One level of lists removed."""
    result: list[Any] = []
    for term in terms:
        result.extend(term) if isinstance(term, (list, tuple)) else result.append(term)
    return result
