"""The options of a plugin, as its DOCUMENTATION says where their values come from.

Order (Ansible's "Plugin configuration"): given at the call, a variable of ``vars``, an environment variable of ``env``, a key of ansible.cfg
of ``ini``, ``default``.
"""

from __future__ import annotations

import configparser
import os
import sys
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hotdesk.actions.collections import Collection
from hotdesk.actions.documentation import whole_documentation
from hotdesk.actions.option_types import CONVERT
from hotdesk.errors import nearest
from hotdesk.paths import expanded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotdesk.settings import Settings


class OptionError(ValueError):
    """An option has no value that can be used."""


class Plugin:
    """What plugins have of Ansible's AnsiblePlugin. ``_settings``, ``_directory_of`` and ``_load_name`` are set by whoever makes one."""

    _settings: Settings | None = None
    _directory_of: Callable[[str], Path | None] | None = None
    """namespace.name -> the folder of that collection, for documentation fragments."""
    _load_name = ""
    plugin_type = "plugin"

    @cached_property
    def _values(self) -> dict[str, Any]:
        return {}

    @property
    def ansible_name(self) -> str:
        return self._load_name

    @cached_property
    def option_definitions(self) -> Mapping[str, Any]:
        """Name -> what the DOCUMENTATION says of it; none without one."""
        return _options(str(sys.modules[type(self).__module__].__file__), self._directory_of)

    def set_options(
        self, task_keys: Mapping[str, Any] | None = None, var_options: Mapping[str, Any] | None = None, direct: Mapping[str, Any] | None = None
    ) -> None:  # fmt: skip
        """Find the value of every option. Raises OptionError for one that is required and has none, or one of a wrong type."""
        for name in self.option_definitions:
            self._values[name] = self._value(name, {**(task_keys or {}), **(direct or {})}, var_options or {})

    def set_option(self, option: str, value: Any) -> None:
        self._values[option] = self._converted(option, value)

    def get_option(self, option: str, hostvars: Mapping[str, Any] | None = None) -> Any:
        """Raises KeyError for an option that there is not."""
        if option not in self.option_definitions:
            raise KeyError(
                f"{self._named()} has no option {option!r}. {nearest(option, self.option_definitions)}".strip()
            )
        if option not in self._values:
            self._values[option] = self._value(option, {}, hostvars or {})
        return self._values[option]

    def get_options(self, hostvars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {name: self.get_option(name, hostvars) for name in self.option_definitions}

    def has_option(self, option: str) -> bool:
        return option in self.option_definitions

    def _named(self) -> str:
        return f"the {self.plugin_type} plugin {self._load_name or type(self).__module__!r}"

    def _value(self, name: str, direct: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
        about = self.option_definitions[name]
        for spelling in (name, *(about.get("aliases") or ())):
            if spelling in direct:
                return self._converted(name, direct[spelling])
        for entry in about.get("vars") or ():
            if entry["name"] in variables:
                return self._converted(name, variables[entry["name"]])
        for entry in about.get("env") or ():
            if entry["name"] in os.environ:
                return self._converted(name, os.environ[entry["name"]])
        config = self._settings.config_file if self._settings else None
        for entry in (about.get("ini") or ()) if config else ():
            if (found := _config(str(config)).get(entry["section"], {}).get(entry["key"])) is not None:
                return self._converted(name, found)
        given_to_run = self.plugin_type == "lookup" and name == "_terms"
        if about.get("default") is None and about.get("required") and not given_to_run:
            raise OptionError(f"{self._named()} needs a value for its option {name!r}, and there is none")
        return self._converted(name, about.get("default"))

    def _converted(self, name: str, value: Any) -> Any:
        about = self.option_definitions.get(name) or {}
        if value is None:
            return None
        kind = str(about.get("type") or "raw")
        try:
            found = _one(kind, value)
            if isinstance(found, list) and about.get("elements"):
                found = [_one(str(about["elements"]), one) for one in found]
        except ValueError as problem:
            raise OptionError(f"{self._named()}: the option {name!r} cannot be used: {problem}") from None
        wrong = [
            one for one in (found if isinstance(found, list) else [found]) if one not in (about.get("choices") or [one])
        ]
        if wrong:
            allowed = ", ".join(map(str, about["choices"]))
            raise OptionError(
                f"{self._named()}: {wrong[0]!r} is no value for the option {name!r}; there are: {allowed}"
            )
        return found


_OTHER_NAMES = {
    "boolean": "bool",
    "integer": "int",
    "string": "str",
    "none": "raw",
    "dictionary": "dict",
    "tmp": "path",
    "temppath": "path",
}


def _one(kind: str, value: Any) -> Any:
    """Raises ValueError."""
    kind = _OTHER_NAMES.get(kind, kind)
    if kind in ("pathlist", "pathspec"):
        return [str(expanded(one)) for one in CONVERT["list"](value)]
    found = CONVERT.get(kind, CONVERT["raw"])(value)
    return str(expanded(found)) if kind == "path" else found


def _options(file: str, directory_of: Callable[[str], Path | None] | None) -> Mapping[str, Any]:
    """The options of the plugin in ``file``. Raises JobError for documentation that cannot be read."""

    def find(name: str) -> Collection | None:
        folder = directory_of(name) if directory_of else None
        return Collection(name, folder) if folder else None

    if b"DOCUMENTATION" not in Path(file).read_bytes():
        return {}
    found = yaml.load(whole_documentation(Path(file), find), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return (found or {}).get("options") or {}


@cache
def _config(file: str) -> Mapping[str, Mapping[str, str]]:
    """An ansible.cfg: section -> key -> text."""
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None, strict=False)
    parser.read(file, encoding="utf-8")
    return {name: dict(parser[name]) for name in parser.sections()}
