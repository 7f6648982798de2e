"""ansible.builtin.copy: a file, text or tree to the target."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

from hotdesk.actions.answers import ask, result_of
from hotdesk.actions.base import Action, Call
from hotdesk.actions.builtin.file import ATTRIBUTES, wanted
from hotdesk.actions.on_target import copying
from hotdesk.aio import finish, in_thread
from hotdesk.errors import ArgumentError
from hotdesk.frozen import frozen
from hotdesk.jobs.shipping import bundle
from hotdesk.paths import expanded
from hotdesk.place import Place
from hotdesk.results import Diff, Result, failure
from hotdesk.source import VAULT_HEADER, Vaulted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

SMALL = copying.SMALL
CHUNK = 1 << 20
PUT = {"need?": str, "changed?": bool}
TREE = {"changed": bool, "sums": {str: str}}
"""What ``copying.put`` and ``make_tree`` answer."""


@frozen
class Payload:
    """What is to be at the target: ``body``, or the local file ``path`` when it is too big to travel in a call."""

    name: str
    source: str
    """How the diff calls it; a text of the playbook is called as what it becomes."""
    checksum: str
    size: int
    body: bytes | None = None
    path: Path | None = None


class Copy(Action):
    """Copy files, text and directories to the target."""

    name = "ansible.builtin.copy"
    DOCUMENTATION = (
        """
short_description: Copy files to the target
description:
  - The source is a file or directory of the control node, a text given as O(content), or with O(remote_src) a path of the target itself.
  - Files are replaced at once or not at all. For big trees a sync job or rsync is faster.
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
options:
  src:
    description: >-
      The file or directory; relative paths are looked for in the files directories of role and play. Of a directory whose path ends in
      a slash the contents are copied, else the directory itself.
    type: path
  content: {description: "The text of the file. A mapping or list becomes JSON.", type: raw}
  dest: {description: "Where to. A trailing slash means a directory, which is made.", type: path, required: true}
  backup: {description: Keep what was there under a name with the time., type: bool, default: false}
  force: {description: "Replace a file that differs; false: only copy what is missing.", type: bool, default: true}
  remote_src: {description: "The source is on the target.", type: bool, default: false}
  follow: {description: "When the destination is a link, write to what it points to.", type: bool, default: false}
  local_follow: {description: "Copy what links in the source point to, not the links.", type: bool, default: true}
  directory_mode: {description: Permissions of directories that a directory copy makes., type: raw}
  checksum: {description: The SHA-1 that the source must have., type: str}
  validate: {description: "A command that checks the new file before it is put in place; %s is its name.", type: str}
  decrypt: {description: Decrypt a source that is vaulted., type: bool, default: true}
"""
        + ATTRIBUTES
    )

    async def run(self, call: Call) -> Result:
        args = call.args
        src, content = args.get("src"), args.get("content")
        if content is None and not src:
            raise ArgumentError("src (or content) is required", place=call.task.place)
        if content is not None and src is not None:
            raise ArgumentError("src and content are mutually exclusive", place=call.task.place)
        if content is not None:
            return await self._content(call, content)
        if args.get("remote_src"):
            answer = await ask(
                call,
                copying,
                "copy_there",
                writes=True,
                src=str(src),
                dest=str(args["dest"]),
                attributes=wanted(args),
                options=options(call),
            )
            return result_of(answer, call)
        path = local_file(call, str(src))
        if await in_thread(path.is_dir):
            return await _Tree(call, path, contents=str(src).endswith("/")).copy()
        payload = await self._payload(call, path)
        expected = args.get("checksum")
        if expected and expected != payload.checksum:
            return failure(
                "Copied file does not match the expected checksum. Transfer failed.",
                checksum=payload.checksum,
                expected_checksum=expected,
            )
        return await place(call, payload, attributes(args, path), options(call))

    async def _payload(self, call: Call, path: Path) -> Payload:
        return await decrypted_payload(call, await in_thread(local_payload, path), path)

    async def _content(self, call: Call, content: Any) -> Result:
        text = content if isinstance(content, str) else json.dumps(content)
        if call.args.get("mode") == "preserve":
            raise ArgumentError("mode: preserve needs a source file, and there is only content", place=call.task.place)
        body = text.encode("utf-8", "surrogateescape")
        payload = Payload("", str(call.args["dest"]), hashlib.sha1(body).hexdigest(), len(body), body)
        return await place(call, payload, wanted(call.args), options(call) | {"content_only": True})


def local_file(call: Call, name: str, subdirectory: str = "files") -> Path:
    """The file or directory ``name`` of the playbook's side; ``~`` is the home of who runs hotdesk."""
    return call.find_file(str(expanded(name.rstrip("/") or "/")), subdirectory)


async def decrypted(call: Call, body: bytes, path: Path) -> bytes:
    """A file's content, decrypted if the file is vaulted. Raises VaultError with its place."""
    if not body.startswith(VAULT_HEADER):
        return body
    text: str = await call.render(Vaulted(body.decode("ascii", "replace"), Place(str(path))))
    return text.encode("utf-8", "surrogateescape")


async def decrypted_payload(call: Call, payload: Payload, path: Path) -> Payload:
    """A vaulted file's payload is its plain text, in memory only, however big it is."""
    if not call.args.get("decrypt", True) or not await in_thread(_is_vaulted, payload, path):
        return payload
    body = payload.body if payload.body is not None else await in_thread(path.read_bytes)
    body = await decrypted(call, body, path)
    return replace(payload, body=body, checksum=hashlib.sha1(body).hexdigest(), size=len(body))


def _is_vaulted(payload: Payload, path: Path) -> bool:
    if payload.body is not None:
        return payload.body.startswith(VAULT_HEADER)
    return is_vaulted(path)


