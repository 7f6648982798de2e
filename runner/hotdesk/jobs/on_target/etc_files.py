"""The files below /etc, and whose they are: a package's as packaged, a package's changed here, or nobody's. Python 3.8 or newer."""

from __future__ import annotations

import fnmatch
import glob
import grp
import hashlib
import os
import pwd
import shutil
import subprocess

from hotdesk.jobs.on_target.journal import Failed, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DATABASE = "/var/lib/dpkg"
REGISTER = "/var/lib/ucf/hashfile"
"""ucf's: the configuration files that packages install without dpkg, as "md5  path"."""
GONE = ("config-files", "not-installed")
FORMAT = "${Package}\t${db:Status-Status}\t${Version}\n${Conffiles}\n"


def survey(
    top: str, skip: list[str], tools: list[str], database: str = DATABASE, register: str = REGISTER
) -> dict[str, Any]:
    """Whose the files below ``top`` are, without those that a pattern of ``skip`` names (a trailing slash: all below).

    A dict: ``files`` path -> {standing, package, version, state, owner, group}, standing being ``packaged``, ``changed`` (a package's file
    changed here), ``removed`` (a package's file that somebody removed here) or ``local``; ``odd`` path -> why it is left; ``tools``: which
    of ``tools`` are here; ``packages``: the installed ones' names. Files that a package's maintainer does not mean to be changed are left out.
    """
    conffiles, packages, leftover = _conffiles(database)
    registered = _registered(register)
    packaged = owned(database, top) - set(conffiles)
    files: dict[str, Any] = {}
    odd: dict[str, str] = {}
    for path in _walk(top, skip):
        if path in packaged or path in leftover:
            continue
        try:
            state = state_of(path)
        except OSError as exc:
            odd[path] = exc.strerror or str(exc)
            continue
        why = _odd(path, state)
        if why:
            odd[path.encode("utf-8", "replace").decode()] = why
        elif state is not None:
            package, md5 = conffiles.get(path, ("", registered.get(path, "")))
            standing = "local" if not md5 else "packaged" if _md5(path) == md5 else "changed"
            files[path] = _told(standing, package, packages.get(package, ""), state)
    for path in conffiles:
        if path not in files and path not in odd and path.startswith(top + "/") and not skipped(path, skip):
            package = conffiles[path][0]
            files[path] = _told("removed", package, packages[package], None)
    return {"files": files, "odd": odd, "tools": [t for t in tools if _which(t)], "packages": sorted(packages)}


def contents(paths: list[str]) -> list[bytes]:
    """The files' contents."""
    out = []
    for path in paths:
        with open(path, "rb") as stream:
            out.append(stream.read())
    return out


def present(paths: list[str]) -> list[str]:
    """Those that are there."""
    return [path for path in paths if os.path.lexists(path)]


def states(paths: list[str]) -> list[Any]:
    """``state_of`` each."""
    return [state_of(path) for path in paths]


def _told(standing: str, package: str, version: str, state: list[Any] | None) -> dict[str, Any]:
    owner, group = _names(state) if state else ("", "")
    told = {"standing": standing, "package": package, "version": version, "state": state}
    return {**told, "owner": owner, "group": group}


def _names(state: list[Any]) -> tuple[str, str]:
    """The owner's and group's names; empty for a number without one."""
    try:
        owner = pwd.getpwuid(state[2]).pw_name
    except KeyError:
        owner = ""
    try:
        return owner, grp.getgrgid(state[3]).gr_name
    except KeyError:
        return owner, ""


def _odd(path: str, state: list[Any] | None) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if state is not None and state[0] == "other":
        return "it is neither a file nor a link"
    if state is not None and state[0] == "file" and os.path.getsize(path) > 8 << 20:
        return "it is longer than 8 MiB"
    if state is not None and state[0] == "file" and "system.posix_acl_access" in _attributes(path):
        return "it has an ACL, which is not moved"
    return ""


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError:
        return []


def _walk(top: str, skip: list[str]) -> list[str]:
    """Every file and link below ``top``, links to folders too."""
    found = []
    for folder, folders, names in os.walk(top):
        linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [n for n in folders if n not in linked and not skipped(os.path.join(folder, n) + "/", skip)]
        found += [os.path.join(folder, name) for name in names + linked]
    return sorted(path for path in found if not skipped(path, skip))


def skipped(path: str, skip: list[str]) -> bool:
    """Whether a pattern names this path (a folder's ends with a slash), or a folder that it is in."""
    return any(fnmatch.fnmatchcase(path, pattern + "*" if pattern.endswith("/") else pattern) for pattern in skip)


def _conffiles(database: str) -> tuple[dict[str, tuple[str, str]], dict[str, str], set[str]]:
    """path -> (package, md5) of installed packages; package -> version; paths that removed packages left."""
    argv = ["dpkg-query", "--admindir=" + database, "-W", "-f", FORMAT]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failed("dpkg-query says: " + done.stderr.decode("utf-8", "replace").strip())
    conffiles, packages, leftover = {}, {}, set()
    package, there = "", False
    for line in done.stdout.decode("utf-8", "surrogateescape").splitlines():
        if not line.startswith(" "):
            package, status, version = (line.split("\t") + ["", ""])[:3] if line else ("", "", "")
            there = status not in GONE
            if there and package:
                packages[package] = version
            continue
        words = line.split(" ")[1:]
        flags = [word for word in words[2:] if word in ("obsolete", "remove-on-upgrade")]
        path, md5 = " ".join(words[: len(words) - 1 - len(flags)]), words[len(words) - 1 - len(flags)]
        if not there:
            leftover.add(path)
        elif not flags:
            conffiles[path] = (package, md5)
    return conffiles, packages, leftover - set(conffiles)


def _registered(register: str) -> dict[str, str]:
    try:
        with open(register, encoding="utf-8", errors="surrogateescape") as stream:
            pairs = [line.rstrip("\n").split("  ", 1) for line in stream]
    except FileNotFoundError:
        return {}
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def owned(database: str, top: str) -> set[str]:
    """Every path below ``top`` that is in a package."""
    out: set[str] = set()
    for name in glob.glob(os.path.join(glob.escape(database), "info", "*.list")):
        with open(name, encoding="utf-8", errors="surrogateescape") as stream:
            out.update(line.rstrip("\n") for line in stream if line.startswith(top + "/"))
    return out


def _md5(path: str) -> str:
    known = hashlib.md5()
    try:
        with open(path, "rb") as stream:
            for chunk in iter(lambda: stream.read(1 << 20), b""):
                known.update(chunk)
    except OSError:
        return ""
    return known.hexdigest()


def _which(tool: str) -> bool:
    return shutil.which(tool, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") is not None
