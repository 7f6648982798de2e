"""ansible.builtin.fetch: a file of the target to the control node."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.actions.answers import ask
from hotdesk.actions.base import Action, Call
from hotdesk.actions.on_target import inspecting
from hotdesk.aio import in_thread
from hotdesk.errors import ArgumentError, TaskError
from hotdesk.results import Result, failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PROBLEMS = {
    "missing": "the remote file does not exist",
    "directory": "remote file is a directory, fetch cannot work on directories",
    "denied": "the remote file cannot be read, it lacks the permission",
}


class Fetch(Action):
    """Collect a file from each host."""

    name = "ansible.builtin.fetch"
    check_mode = "partial"
    DOCUMENTATION = """
short_description: Fetch a file from the target
description:
  - The file is put under O(dest) as HOST/PATH, or with O(flat) at O(dest) itself.
attributes:
  check_mode: {support: none, details: Nothing is fetched in a preview.}
  diff_mode: {support: none}
options:
  src: {description: The file on the target., type: path, required: true}
  dest: {description: "A directory here; with O(flat), a file, or a directory when it ends in a slash.", type: path, required: true}
  flat: {description: Leave host name and directories out of the path here., type: bool, default: false}
  fail_on_missing: {description: Fail when the file is not there or cannot be read., type: bool, default: true}
  validate_checksum: {description: Compare the checksums of both ends afterwards., type: bool, default: true}
"""

    async def run(self, call: Call) -> Result:
        args = call.args
        if call.check:
            return Result(skipped=True, data={"msg": "check mode not (yet) supported for this module"})
        there = await ask(call, inspecting, "fetchable", writes=False, path=str(args["src"]))
        if problem := there.get("problem"):
            text = _PROBLEMS[problem]
            if args.get("fail_on_missing", True):
                return failure(text, file=there["path"])
            note = text if problem == "directory" else f"{text}, not transferring, ignored"
            return Result(data={"msg": note, "file": there["path"]})
        dest = self._destination(call, there["path"])
        if await in_thread(dest.is_dir):
            raise ArgumentError(
                f"dest is an existing directory: {dest}", remedy="End it with a slash", place=call.task.place
            )
        old = await in_thread(_sha1, dest)
        data: dict[str, Any] = {"dest": str(dest), "file": there["path"], "checksum": there["sha1"]}
        if old == there["sha1"]:
            return Result(data={**data, "md5sum": await in_thread(_md5, dest)})
        got = await _save(call.machine.stream(there["path"]), dest)
        data |= {"remote_checksum": there["sha1"], "checksum": got, "remote_md5sum": None}
        if args.get("validate_checksum", True) and got != there["sha1"]:
            raise TaskError(f"{there['path']} changed while it was fetched: the checksums differ", data=data)
        return Result(changed=True, data={**data, "md5sum": await in_thread(_md5, dest)})

    def _destination(self, call: Call, source: str) -> Path:
        text = str(call.args["dest"])
        base = Path(text).expanduser()
        if not base.is_absolute() and call.search:
            base = call.search[-1] / base  # relative to the playbook
        if call.args.get("flat"):
            return base / Path(source).name if text.endswith("/") else base
        inside = os.path.normpath("/" + source).lstrip("/")
        return base / call.host / inside


async def _save(stream: AsyncIterator[bytes], dest: Path) -> str:
    """Write a stream to ``dest`` at once or not at all; return its SHA-1. Nothing is left when it breaks off."""
    await in_thread(dest.parent.mkdir, parents=True, exist_ok=True)
    handle, name = await in_thread(tempfile.mkstemp, prefix=".hotdesk-", dir=dest.parent)
    known = hashlib.sha1()
    try:
        with os.fdopen(handle, "wb") as out:
            async for chunk in stream:
                known.update(chunk)
                await in_thread(out.write, chunk)
        await in_thread(_publish, name, dest)
    except BaseException:
        Path(name).unlink(missing_ok=True)  # noqa: ASYNC240 - one system call, and we may be under cancellation
        raise
    return known.hexdigest()


def _publish(name: str, dest: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    temporary = Path(name)
    temporary.chmod(0o666 & ~umask)
    temporary.replace(dest)


def _sha1(path: Path) -> str | None:
    return _digest(path, "sha1")


def _md5(path: Path) -> str | None:
    try:
        return _digest(path, "md5")
    except ValueError:  # a FIPS system has none
        return None


def _digest(path: Path, algorithm: str) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest()
    except FileNotFoundError:
        return None
