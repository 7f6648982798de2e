"""Where an imported or included file of tasks is looked for, and what a static name may use."""

from __future__ import annotations

from collections import ChainMap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.errors import IncludeError, nearest
from hotdesk.paths import expanded, is_file, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hotdesk.place import Place
    from hotdesk.playbook.inherit import Inherited


def find_tasks_file(name: str, around: Inherited, *, handlers: bool = False, place: Place | None = None) -> Path:
    """The file ``name`` of include_tasks or import_tasks: beside each file that led here (nearest first), in the role, in the playbook's
    folder. Raises PlaybookError naming the places that were tried.
    """
    given = expanded(name)
    tried: list[Path] = []
    for directory in (Path("/"),) if given.is_absolute() else _directories(around, "handlers" if handlers else "tasks"):
        candidate = directory / given
        if candidate in tried:
            continue
        if is_file(candidate):
            return candidate
        tried.append(candidate)
    neighbours = [name for one in tried for name in names_in(one.parent)]
    raise IncludeError(
        f"Could not find or access {name!r} on the control node.\n"
        f"Could not find or access a file of tasks at any of: {', '.join(map(str, tried))}", place=place,
        remedy=nearest(given.name, neighbours))  # fmt: skip


def _directories(around: Inherited, subdirectory: str) -> Iterator[Path]:
    for file in around.files:
        yield file.parent
    if around.role:
        roles = (around.role, *around.role.parents)
        for use in roles:
            yield use.role.path / subdirectory
            if subdirectory != "tasks":
                yield use.role.path / "tasks"
            yield use.role.path
    yield around.basedir / subdirectory
    yield around.basedir


def static_variables(around: Inherited) -> Mapping[str, Any]:
    """The raw variables a static name may use: role defaults, the play's, role vars, blocks', params, extra vars (weakest first)."""
    layers: list[Mapping[str, Any]] = []
    if around.role:
        layers.append({"role_path": str(around.role.role.path), "role_name": around.role.role.name})
        layers.append(around.role.role.defaults)
    layers.append({"playbook_dir": str(around.basedir)})
    layers.append(around.scope.variables)
    if around.role:
        layers.append(around.role.role.vars)
    layers.extend(around.vars)
    layers.extend(around.include_params)
    if around.role:
        layers.append(around.role.params)
    layers.append(around.scope.extra_vars)
    return ChainMap(*(dict(one) for one in reversed(layers)))
