"""Putting content, a file or a tree where it belongs: the halves of copy and template."""

from __future__ import annotations

import os
import stat

from hotdesk.actions.on_target.attributes import adjust, described, full_path
from hotdesk.actions.on_target.refusal import Refused, answers
from hotdesk.actions.on_target.writing import (
    back_up,
    commit,
    content_diff,
    copied_content,
    copied_stat,
    digest,
    staged,
    validate,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Sequence

SMALL = 262144
"""Bytes up to which a file travels in the call itself."""


@answers
def put(
    dest: str,
    name: str,
    source: str,
    attributes: Mapping[str, Any],
    options: Mapping[str, Any],
    checksum: str,
    size: int,
    check: bool = False,
    payload: bytes | None = None,
    temporary: str | None = None,
) -> dict[str, Any]:
    """Make ``dest`` hold ``payload`` (or the file ``temporary``, already there).

    ``name`` is appended when ``dest`` is a directory; ``source`` is named in the diff; ``options``: backup, force, follow, validate,
    unsafe_writes, make_parents, directory_mode, content_only (no directory as dest), diff_limit. With neither payload nor temporary
    and a content that differs the answer is ``{"need": path}``: send the file there and call again.
    """
    try:
        return _put(dest, name, source, attributes, options, checksum, size, check, payload, temporary)
    finally:
        if temporary and os.path.lexists(temporary):
            os.unlink(temporary)


def _put(
    dest: str,
    name: str,
    source: str,
    attributes: Mapping[str, Any],
    options: Mapping[str, Any],
    checksum: str,
    size: int,
    check: bool,
    payload: bytes | None,
    temporary: str | None,
) -> dict[str, Any]:
    path = _destination(dest, name, options, check, attributes)
    exists = os.path.lexists(path)
    old = digest(path) if os.path.isfile(path) else None
    if exists and old is None and not os.path.islink(path):
        raise Refused("Destination %s exists and is not a file" % path, dest=path)
    answer: dict[str, Any] = {"dest": path, "checksum": checksum, "diff": []}
    if exists and not options.get("force", True):
        return dict(answer, changed=False, **described(path))
    link = os.path.islink(path) and not options.get("follow")
    if old == checksum and not link:
        found = adjust(path, attributes, check)
        if found["after"]:
            answer["diff"] = [{"before": _lines(found["before"], path), "after": _lines(found["after"], path)}]
        return dict(answer, changed=bool(found["after"]), path=path, **described(path))
    parent = os.path.dirname(path) or "."
    if not os.path.isdir(parent) and not check:
        raise Refused("Destination directory %s does not exist" % parent)
    real = os.path.realpath(path) if not link else path
    if payload is None and temporary is None and not check:
        return {"need": real}
    limit = options.get("diff_limit", 104448)
    if not options.get("no_diff"):
        answer["diff"] = [_diff(path, source, payload, temporary, size, limit)]
    if check:
        return dict(answer, changed=True)
    if temporary is None:
        temporary = staged(real, payload or b"")
    try:
        if digest(temporary) != checksum:
            raise Refused("Copied file does not match the expected checksum. Transfer failed.", checksum=checksum)
        validate(options.get("validate"), temporary)
        if options.get("backup") and os.path.isfile(path):
            answer["backup_file"] = back_up(path)
        if link:
            os.unlink(path)
        commit(temporary, real, bool(options.get("unsafe_writes")))
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    adjust(path, attributes, False)
    return dict(answer, changed=True, md5sum=_md5(path), **described(path))


def _lines(attributes: Mapping[str, Any], path: str) -> str:
    return "".join("%s: %s\n" % item for item in sorted(dict(attributes, path=path).items()))


def _diff(
    path: str, source: str, payload: bytes | None, temporary: str | None, size: int, limit: int
) -> dict[str, str]:
    before = None
    if os.path.isfile(path):
        before = _head(path, limit)
    if payload is not None:
        after: bytes | None = payload
    else:
        after = _head(temporary, limit) if temporary else b"\0"
    if size > limit:
        after = b"x" * (limit + 1)
    return content_diff(path, before, after, source, limit)


def _head(path: str, limit: int) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(limit + 1)


def _destination(dest: str, name: str, options: Mapping[str, Any], check: bool, attributes: Mapping[str, Any]) -> str:
    """The file's own path. A ``dest`` that ends in ``/`` or is a directory gets ``name`` added; missing parents are made if allowed."""
    path = full_path(dest)
    if options.get("content_only") and (path.endswith("/") or os.path.isdir(path)):
        raise Refused("can not use content with a dir as dest")
    into = path.endswith("/") or os.path.isdir(path)
    if into:
        path = os.path.join(path, name)
    parent = os.path.dirname(path) or "."
    if not os.path.isdir(parent):
        if not (options.get("make_parents") or (into and dest.endswith("/"))):
            raise Refused("Destination directory %s does not exist" % parent)
        if not check:
            make_directories(parent, options.get("directory_mode"), attributes)
    return path


def make_directories(path: str, mode: Any, attributes: Mapping[str, Any]) -> None:
    """Make a directory and its parents; those that are new get ``mode`` and the owner and group of ``attributes``."""
    path = path.rstrip("/") or "/"
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and parent != path:
        make_directories(parent, mode, attributes)
    try:
        os.mkdir(path)
    except FileExistsError:
        raise Refused("%s exists and is not a directory" % path)
    adjust(path, dict({k: v for k, v in attributes.items() if k != "mode"}, mode=mode), False)


def reserve(path: str) -> str:
    """A new empty file beside ``path`` (as ``put`` needs it) under a name nobody knows, for content that comes in a stream."""
    return staged(path, b"")


def discard(path: str) -> None:
    """Remove a reserved file that did not get its content."""
    if os.path.lexists(path):
        os.unlink(path)


def _links_to(path: str, target: str) -> bool:
    return os.path.islink(path) and os.readlink(path) == target


@answers
def make_tree(
    dest: str,
    links: Mapping[str, str],
    directories: Sequence[str],
    mode: Any,
    attributes: Mapping[str, Any],
    force: bool,
    files: Sequence[str],
    check: bool = False,
) -> dict[str, Any]:
    """Make the directories and links of a tree; ``{"changed", "sums"}``: the latter has the sha1 of each of ``files`` that is there."""
    root = full_path(dest)
    changed = False
    inherited = {name: value for name, value in attributes.items() if name != "mode"}
    for relative in directories:
        path = os.path.normpath(os.path.join(root, relative))
        if not os.path.isdir(path):
            changed = True
            if not check:
                make_directories(path, mode, attributes)
        elif relative and adjust(path, dict(inherited, mode=mode), check)["after"]:
            changed = True
    for relative, target in links.items():
        path = os.path.join(root, relative)
        if _links_to(path, target) or (os.path.lexists(path) and not force):
            continue
        changed = True
        if check:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            raise Refused("%s is a directory, and a link is to be there" % path)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)
    there = [(relative, os.path.join(root, relative)) for relative in files]
    return {"changed": changed, "sums": {relative: digest(path) for relative, path in there if os.path.isfile(path)}}


