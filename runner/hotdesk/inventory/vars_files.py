"""``group_vars/`` and ``host_vars/`` of one base directory.

https://docs.ansible.com/ansible-core/2.19/collections/ansible/builtin/host_group_vars_vars.html
Only files of names that are asked for are read: what belongs to another inventory may be vaulted with a password we do not have.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hotdesk.aio import in_thread
from hotdesk.errors import InventoryError
from hotdesk.inventory.builder import merged
from hotdesk.inventory.model import VarsFiles
from hotdesk.paths import is_dir
from hotdesk.place import Place
from hotdesk.source import load_yaml_file, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hotdesk.source import Decrypt, Warn

EXTENSIONS = ("", ".yml", ".yaml", ".json")


async def load_vars_files(
    basedir: Path,
    *,
    groups: Iterable[str],
    hosts: Iterable[str],
    merge: bool = False,
    decrypt: Decrypt | None = None,
    warn: Warn | None = None,
) -> VarsFiles:
    """The variables of ``groups`` and ``hosts`` beside an inventory or a playbook; those without a file are left out.

    ``merge``: ``hash_behaviour: merge``. ``decrypt`` is called in a thread. Raises InventoryError, or VaultError of ``decrypt``.
    """
    empty = VarsFiles(basedir=basedir)
    return await extend_vars_files(empty, groups=groups, hosts=hosts, merge=merge, decrypt=decrypt, warn=warn)


async def extend_vars_files(
    found: VarsFiles,
    *,
    groups: Iterable[str] = (),
    hosts: Iterable[str] = (),
    merge: bool = False,
    decrypt: Decrypt | None = None,
    warn: Warn | None = None,
) -> VarsFiles:
    """``found`` with the files of more names, as ``add_host`` and ``group_by`` bring them."""
    warnings: list[tuple[str, Place]] = []
    reader = _Reader(merge, decrypt, lambda text, place: warnings.append((text, place)))
    new_groups = await in_thread(reader.read, found.basedir / "group_vars", list(groups), found.groups)
    new_hosts = await in_thread(reader.read, found.basedir / "host_vars", list(hosts), found.hosts)
    for text, place in warnings if warn else ():
        warn(text, place)  # type: ignore[misc]
    return replace(found, groups=new_groups, hosts=new_hosts)


class _Reader:
    """Blocking; runs in a thread."""

    def __init__(self, merge: bool, decrypt: Decrypt | None, warn: Warn) -> None:
        self._merge = merge
        self._decrypt = decrypt
        self._warn = warn

    def read(self, folder: Path, names: list[str], known: Any) -> dict[str, Any]:
        result = dict(known)
        present = self._entries(folder)
        for name in names:
            if name not in result:
                for extension in EXTENSIONS:
                    if name + extension in present:  # the first one that exists counts, the others do not
                        result[name] = self._load(folder / (name + extension))
                        break
        return result

    def _entries(self, folder: Path) -> set[str]:
        try:
            return set(os.listdir(folder))  # noqa: PTH208 - names only, and there may be thousands
        except FileNotFoundError:
            return set()
        except NotADirectoryError:
            self._warn("this is not a directory; it is passed over", Place(str(folder)))
            return set()
        except OSError as problem:
            raise InventoryError(f"cannot read the directory: {problem.strerror}", place=Place(str(folder))) from None

    def _load(self, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for file in self._files(path) if is_dir(path) else [path]:
            data = load_yaml_file(file, error=InventoryError, warn=self._warn, decrypt=self._decrypt)
            if data is None:
                continue
            if not isinstance(data, dict):
                message = f"a vars file is a mapping of names to values, this is a {type(data).__name__.lower()}"
                raise InventoryError(message, place=Place(str(file), 1))
            for key, value in data.items():
                if not isinstance(key, str):
                    raise InventoryError(
                        f"a variable's name must be text, not {key!r}",
                        place=place_of(value) or place_of(data) or Place(str(file)),
                        remedy="Put quotes around it.",
                    )
                result[key] = merged(result.get(key), value) if self._merge else value
        return result

    def _files(self, folder: Path) -> list[Path]:
        found: list[Path] = []
        for entry in sorted(folder.iterdir(), key=lambda path: path.name):
            if entry.name.startswith(".") or entry.name.endswith("~"):
                continue
            if is_dir(entry):
                if not entry.suffix:
                    found.extend(self._files(entry))
            elif entry.suffix in EXTENSIONS:
                found.append(entry)
        return found
