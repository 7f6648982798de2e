"""Lookups that read files of the control node; all of them leave the event loop first."""

from __future__ import annotations

import configparser
import glob
import io
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hotdesk.errors import nearest
from hotdesk.paths import exists, is_file
from hotdesk.variables.blocking import leave_loop
from hotdesk.variables.lookups.call import LookupCall, flattened, words_and_options
from hotdesk.variables.template_files import OPTIONS as JINJA_OPTIONS
from hotdesk.variables.template_files import facts_of


def file(call: LookupCall) -> list[Any]:
    lstrip, rstrip = call.take(lstrip=False, rstrip=True)
    result = []
    for term in call.terms:
        text = _text(call, call.read(call.find(str(term))), str(term))
        text = text.lstrip() if lstrip else text
        result.append(text.rstrip() if rstrip else text)
    return result


def unvault(call: LookupCall) -> list[Any]:
    call.take()
    return [_text(call, call.read(call.find(str(term))), str(term)) for term in call.terms]


def _text(call: LookupCall, data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def template(call: LookupCall) -> list[Any]:
    """A template file rendered; ``template_vars`` are added to the variables."""
    names = dict.fromkeys((*JINJA_OPTIONS, "template_vars", "convert_data", "jinja2_native"))
    options = dict(zip(names, call.take(**names), strict=True))
    extra = options.pop("template_vars") or {}
    jinja = {name: value for name, value in options.items() if name in JINJA_OPTIONS and value is not None}
    scope = call.templates.current_scope()
    result = []
    for term in call.terms:
        path = call.find(str(term), "templates")
        text = _text(call, call.read(path), str(term))
        within = scope.with_({**facts_of(path, scope, call.templates.settings.ansible_managed), **extra})
        search = [path.parent, *call.search_path()]
        result.append(call.templates.render_file_now(text, str(path), within, search=search, native=True, **jinja))
    return result


def fileglob(call: LookupCall) -> list[Any]:
    leave_loop()
    result: list[str] = []
    for term in call.terms:
        for place in call.candidates(str(term)):
            found = sorted(path for path in glob.glob(str(place)) if is_file(Path(path)))  # noqa: PTH207
            if found:
                result += found
                break
    return result


def first_found(call: LookupCall) -> list[Any]:
    """The first file that exists. Terms: paths, or {files, paths, skip}. Nothing found is an error unless ``skip``."""
    leave_loop()
    files, paths, skip = call.take(files=[], paths=[], skip=False)
    skip = _on(skip)
    wanted: list[str] = []
    for term in flattened(call.terms):
        if isinstance(term, Mapping):
            wanted += _combined(term.get("files", []), term.get("paths", []))
            skip = _on(term.get("skip", skip))
        else:
            wanted += _combined(files, term) if files else _split(term)
    if not call.terms or (paths and not call.terms):
        wanted += _combined(files, paths)
    tried: list[str] = []
    for name in wanted:
        for place in call.candidates(name):
            if exists(place):
                return [str(place)]
            tried.append(str(place))
    if skip:
        return []
    raise call.fail("no file was found", "Looked for " + ", ".join(tried) if tried else "No file was named.")


def _split(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in re.split("[,;]", value) if part.strip()]
    return [str(item) for item in value]


def _combined(files: Any, paths: Any) -> list[str]:
    names, directories = _split(files), [part for p in _split(paths) for part in p.split(":") if part]
    if not names:
        return directories
    return [os.path.join(d, n) for d in directories for n in names] if directories else names  # noqa: PTH118


def _on(value: Any) -> bool:
    return value is True or str(value).strip().lower() in ("true", "yes", "on", "1")


CSVFILE: Final = ("col", "default", "delimiter", "encoding", "file", "keycol")


def csvfile(call: LookupCall) -> list[Any]:
    """The value of column ``col`` in the row whose first column (``keycol``) is the term."""
    result: list[Any] = []
    for term in call.terms or [""]:
        words, given = words_and_options(str(term), literal=True)
        if unknown := given.keys() - set(CSVFILE):
            raise call.fail(f"{min(unknown)!r} is not a valid option", nearest(min(unknown), CSVFILE))
        key = " ".join(words)
        if not key:
            raise call.fail("Search key is required but was not found")
        settings = _Given(call, given)
        column, keys = _column(call, settings, "col", "1"), _column(call, settings, "keycol", "0")
        name, delimiter = settings.text("file", "ansible.csv"), settings.text("delimiter", "TAB")
        path = call.find(name)
        text = call.read(path).decode(settings.text("encoding", "utf-8"))
        row = _row(text, "\t" if delimiter in ("TAB", "t", "\\t") else delimiter, keys, key)
        if row is None:
            default = settings.value("default", None)
            result += [] if default is None else default if isinstance(default, list) else [default]
        elif column >= len(row):
            raise call.fail(f"{path} has no column {column} in the row of {key!r}")
        else:
            result.append(row[column])
    return result


def _column(call: LookupCall, settings: _Given, name: str, default: str) -> int:
    text = settings.text(name, default)
    try:
        return int(text)
    except ValueError:
        raise call.fail(f"option {name!r} has an invalid value: {text!r} is not a whole number") from None


def _row(text: str, delimiter: str, column: int, key: str) -> list[str] | None:
    import csv  # late: for one lookup

    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        if len(row) > column and row[column] == key:
            return row
    return None


class _Given:
    """Options of a term (``name k=v``) before those of the call."""

    def __init__(self, call: LookupCall, term: Mapping[str, str]) -> None:
        self._both = {**call.options, **term}

    def value(self, name: str, default: Any) -> Any:
        return self._both.get(name, default)

    def text(self, name: str, default: str) -> str:
        return str(self._both.get(name, default))

    def on(self, name: str, default: bool) -> bool:
        return _on(self._both.get(name, default))


def ini(call: LookupCall) -> list[Any]:
    """Values of an INI or properties file; with ``re`` all keys that match."""
    result: list[Any] = []
    for term in call.terms:
        words, given = words_and_options(str(term))
        settings = _Given(call, given)
        key = " ".join(words) or settings.text("key", "")
        parser = _parser(call, settings)
        section = (
            "java_properties" if settings.text("type", "ini") == "properties" else settings.text("section", "global")
        )
        result += _ini_values(call, parser, section, key, settings)
    return result


def _parser(call: LookupCall, settings: _Given) -> configparser.ConfigParser:
    interpolation = configparser.BasicInterpolation() if settings.on("interpolation", True) else None
    parser = configparser.ConfigParser(
        allow_no_value=settings.on("allow_none", False) or settings.on("allow_no_value", False),
        interpolation=interpolation,
    )
    if settings.on("case_sensitive", False):
        parser.optionxform = str  # type: ignore[assignment, method-assign]
    path = call.find(settings.text("file", "ansible.ini"))
    text = call.read(path).decode(settings.text("encoding", "utf-8"))
    if settings.text("type", "ini") == "properties":
        text = "[java_properties]\n" + text
    try:
        parser.read_string(text, str(path))
    except configparser.Error as exc:
        raise call.fail(str(exc)) from None
    return parser


def _ini_values(
    call: LookupCall, parser: configparser.ConfigParser, section: str, key: str, settings: _Given
) -> list[Any]:
    default = settings.value("default", "")
    try:
        if settings.on("re", False):
            return [value for name, value in parser.items(section) if re.match(key, name)]
        return [parser.get(section, key)]
    except configparser.NoSectionError:
        if "default" in call.options:
            return [default]
        raise call.fail(f"there is no section {section!r}") from None
    except configparser.NoOptionError:
        return [default]
    except configparser.Error as exc:
        raise call.fail(str(exc)) from None


LOOKUPS: Final[dict[str, Callable[[LookupCall], list[Any]]]] = {
    "csvfile": csvfile,
    "file": file,
    "fileglob": fileglob,
    "first_found": first_found,
    "ini": ini,
    "template": template,
    "unvault": unvault,
}