@answers
def copy_there(
    src: str, dest: str, attributes: Mapping[str, Any], options: Mapping[str, Any], check: bool = False
) -> dict[str, Any]:
    """``remote_src``: source and destination are on the same PC. A directory is copied with all it holds."""
    source = full_path(src)
    if not os.path.exists(source):
        raise Refused("Source %s not found" % source)
    if not os.access(source, os.R_OK):
        raise Refused("Source %s not readable" % source)
    wanted = dict(attributes)
    if os.path.isdir(source):
        return _copy_directory(source, src.endswith("/"), dest, wanted, options, check)
    if not os.path.isfile(source):  # to read a pipe or device could last for ever
        raise Refused("Cannot copy invalid source '%s': not a file" % source)
    if wanted.get("mode") == "preserve":
        wanted["mode"] = "0%03o" % stat.S_IMODE(os.stat(source).st_mode)
    _verify(source, options)
    path = full_path(dest)
    if path.endswith("/") or os.path.isdir(path):
        if not os.path.isdir(path) and not check:
            make_directories(path, options.get("directory_mode"), wanted)
        path = os.path.join(path, os.path.basename(source))
    checksum, size = digest(source), os.path.getsize(source)
    body, temporary = None, None
    if size <= SMALL:
        with open(source, "rb") as stream:
            body = stream.read()
    elif not check and not (os.path.isfile(path) and digest(path) == checksum):
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise Refused("Destination directory %s does not exist" % (os.path.dirname(path) or "."))
        temporary = staged(os.path.realpath(path), b"")
        copied_content(source, temporary)
    answer = _put(path, "", source, wanted, options, checksum, size, check, body, temporary)
    return dict(answer, src=source, md5sum=answer.get("md5sum") or _md5(path))


