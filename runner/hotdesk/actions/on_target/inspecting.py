"""Looking at files: stat and slurp."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import stat
import subprocess

from hotdesk.actions.on_target.attributes import file_flags, full_path, group_name
from hotdesk.actions.on_target.refusal import Refused, answers
from hotdesk.actions.on_target.writing import CHUNK, digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WHOLE = 16 << 20
"""Bytes of the longest file that slurp takes: it is one value, in memory at both ends."""

_PERMISSIONS = {
    "wusr": stat.S_IWUSR,
    "rusr": stat.S_IRUSR,
    "xusr": stat.S_IXUSR,
    "wgrp": stat.S_IWGRP,
    "rgrp": stat.S_IRGRP,
    "xgrp": stat.S_IXGRP,
    "woth": stat.S_IWOTH,
    "roth": stat.S_IROTH,
    "xoth": stat.S_IXOTH,
    "isuid": stat.S_ISUID,
    "isgid": stat.S_ISGID,
}
_KINDS = {
    "isdir": stat.S_ISDIR,
    "ischr": stat.S_ISCHR,
    "isblk": stat.S_ISBLK,
    "isreg": stat.S_ISREG,
    "isfifo": stat.S_ISFIFO,
    "islnk": stat.S_ISLNK,
    "issock": stat.S_ISSOCK,
}
_FLAGS = {
    "A": "noatime",
    "a": "append",
    "c": "compressed",
    "C": "nocow",
    "d": "nodump",
    "D": "dirsync",
    "e": "extents",
    "E": "encrypted",
    "h": "blocksize",
    "i": "immutable",
    "I": "indexed",
    "j": "journalled",
    "N": "inline",
    "s": "zero",
    "S": "synchronous",
    "t": "notail",
    "T": "blockroot",
    "u": "undelete",
    "X": "compressedraw",
    "Z": "compresseddirty",
}


@answers
def look(
    path: str,
    follow: bool = False,
    checksum: str | None = "sha1",
    mime: bool = True,
    flags: bool = True,
) -> dict[str, Any]:
    """The ``stat`` result: ``{"exists": False}`` or all there is to know. ``checksum``: an algorithm of hashlib, or None for none."""
    path = full_path(path)
    try:
        found = os.stat(path) if follow else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"stat": {"exists": False}}
    mode = found.st_mode
    out: dict[str, Any] = {
        "exists": True,
        "path": path,
        "mode": "%04o" % stat.S_IMODE(mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "size": found.st_size,
        "inode": found.st_ino,
        "dev": found.st_dev,
        "nlink": found.st_nlink,
        "atime": found.st_atime,
        "mtime": found.st_mtime,
        "ctime": found.st_ctime,
        "block_size": found.st_blksize,
        "blocks": found.st_blocks,
        "device_type": found.st_rdev,
        "readable": os.access(path, os.R_OK),
        "writeable": os.access(path, os.W_OK),
        "executable": os.access(path, os.X_OK),
    }
    out.update({name: bool(mode & bit) for name, bit in _PERMISSIONS.items()})
    out.update({name: test(mode) for name, test in _KINDS.items()})
    try:
        out["pw_name"] = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        pass
    name = group_name(found.st_gid)
    if name != str(found.st_gid):
        out["gr_name"] = name
    if out["islnk"]:
        out["lnk_source"], out["lnk_target"] = os.path.realpath(path), os.readlink(path)
    if out["isreg"] and out["readable"] and checksum:
        try:
            out["checksum"] = digest(path, checksum)
        except ValueError as exc:
            raise Refused("Could not hash file '%s' with algorithm '%s': %s" % (path, checksum, exc))
    if mime:
        out["mimetype"], out["charset"] = _mime(path, follow)
    if flags:
        letters = file_flags(path) if out["isreg"] or out["isdir"] else ""
        out["version"] = _generation(path) if out["isreg"] or out["isdir"] else None
        out["attr_flags"] = letters
        out["attributes"] = [_FLAGS[letter] for letter in letters if letter in _FLAGS]
    return {"stat": out}


def _mime(path: str, follow: bool) -> tuple[str, str]:
    """Type and character set by file(1), ("unknown", "unknown") without it."""
    argv = ["file", "--mime-type", "--mime-encoding"] + (["--dereference"] if follow else []) + ["--", path]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return "unknown", "unknown"
    kind, _, charset = done.stdout.decode("utf-8", "replace").rpartition(": ")[2].partition(";")
    if done.returncode or not charset:
        return "unknown", "unknown"
    return kind.strip(), charset.partition("charset=")[2].strip()


def _generation(path: str) -> str | None:
    """The inode's version number as lsattr(1) prints it."""
    try:
        done = subprocess.run(["lsattr", "-vd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return None
    words = done.stdout.split()
    return words[0].decode("ascii", "replace") if done.returncode == 0 and words else None


@answers
def whole(path: str) -> dict[str, Any]:
    """A file's content in base64. Raises Refused in plain words when it cannot be read, or is longer than ``WHOLE``."""
    source = full_path(path)
    if os.path.isdir(source):
        raise Refused("Source is a directory and must be a file: %s" % source)
    try:
        with open(source, "rb") as stream:
            content = stream.read(WHOLE + 1)
    except FileNotFoundError:
        raise Refused("File not found: %s" % source)
    except PermissionError:
        raise Refused("File is not readable: %s" % source)
    except OSError as problem:
        raise Refused("Unable to slurp file: %s" % problem)
    if len(content) > WHOLE:
        raise Refused("File is larger than %d MiB, fetch it instead: %s" % (WHOLE >> 20, source))
    return {"content": base64.b64encode(content).decode("ascii"), "source": source, "encoding": "base64"}


@answers
def fetchable(path: str) -> dict[str, Any]:
    """What fetch must know: the full path; ``sha1`` and ``size`` of what can be read there, else ``problem`` (missing, directory, denied)."""
    source = full_path(path)
    if os.path.isdir(source):
        return {"path": source, "problem": "directory"}
    known, size = hashlib.sha1(), 0
    try:
        with open(source, "rb") as stream:
            for chunk in iter(lambda: stream.read(CHUNK), b""):
                known.update(chunk)
                size += len(chunk)
        return {"path": source, "sha1": known.hexdigest(), "size": size}
    except FileNotFoundError:
        return {"path": source, "problem": "missing"}
    except PermissionError:
        return {"path": source, "problem": "denied"}
