"""Where modules and plugins of Ansible have moved to: ``plugin_routing`` of ansible-core and of collections (meta/runtime.yml).

Source: https://docs.ansible.com/ansible-core/2.19/dev_guide/developing_collections_structure.html#meta-directory-and-runtime-yml
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.errors import InputError
from hotdesk.paths import is_file
from hotdesk.source import load_yaml_file

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILTIN, LEGACY = "ansible.builtin.", "ansible.legacy."
RENAMED = 5
"""Names that one name may lead to."""


@cache
def ansible_core() -> Path | None:
    """The folder of the Python package ``ansible``; None where ansible-core is not installed (the extra ``hotdesk[ansible]``)."""
    found = find_spec("ansible")
    folder = Path(found.origin).parent if found and found.origin else None
    return folder if folder and is_file(folder / "modules/__init__.py") else None


def core_runtime() -> Path | None:
    """ansible-core's own routing: what was moved into collections is still known by its short name."""
    core = ansible_core()
    return core / "config/ansible_builtin_runtime.yml" if core else None


def entry(file: Path | None, kind: str, name: str) -> Mapping[str, Any]:
    """What a file with ``plugin_routing`` says of one name (``redirect``, ``tombstone``, ...); empty: nothing."""
    found = routing(file, kind).get(name) if file is not None and _mentions(file, name) else None
    return found if isinstance(found, dict) else {}


@cache
def routing(file: Path, kind: str) -> Mapping[str, Any]:
    """``plugin_routing`` of a collection for one kind of plugin; none when it says nothing."""
    if not is_file(file):
        return {}
    try:
        found = load_yaml_file(file)
        return dict(found["plugin_routing"][kind])
    except (InputError, KeyError, TypeError, ValueError):
        return {}


def _mentions(file: Path, name: str) -> bool:
    """Whether ``name`` can be a key in a YAML file; these files have thousands of lines, and most names are not in them."""
    return name.encode(errors="surrogatepass") in _text(file)


@cache
def _text(file: Path) -> bytes:
    return file.read_bytes() if is_file(file) else b""