def is_vaulted(path: Path) -> bool:
    """Is a local file vaulted? Blocking."""
    with path.open("rb") as stream:
        return stream.read(len(VAULT_HEADER)) == VAULT_HEADER


def options(call: Call) -> dict[str, Any]:
    """What the target's half of copy and template needs to know besides attributes."""
    names = ("backup", "force", "follow", "validate", "unsafe_writes", "directory_mode", "checksum", "local_follow")
    found = {name: call.args[name] for name in names if call.args.get(name) is not None}
    return found | {"diff_limit": call.settings.max_diff_size, "no_diff": not call.diff}


def attributes(args: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """The wanted attributes; ``mode: preserve`` is the local file's mode."""
    found = wanted(args)
    if found.get("mode") == "preserve":
        found["mode"] = f"0{stat.S_IMODE(source.stat().st_mode):03o}"
    return found


def local_payload(path: Path, name: str = "") -> Payload:
    """Read (or, when it is big, only digest) a local file. Blocking. Raises OSError."""
    size = path.stat().st_size
    if size <= SMALL:
        body = path.read_bytes()
        return Payload(name or path.name, str(path), hashlib.sha1(body).hexdigest(), len(body), body)
    with path.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha1").hexdigest()
    return Payload(name or path.name, str(path), checksum, size, None, path)


async def place(
    call: Call, payload: Payload, attributes: Mapping[str, Any], options: Mapping[str, Any], dest: str | None = None
) -> Result:
    """Put one payload at the task's ``dest``. One call for a small file; a big one is compared first and streamed if it differs.

    A big file goes to a temporary name beside its destination, which the second call renames, and which is removed whatever happens.
    """
    request: dict[str, Any] = {
        "dest": str(dest or call.args["dest"]),
        "name": payload.name,
        "source": payload.source,
        "attributes": dict(attributes),
        "options": dict(options),
        "checksum": payload.checksum,
        "size": payload.size,
    }
    answer = await ask(call, copying, "put", writes=True, answers=PUT, payload=payload.body, **request)
    if "need" in answer and payload.path is not None:
        answer = await _send(call, payload, answer["need"], request)
    answer = {"checksum": payload.checksum, **({} if answer.get("failed") else {"src": payload.source}), **answer}
    return result_of(answer, call).but(lists_diff=True)


async def _send(call: Call, payload: Payload, need: str, request: dict[str, Any]) -> dict[str, Any]:
    assert payload.path is not None
    half = bundle(copying)
    temporary: str = await call.machine.call(half, "reserve", need, change=True, answers=str)
    try:
        await call.machine.write(temporary, chunks(payload.path), mode=0o600)
        return await ask(call, copying, "put", writes=True, temporary=temporary, **request)
    except BaseException:
        await finish(call.machine.call(half, "discard", temporary, change=True), grace=call.settings.cleanup_limit)
        raise


async def chunks(path: Path) -> AsyncIterator[bytes]:
    """A local file, piece by piece."""
    stream: BinaryIO = await in_thread(path.open, "rb")
    try:
        while chunk := await in_thread(stream.read, CHUNK):
            yield chunk
    finally:
        stream.close()


@dataclass
class _Found:
    """A local tree, paths relative to where it is copied to."""

    files: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)


def walk(root: Path, prefix: str, follow: bool) -> _Found:
    """List a local directory (blocking). ``follow``: links are what they point to, but for those to nothing and those to a directory above."""
    found = _Found(directories=[prefix] if prefix else [])

    def visit(directory: Path, relative: str, above: tuple[str, ...]) -> None:
        for entry in sorted(
            os.scandir(directory), key=lambda entry: (entry.is_dir(follow_symlinks=False), entry.name)
        ):  # files first, as in Ansible
            path, name = Path(entry.path), str(PurePath(relative, entry.name))
            if entry.is_symlink() and (not follow or not path.exists() or os.path.realpath(path) in above):
                found.links[name] = str(path.readlink())
            elif entry.is_dir():
                found.directories.append(name)
                visit(path, name, (*above, os.path.realpath(path)))
            elif entry.is_file():
                found.files[name] = path

    visit(root, prefix, (os.path.realpath(root),))
    return found


@dataclass
class _Tree:
    """The copy of a directory: look once, make directories and links in one call, then send the files that differ."""

    call: Call
    source: Path
    contents: bool

    async def copy(self) -> Result:
        call, args = self.call, self.call.args
        follow = args.get("local_follow") is not False
        prefix = "" if self.contents else self.source.name
        found = await in_thread(walk, self.source, prefix, follow)
        dest = str(args["dest"])
        want = wanted(args)
        mode = args.get("directory_mode")
        keep = want.get("mode") == "preserve"
        tree = await ask(
            call,
            copying,
            "make_tree",
            writes=True,
            answers=TREE,
            dest=dest,
            links=found.links,
            directories=["", *found.directories],
            files=list(found.files),
            mode=mode,
            attributes=want,
            force=bool(args.get("force", True)),
        )
        if tree.get("failed"):
            return result_of(tree, call)
        changed, diffs = bool(tree["changed"]), list[Diff]()
        for relative, path in found.files.items():
            payload = await decrypted_payload(call, await in_thread(local_payload, path), path)
            if not want and tree["sums"].get(relative) == payload.checksum:
                continue
            chosen = attributes(args, path) if keep else want
            one = await place(
                call, payload, chosen, options(call) | {"make_parents": True}, f"{dest.rstrip('/')}/{relative}"
            )
            if one.failed:
                return one
            changed = changed or one.changed
            diffs += one.diff
        data = {
            "dest": dest if dest.endswith("/") else dest + "/",
            "src": str(self.source) + ("/" if self.contents else ""),
        }
        return Result(changed=changed, data=data, diff=tuple(diffs), lists_diff=True)
