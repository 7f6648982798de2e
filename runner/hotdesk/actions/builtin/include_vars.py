"""ansible.builtin.include_vars: variables from files, while the play runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hotdesk.actions.base import Action, Call, Outcome
from hotdesk.actions.base import IncludeVars as Effect
from hotdesk.aio import in_thread
from hotdesk.errors import ArgumentError, VariableError
from hotdesk.paths import expanded, is_dir
from hotdesk.results import Result
from hotdesk.source import Map, Seq, Vaulted, load_yaml_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class IncludeVars(Action):
    """Load variables from a file or a directory of files of the playbook's side."""

    name = "ansible.builtin.include_vars"
    needs_machine = False
    free_form = "_raw_params"
    DOCUMENTATION = """
short_description: Load variables from files
description:
  - Reads YAML or JSON files of the control node; the variables hold for the host to the end of the run.
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
options:
  file: {description: "The file; or give it in free form. Relative paths are looked for in the vars directories.", type: path}
  dir: {description: "A directory; its files are loaded in the order of their names.", type: path}
  name: {description: Put the variables under this name instead of side by side., type: str}
  depth: {description: "How many levels of directories to enter; 0 is all.", type: int, default: 0}
  files_matching: {description: A regular expression for the names of files to load., type: str}
  ignore_files: {description: Regular expressions for names of files to leave out., type: list, elements: str}
  extensions: {description: What names of files in a directory may end in., type: list, elements: str, default: [yaml, yml, json]}
  ignore_unknown_extensions: {description: Leave other files out instead of failing., type: bool, default: false}
  hash_behaviour: {description: "Replace mappings that exist, or merge into them.", type: str, choices: [replace, merge]}
"""

    async def run(self, call: Call) -> Outcome:
        args = call.args
        file, directory = args.get("file") or args.get("_raw_params"), args.get("dir")
        if bool(file) == bool(directory):
            what = "are mutually exclusive" if file else ": one of them is required"
            raise ArgumentError(f"file and dir {what}", place=call.task.place)
        if file:
            if set(call.given) & {"depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions"}:
                raise ArgumentError("depth, extensions and the like only go with dir", place=call.task.place)
            paths = [call.find_file(str(expanded(str(file))), "vars")]
        else:
            root = call.find_file(str(expanded(str(directory))), "vars")
            paths = await in_thread(lambda: list(_below(call, root)))
        found: dict[Any, Any] = {}
        for path in paths:
            found |= await _load(call, path)
        if args.get("name"):
            found = {str(args["name"]): found}
        if (args.get("hash_behaviour") or call.settings.hash_behaviour) == "merge":
            found = {
                name: _merged(call.variables[name], value) if name in call.variables else value
                for name, value in found.items()
            }
        data = {"ansible_facts": _plain(found), "ansible_included_var_files": [str(path) for path in paths]}
        return Outcome(Result(data=data), (Effect(found),))


async def _load(call: Call, path: Path) -> Mapping[Any, Any]:
    found = await in_thread(load_yaml_file, path, error=VariableError, decrypt=call.decrypt)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ArgumentError(f"{path} must be stored as a dictionary/hash", place=call.task.place)
    return found


def _below(call: Call, root: Path) -> Iterator[Path]:
    """The files of a directory that are to be loaded, sorted. Blocking. Raises ArgumentError."""
    if not is_dir(root):
        raise ArgumentError(f"{root} is not a directory", place=call.task.place)
    args = call.args
    endings = tuple(args.get("extensions") or ("yaml", "yml", "json"))
    ignored = [_pattern(text, call) for text in args.get("ignore_files") or ()]
    matching = _pattern(args["files_matching"], call) if args.get("files_matching") else None
    role = call.task.role.role.path if call.task.role else None
    depth = int(args.get("depth") or 0)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        level = len(path.relative_to(root).parts)
        if depth and level > depth:
            continue
        if (matching and not matching.search(path.name)) or any(one.search(path.name) for one in ignored):
            continue
        if role and path.parent == role / "vars" and path.stem == "main":
            continue  # it is loaded with the role
        if path.suffix.lstrip(".") not in endings and path.name not in endings:
            if args.get("ignore_unknown_extensions"):
                continue
            raise ArgumentError(f"{path} does not have a valid extension: {', '.join(endings)}", place=call.task.place)
        yield path


def _pattern(text: Any, call: Call) -> re.Pattern[str]:
    try:
        return re.compile(str(text))
    except re.error as exc:
        raise ArgumentError(f"{text!r} is not a regular expression: {exc}", place=call.task.place) from exc


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    both = dict(old)
    for key, value in new.items():
        both[key] = _merged(both[key], value) if key in both else value
    return both


def _plain(value: Any) -> Any:
    """Values for the registered result: plain text, so that nothing in it is a template."""
    if isinstance(value, (dict, Map)):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, Seq)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Vaulted):
        return "(vault-encrypted)"
    return str(value) if isinstance(value, str) else value