def _md5(path: str) -> str | None:
    try:
        return digest(path, "md5")
    except (ValueError, OSError):  # a FIPS system has none; in check mode there may be no file
        return None


def _verify(source: str, options: Mapping[str, Any]) -> None:
    expected = options.get("checksum")
    if expected and digest(source) != expected:
        raise Refused(
            "Copied file does not match the expected checksum. Transfer failed.",
            checksum=digest(source),
            expected_checksum=expected,
        )


def _copy_directory(
    source: str, contents: bool, dest: str, attributes: dict[str, Any], options: Mapping[str, Any], check: bool
) -> dict[str, Any]:
    root = full_path(dest)
    if not contents:
        root = os.path.join(root, os.path.basename(source.rstrip("/")))
    elif os.path.lexists(root) and not os.path.isdir(root):
        raise Refused("Remote_src is a directory and dest %s is a file" % root)
    keep = attributes.get("mode") in (None, "preserve")
    changed = False
    for walked, directories, names in os.walk(source):
        target = os.path.normpath(os.path.join(root, os.path.relpath(walked, source)))
        changed = _one_directory(walked, target, attributes, options, keep, check) or changed
        for name in names + [one for one in directories if os.path.islink(os.path.join(walked, one))]:
            one, into = os.path.join(walked, name), os.path.join(target, name)
            changed = _one_file(one, into, attributes, options, keep, check) or changed
    answer = {"changed": changed, "src": source, "dest": full_path(dest), "checksum": None, "md5sum": None}
    return dict(answer, **described(full_path(dest))) if os.path.lexists(full_path(dest)) else answer


def _one_directory(
    source: str, target: str, attributes: Mapping[str, Any], options: Mapping[str, Any], keep: bool, check: bool
) -> bool:
    mode = options.get("directory_mode")
    if os.path.isdir(target):
        wanted = {name: value for name, value in attributes.items() if name != "mode"}
        return bool(adjust(target, dict(wanted, mode=mode), check)["after"])
    if not check:
        make_directories(target, mode, attributes)
        if mode is None and keep:
            os.chmod(target, stat.S_IMODE(os.stat(source).st_mode))
    return True


def _one_file(
    source: str, target: str, attributes: Mapping[str, Any], options: Mapping[str, Any], keep: bool, check: bool
) -> bool:
    if os.path.islink(source) and not options.get("local_follow", True):
        link = os.readlink(source)
        if _links_to(target, link):
            return False
        if not check:
            if os.path.lexists(target):
                os.unlink(target)
            os.symlink(link, target)
        return True
    if not os.path.isfile(source):
        return False
    wanted = dict(attributes)
    if keep:
        wanted["mode"] = "0%03o" % stat.S_IMODE(os.stat(source).st_mode)
    if os.path.lexists(target) and not options.get("force", True):
        return False
    if os.path.isfile(target) and digest(source) == digest(target):
        return bool(adjust(target, wanted, check)["after"])
    if not check:
        temporary = staged(target, b"")
        try:
            copied_content(source, temporary)
            if os.path.exists(target):
                copied_stat(target, temporary)
            os.rename(temporary, target)
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)
        adjust(target, wanted, False)
    return True
