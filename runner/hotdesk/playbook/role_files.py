"""A role's folder: where it is found, and what its files say. Source: Ansible's "Roles" page (role directory structure, searching for roles)."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.errors import IncludeError, PlaybookError, nearest
from hotdesk.frozen import frozen
from hotdesk.paths import expanded, is_dir, is_file, names_in
from hotdesk.place import Place
from hotdesk.playbook.context import place_of_key
from hotdesk.playbook.inherit import as_tuple
from hotdesk.playbook.keywords import FALSE, TRUE, shown
from hotdesk.playbook.model import Role
from hotdesk.results import EMPTY
from hotdesk.source import Map, Seq, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hotdesk.playbook.context import Context
    from hotdesk.playbook.inherit import Inherited

_EXTENSIONS = (".yml", ".yaml", ".json")
_META = ("allow_duplicates", "argument_specs", "collections", "dependencies", "galaxy_info", "standalone")


@frozen(kw_only=True)
class RoleSource:
    """What is on disk for one choice of files."""

    role: Role
    tasks: Seq | None
    tasks_file: Path | None
    handlers: Seq | None
    handlers_file: Path | None
    dependencies: tuple[Any, ...]
    dependencies_at: Place | None
    entry_point: str


@frozen
class Choice:
    """``*_from`` of an include; empty: main."""

    tasks: str = ""
    vars: str = ""
    defaults: str = ""
    handlers: str = ""


MAIN = Choice()


def find_role(context: Context, name: str, around: Inherited, place: Place | None) -> tuple[str, Path, str]:
    """(name, folder, its collection or ""). Raises PlaybookError naming where it was looked for.

    Collections first; then ``roles/`` beside the playbook, ``roles_path``, the folder of the role that needs it, the playbook's own folder;
    at last the name as a path.
    """
    if found := context.actions.role_path(name, around.collections):
        collection, path = found
        return (name if name.count(".") >= 2 else f"{collection}.{name}"), path, collection
    near = [around.role.role.path.parent] if around.role else []
    folders = [around.basedir / "roles", *context.settings.roles_path, *near, around.basedir]
    for folder in folders:
        path = _normal(folder / expanded(name))
        if is_dir(path):
            return name, path, ""
    path = _normal(Path.cwd() / expanded(name))
    if is_dir(path) and ("/" in name or name in (".", "..")):
        return path.name, path, ""
    present = {name for folder in folders for name in names_in(folder) if is_dir(folder / name)}
    raise IncludeError(
        f"there is no role {name!r}; looked for in " + ", ".join(str(folder) for folder in dict.fromkeys(folders)),
        place=place, remedy=nearest(name, present))  # fmt: skip


def _normal(path: Path) -> Path:
    """Without ``..`` and double separators, symbolic links kept (a role's name is that of the link)."""
    return Path(os.path.normpath(path))


def read_role(
    context: Context, name: str, path: Path, collection: str, choice: Choice, place: Place | None
) -> RoleSource:
    """The role's files, read once per choice (again when a file has changed on disk). Raises PlaybookError."""
    context.take_plugins(path)
    meta = _meta(context, path)
    collections = [collection] if collection else []
    collections += [str(one) for one in as_tuple(meta.get("collections")) if str(one) not in collections]
    entry_point = choice.tasks or "main"
    specs = _argument_specs(context, path, meta)
    spec = specs.get(entry_point) or specs.get(_stem(entry_point))
    role = Role(
        name=name,
        path=path,
        defaults=_variables(context, path, "defaults", choice.defaults, place),
        vars=_variables(context, path, "vars", choice.vars, place),
        allow_duplicates=_boolean(
            meta.get("allow_duplicates"), place_of(meta.get("allow_duplicates")) or place_of(meta)
        ),
        argument_spec=spec if isinstance(spec, dict) else None,
        collections=tuple(collections),
    )
    tasks_file, tasks = _list(context, path, "tasks", choice.tasks, place)
    handlers_file, handlers = _list(context, path, "handlers", choice.handlers, place)
    return RoleSource(
        role=role, tasks=tasks, tasks_file=tasks_file, handlers=handlers, handlers_file=handlers_file,
        dependencies=as_tuple(meta.get("dependencies")), dependencies_at=place_of(meta.get("dependencies")), entry_point=entry_point,
    )  # fmt: skip


def _stem(name: str) -> str:
    return next((name.removesuffix(e) for e in _EXTENSIONS if name.endswith(e)), name)


def _boolean(value: Any, place: Place | None) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if str(value).lower() in TRUE | FALSE:
        return str(value).lower() in TRUE
    raise PlaybookError(f"'allow_duplicates' must be true or false, not {shown(value)}", place=place)


def _meta(context: Context, path: Path) -> Mapping[str, Any]:
    for file in _candidates(path / "meta", ""):
        meta = context.read_map(file, "a role's meta/main.yml")
        for key in meta:
            if key not in _META:
                raise PlaybookError(
                    f"{str(key)!r} is not a key of a role's meta/main.yml", place=place_of(key) or meta.place,
                    remedy=nearest(str(key), _META))  # fmt: skip
        if not isinstance(meta.get("dependencies"), (Seq, type(None))):
            raise PlaybookError(
                "'dependencies' must be a list of roles", place=place_of(meta["dependencies"]) or meta.place
            )
        return meta
    return EMPTY


def _argument_specs(context: Context, path: Path, meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """meta/argument_specs.yml, else ``argument_specs`` of meta/main.yml; the two are not merged."""
    held: Any = meta
    for extension in _EXTENSIONS:
        file = path / "meta" / f"argument_specs{extension}"
        if is_file(file):
            held = context.read_map(file, "a role's argument specs")
            break
    found = held.get("argument_specs")
    if found is None:
        return EMPTY
    if not isinstance(found, dict):
        raise PlaybookError(
            "'argument_specs' must be a mapping of entry points",
            place=place_of(found) or place_of_key(held, "argument_specs"),
        )
    return found


def _candidates(folder: Path, chosen: str, *, directories: bool = False) -> Iterator[Path]:
    """The files that may stand for ``chosen`` (or main) in a role's subfolder, the first existing one; a directory's files in order."""
    name = chosen or "main"
    for extension in ("", *_EXTENSIONS) if chosen else (*_EXTENSIONS, ""):
        path = folder / f"{name}{extension}"
        if is_dir(path):
            if directories:
                yield from _files_below(path)
                return
            continue
        if is_file(path):
            yield path
            return


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        if is_dir(entry):
            yield from _files_below(entry)
        elif entry.suffix in (*_EXTENSIONS, ""):
            yield entry


def _missing(path: Path, subfolder: str, chosen: str, place: Place | None) -> PlaybookError:
    folder = path / subfolder
    present = [_stem(name) for name in names_in(folder)]
    return PlaybookError(
        f"role {path.name!r} has no file {subfolder}/{chosen}", place=place, remedy=nearest(_stem(chosen), present))  # fmt: skip


def _inside(file: Path, path: Path, subfolder: str, place: Place | None) -> None:
    if not _normal(file).is_relative_to(_normal(path / subfolder)):
        raise PlaybookError(
            f"{file} cannot be read, as it is not inside the expected role path {path / subfolder}", place=place
        )


def _variables(context: Context, path: Path, subfolder: str, chosen: str, place: Place | None) -> Mapping[str, Any]:
    files = list(_candidates(path / subfolder, chosen, directories=True))
    if chosen and not files:
        raise _missing(path, subfolder, chosen, place)
    merged: dict[str, Any] = {}
    for file in files:
        _inside(file, path, subfolder, place)
        data = context.read_map(file, f"a role's {subfolder} file")
        context.check_variables(data, Place(str(file), 1))
        merged = _combined(merged, data, deep=context.settings.hash_behaviour == "merge")
    return Map(merged, Place(str(files[0]), 1)) if files else EMPTY


def _combined(under: Mapping[str, Any], over: Mapping[str, Any], *, deep: bool) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        both = deep and isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _combined(result[key], value, deep=True) if both else value
    return result


def _list(
    context: Context, path: Path, subfolder: str, chosen: str, place: Place | None
) -> tuple[Path | None, Seq | None]:
    for file in _candidates(path / subfolder, chosen):
        _inside(file, path, subfolder, place)
        return file, context.read_list(file, f"a role's {subfolder} file")
    if chosen:
        raise _missing(path, subfolder, chosen, place)
    return None, None
