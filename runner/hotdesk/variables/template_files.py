"""Environments for whole template files: text instead of native values, own delimiters, includes beside the file.

Source: https://docs.ansible.com/ansible/latest/collections/ansible/builtin/template_module.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2

from hotdesk.errors import TemplateError, nearest
from hotdesk.paths import is_file
from hotdesk.place import Place
from hotdesk.variables import blocking
from hotdesk.variables.environment import Environment, concat, concat_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OPTIONS: Final[dict[str, type]] = {
    "block_start_string": str,
    "block_end_string": str,
    "variable_start_string": str,
    "variable_end_string": str,
    "comment_start_string": str,
    "comment_end_string": str,
    "line_statement_prefix": str,
    "line_comment_prefix": str,
    "newline_sequence": str,
    "trim_blocks": bool,
    "lstrip_blocks": bool,
    "keep_trailing_newline": bool,
}
"""What the template module and a ``#jinja2:`` line may set, with its type."""
HEADER: Final = "#jinja2:"
MOST_KEPT: Final = 500


class TextEnvironment(Environment):
    """Renders to text; within a template (macros, ``{% set %}`` blocks) values stay native."""

    final = staticmethod(concat_text)
    literal_backslashes = False


class DataEnvironment(TextEnvironment):
    """For ``lookup('template')``: a file that is one expression gives its value, not the value's text."""

    final = staticmethod(concat)


class FileLoader(jinja2.BaseLoader):
    """Includes and imports: relative to the search path, first one wins. Reading happens in a thread, never on the loop."""

    def __init__(self, directories: tuple[Path, ...]) -> None:
        self._directories = directories

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        blocking.leave_loop()
        for directory in self._directories:
            path = directory / template
            if is_file(path):
                return path.read_text(encoding="utf-8"), str(path), lambda: True
        raise jinja2.TemplateNotFound(
            template, f"there is no template {template!r} in {', '.join(str(d) for d in self._directories)}"
        )


class TextEnvironments:
    """One environment per (options, search path); ``prepare`` gives it filters, tests and functions."""

    def __init__(self, prepare: Callable[[Environment], Environment]) -> None:
        self._prepare = prepare
        self._made: dict[Any, Environment] = {}

    def environment(
        self, text: str, path: str, search: Sequence[Path], options: Mapping[str, Any], *, native: bool = False
    ) -> tuple[Environment, str]:
        """The environment for a file, and its text without the ``#jinja2:`` line. Raises TemplateError for a wrong option."""
        header, body = self._header(text, path)
        wanted = {**_checked(options, Place(path)), **header}
        directories = (*search, Path(path).parent)
        key = (tuple(sorted(wanted.items())), directories, native)
        if key not in self._made:
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            env = (DataEnvironment if native else TextEnvironment)(loader=FileLoader(directories), **wanted)
            self._made[key] = self._prepare(env)
        return self._made[key], body

    def _header(self, text: str, path: str) -> tuple[dict[str, Any], str]:
        if not text.startswith(HEADER):
            return {}, text
        line, _, body = text.partition("\n")
        found: dict[str, Any] = {}
        for pair in line[len(HEADER) :].split(","):
            name, colon, value = pair.partition(":")
            if not colon:
                raise TemplateError(
                    f"Missing key-value separator: the {HEADER} line must hold `name: value` pairs, not {pair.strip()!r}",
                    place=Place(path, 1),
                )
            found[name.strip()] = _literal(value.strip())
        return _checked(found, Place(path, 1)), body


def _literal(text: str) -> Any:
    if text.lower() in ("true", "yes", "on", "false", "no", "off"):
        return text.lower() in ("true", "yes", "on")
    if text[:1] in "\"'" and text[:1] == text[-1:] and len(text) > 1:
        inner = text[1:-1]
        try:
            return json.loads(f'"{inner}"')
        except ValueError:
            return inner
    return text


def _checked(options: Mapping[str, Any], place: Place) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name not in OPTIONS:
            raise TemplateError(f"unknown Jinja option {name!r}", place=place, remedy=nearest(name, OPTIONS))
        if value is None:
            continue
        if not isinstance(value, OPTIONS[name]):
            raise TemplateError(
                f"the Jinja option {name!r} must be a {OPTIONS[name].__name__}, not {value!r}", place=place
            )
        checked[name] = str(value).replace("\\n", "\n").replace("\\r", "\r") if name == "newline_sequence" else value
    if checked.get("newline_sequence", "\n") not in ("\n", "\r\n", "\r"):
        raise TemplateError("newline_sequence must be \\n, \\r or \\r\\n", place=place)
    return checked
