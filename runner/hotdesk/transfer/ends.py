"""Runs on a PC, in its agent: what that PC can keep, and what must not be cut there. Standard library only, Python 3.8 or newer."""

# ruff: noqa: PTH111, PTH115, PTH112, PTH113, PTH116, PTH118, PTH123, PTH110, PTH120, PTH208, SIM105

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def describe(path: str) -> dict[str, Any]:
    """What is at ``path`` and what this PC can keep.

    A dict: ``kind`` (dir, file, missing, denied), ``machine``, ``uid``, ``groups``,
    ``users`` (name -> uid of real users), ``login`` (name, uid and home of the user who logged in, before sudo), ``acls`` and ``xattrs``
    (the file system takes them).
    """
    return {
        "kind": _kind(path),
        "machine": os.uname().machine,
        "uid": os.geteuid(),
        "groups": sorted({*os.getgroups(), os.getegid()}),
        "users": {p.pw_name: p.pw_uid for p in pwd.getpwall() if 1000 <= p.pw_uid < 60000},
        "login": login(),
        "acls": _takes(path, "system.posix_acl_access"),
        "xattrs": _takes(path, "user.hotdesk"),
    }


def _kind(path: str) -> str:
    try:
        if os.path.isdir(path):
            os.scandir(path).close()
            return "dir"
        os.lstat(path)
        return "file"
    except PermissionError:
        return "denied"
    except OSError:
        return "missing"


def _takes(path: str, attribute: str) -> bool:
    """Whether the file system of ``path`` (of its nearest existing parent) knows this kind of attribute; asking changes nothing."""
    while not os.path.exists(path) and path != "/":
        path = os.path.dirname(path)
    try:
        os.getxattr(path, attribute)
    except OSError as exc:
        return exc.errno not in (errno.ENOTSUP, errno.EOPNOTSUPP)
    return True


def login() -> dict[str, Any]:
    """The user who logged in: sudo says who called it; without sudo it is us. HOME counts only when it is ours."""
    name = os.environ.get("SUDO_USER")
    if name and os.geteuid() != pwd_uid(name):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return {"name": name, "uid": -1, "home": "", "sudo": True}
        return {"name": name, "uid": entry.pw_uid, "home": entry.pw_dir, "sudo": True}
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return {"name": name, "uid": os.geteuid(), "home": os.path.expanduser("~"), "sudo": False}


def pwd_uid(name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return -1


DIRECTORY = "directory"


def states(top: str, payload: bytes) -> list[str]:
    """What is at each of these paths below ``top`` (separated by NUL), in words that are another when it changes; empty: nothing."""
    return [_state(os.path.join(os.fsencode(top), name)) for name in payload.split(b"\0")]


HASHED = 4 << 20  # bytes: of a larger file the size is enough


def described(top: str, payload: bytes) -> list[dict[str, Any]]:
    """What is at each of these paths below ``top``, as an expectation of the kind ``file`` says it."""
    return [_described(os.path.join(os.fsencode(top), name)) for name in payload.split(b"\0")]


def _described(path: bytes) -> dict[str, Any]:
    try:
        found = os.lstat(path)
    except OSError:
        return {"type": "missing"}
    if not stat.S_ISREG(found.st_mode):
        return {
            "type": "directory"
            if stat.S_ISDIR(found.st_mode)
            else "symlink"
            if stat.S_ISLNK(found.st_mode)
            else "special"
        }
    out = {"type": "file", "size": found.st_size, "mode": f"{stat.S_IMODE(found.st_mode):04o}"}
    if found.st_size <= HASHED:
        with open(path, "rb") as file:
            out["sha256"] = hashlib.sha256(file.read()).hexdigest()
    return out


def _state(path: bytes) -> str:
    try:
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            return DIRECTORY
        if stat.S_ISLNK(found.st_mode):
            return "link to " + os.readlink(path).decode("utf-8", "backslashreplace")
    except OSError:
        return ""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found.st_mtime_ns // 10**9))
    return f"{found.st_size} bytes of {moment}.{found.st_mtime_ns % 10**9:09d}"


def guarded(paths: list[str]) -> dict[str, list[Any] | None]:
    """The files that hold the way in: path -> [mode, content, uid of the owner], or None when there is none."""
    out: dict[str, list[Any] | None] = {}
    for path in paths:
        try:
            state = os.stat(path)
            content = b""
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read(4 << 20)
            out[path] = [state.st_mode & 0o7777, content, state.st_uid]
        except OSError:
            out[path] = None
    return out


def sudoers() -> list[str]:
    """The files that sudo reads, by their usual places."""
    out = ["/etc/sudoers"]
    try:
        out += sorted(os.path.join("/etc/sudoers.d", name) for name in os.listdir("/etc/sudoers.d"))
    except OSError:
        pass
    return out
