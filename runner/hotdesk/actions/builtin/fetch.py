"""ansible.builtin.fetch: a file of the target to the control node."""

from __future__ import annotations

import posixpath
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import ask
from hotdesk.actions.arrival import Place
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import inspecting
from hotdesk.errors import ArgumentError, TaskError
from hotdesk.paths import expanded
from hotdesk.results import Result, failure

if TYPE_CHECKING:
    from pathlib import Path

_FETCHABLE = {"path": str, "problem?": str, "sha1?": str, "size?": int}
_PROBLEMS = {
    "missing": "the remote file does not exist",
    "directory": "remote file is a directory, fetch cannot work on directories",
    "denied": "File is not readable: Permission denied",
}


class Fetch(Action):
    """Collect a file from each host."""

    name = "ansible.builtin.fetch"
    check_mode = "partial"
    DOCUMENTATION = """
short_description: Fetch a file from the target
description:
  - The file is put under O(dest) as HOST/PATH, or with O(flat) at O(dest) itself; no symbolic link below O(dest) is followed.
attributes:
  check_mode: {support: none, details: Nothing is fetched in a preview.}
  diff_mode: {support: none}
options:
  src: {description: The file on the target., type: raw, required: true}
  dest: {description: "A directory here; with O(flat), a file, or a directory when it ends in a slash.", type: path, required: true}
  flat: {description: Leave host name and directories out of the path here., type: bool, default: false}
  fail_on_missing: {description: Fail when the file is not there or cannot be read., type: bool, default: true}
  validate_checksum: {description: Compare the checksums of both ends afterwards., type: bool, default: true}
"""

    async def run(self, call: Call) -> Result:
        args = call.args
        if call.check:
            return Result(skipped=True, data={"msg": "check mode not (yet) supported for this module"})
        if not isinstance(args["src"], str):
            raise ArgumentError("Invalid type supplied for source option, it must be a string", place=call.task.place)
        path = str(args["src"])
        there = await ask(call, inspecting, "fetchable", writes=False, answers=_FETCHABLE, path=path)
        if there.get("failed") or there.get("problem") or not {"sha1", "size"} <= there.keys():
            return _without(there, missing_fails=bool(args.get("fail_on_missing", True)))
        with closing(await Place.of(*self._destination(call, there["path"]))) as place:
            return await self._bring(call, there, place)

    async def _bring(self, call: Call, there: dict[str, Any], place: Place) -> Result:
        if await place.is_directory():
            if str(call.args["dest"]).endswith("/"):
                raise ArgumentError(f"calculated dest '{place.path}' is an existing directory", place=call.task.place)
            remedy = "End it with a slash"
            raise ArgumentError(f"dest is an existing directory: {place.path}", remedy=remedy, place=call.task.place)
        data: dict[str, Any] = {"dest": str(place.path), "file": there["path"], "checksum": there["sha1"]}
        if await place.digest("sha1") == there["sha1"]:
            return Result(data={**data, "md5sum": await place.digest("md5")})
        got = await place.save(call.machine.stream(there["path"]), there["size"])
        data |= {"remote_checksum": there["sha1"], "checksum": got, "remote_md5sum": None}
        if call.args.get("validate_checksum", True) and got != there["sha1"]:
            raise TaskError(f"{there['path']} changed while it was fetched: the checksums differ", data=data)
        return Result(changed=True, data={**data, "md5sum": await place.digest("md5")})

    def _destination(self, call: Call, found: str) -> tuple[Path, list[str]]:
        """(what the user chose, the names below it). The host has a say in them only where the user's path leaves it one."""
        source = str(call.args["src"])
        if source.startswith("~") or "$" in source:
            source = found
        text = str(call.args["dest"])
        base = expanded(text)
        if not base.is_absolute() and call.search:
            base = call.search[-1] / base  # relative to the playbook
        names = [name for name in posixpath.normpath("/" + source).split("/") if name]
        if not names or "\0" in source:
            raise TaskError(f"{call.machine.host}: {source!r:.80} is no path of a file")
        if not call.args.get("flat"):
            return base / call.host, names
        return (base, names[-1:]) if text.endswith("/") else (base.parent, [base.name])


def _without(there: dict[str, Any], *, missing_fails: bool) -> Result:
    """Nothing can be fetched."""
    problem = there.get("problem", "")
    text = _PROBLEMS.get(problem) or str(there.get("msg", "the remote file cannot be read"))
    if missing_fails:
        return failure(text, file=there.get("path"))
    note = text if problem == "directory" else f"{text}, not transferring, ignored"
    return Result(data={"msg": note, "file": there.get("path")})
