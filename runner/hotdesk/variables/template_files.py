"""Environments for whole template files: text instead of native values, own delimiters, includes beside the file.

Source: https://docs.ansible.com/ansible/latest/collections/ansible/builtin/template_module.html
"""

from __future__ import annotations

import json
import os
import pwd
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2

from hotdesk.errors import TemplateError, nearest
from hotdesk.paths import is_file
from hotdesk.place import Place
from hotdesk.source import Trusted
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


MANAGED: Final = "ansible_managed"


def facts_of(
    path: Path, known: Mapping[str, Any], setting: str, *, source: str = "", destination: str | None = None
) -> dict[str, Any]:
    """The variables that a template file alone has ("template_path" and its like in the module's documentation). Blocking.

    ``ansible_managed`` is among them unless ``known`` has one. ``source``: the file as the user named it. Raises TemplateError, OSError.
    """
    info = path.stat()
    try:
        owner: str | int = pwd.getpwuid(info.st_uid).pw_name
    except KeyError:
        owner = info.st_uid
    facts = {
        "template_host": os.uname().nodename, "template_path": source or str(path), "template_fullpath": str(path.absolute()),
        "template_destpath": destination, "template_mtime": datetime.fromtimestamp(info.st_mtime), "template_uid": owner,
        "template_run_date": datetime.now(),
    }  # fmt: skip
    return facts if MANAGED in known else {**facts, MANAGED: managed(setting, info.st_mtime)}


def managed(setting: str, modified: float) -> Trusted:
    """The setting ``ansible_managed`` for a template that was changed at ``modified``: ``{file}``, ``{host}``, ``{uid}`` and times filled in.

    What stands for a name is a template in its turn, so that no file's name is ever taken for one. Raises TemplateError.
    """
    where = Place(f"the setting {MANAGED}")
    try:
        filled = setting.format(host="{{ template_host }}", uid="{{ template_uid }}", file="{{ template_path }}")
    except (KeyError, IndexError, ValueError, AttributeError) as problem:
        raise TemplateError(
            f"the setting {MANAGED} cannot be filled in: {problem}", place=where,
            remedy="It may have {file}, {host} and {uid}; any other brace is doubled: '{{' and '}}'.") from None  # fmt: skip
    return Trusted(time.strftime(filled, time.localtime(modified)), where)


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
