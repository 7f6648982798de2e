"""Owner, group, mode and SELinux context of a path: what they are, what is wanted, and how to get there."""

from __future__ import annotations

import grp
import os
import pwd
import stat

from hotdesk.actions.on_target.refusal import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

_SYMBOLIC = r"^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*$"
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
SELINUX_PARTS = ("seuser", "serole", "setype", "selevel")
WANTED = ("mode", "owner", "group", "attributes") + SELINUX_PARTS


def full_path(path: str) -> str:
    """``~`` and ``$NAME`` expanded, the way Ansible treats every path option."""
    return os.path.expanduser(os.path.expandvars(path))


def mode_bits(wanted: Any, current: int, directory: bool) -> int:
    """A mode option as a number: an int as it is, "0644" as octal, "u=rwX,g-w" applied to ``current``. Raises Refused."""
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return wanted
    text = str(wanted)
    try:
        return int(text, 8)
    except ValueError:
        pass
    import re

    if not re.match(_SYMBOLIC, text):
        raise Refused(
            "mode must be in octal or symbolic form, such as '0644' or 'u=rw,g=r': %r" % text,
            details="bad symbolic permission for mode: %s" % text,
        )
    mode = stat.S_IMODE(current)
    for clause in text.split(","):
        mode = _clause(clause, mode, directory)
    return mode


def _clause(clause: str, mode: int, directory: bool) -> int:
    import re

    who = re.match("[ugoa]*", clause)
    users = who.group(0) if who else ""
    allowed = 0o7777
    if not users:  # chmod(1): with nobody named, what the umask forbids is left alone
        umask = os.umask(0)
        os.umask(umask)
        allowed = 0o7777 & ~umask
    names = "ugo" if not users or "a" in users else users
    for operator, letters in re.findall(r"([-+=])([ugorwxXst]*)", clause[len(users) :]):
        bits = allowed & _permission(letters, names, mode, directory)
        if operator == "+":
            mode |= bits
        elif operator == "-":
            mode &= ~bits
        else:
            mask = 0
            for name in names:
                mask |= 7 << _SHIFT[name] | {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}[name]
            kept = mode & (stat.S_ISUID | stat.S_ISGID) if directory and not set("st") & set(letters) else 0
            mode = mode & ~mask | bits | kept
    return mode


def _permission(letters: str, names: str, mode: int, directory: bool) -> int:
    bits = 0
    for name in names:
        for letter in letters:
            if letter in _BITS:
                bits |= _BITS[letter] << _SHIFT[name]
            elif letter == "X":
                bits |= (1 << _SHIFT[name]) if directory or mode & 0o111 else 0
            elif letter in _SHIFT:
                bits |= (mode >> _SHIFT[letter] & 7) << _SHIFT[name]
            elif letter == "s":
                bits |= {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}[name]
            elif letter == "t":
                bits |= stat.S_ISVTX
    return bits


def user_id(owner: str | int) -> int:
    """The uid of a name or number. Raises Refused naming what is unknown."""
    if str(owner).isdigit():
        return int(owner)
    try:
        return pwd.getpwnam(str(owner)).pw_uid
    except KeyError:
        raise Refused("chown failed: failed to look up user %s" % owner)


def group_id(group: str | int) -> int:
    """The gid of a name or number. Raises Refused naming what is unknown."""
    if str(group).isdigit():
        return int(group)
    try:
        return grp.getgrnam(str(group)).gr_gid
    except KeyError:
        raise Refused("chgrp failed: failed to look up group %s" % group)


def user_name(uid: int) -> str:
    """The name of a uid, or the number as text."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The name of a gid, or the number as text."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def kind_of(path: str) -> str:
    """absent, link, directory, hard (more than one name) or file."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    if stat.S_ISLNK(found.st_mode):
        return "link"
    if stat.S_ISDIR(found.st_mode):
        return "directory"
    return "hard" if found.st_nlink > 1 else "file"


def described(path: str) -> dict[str, Any]:
    """The keys that Ansible's file modules add to a result: uid, gid, owner, group, mode, state, size."""
    if kind_of(path) == "absent":
        return {"state": "absent"}
    found = os.lstat(path)
    keys = {
        "uid": found.st_uid,
        "gid": found.st_gid,
        "owner": user_name(found.st_uid),
        "group": group_name(found.st_gid),
        "mode": "0%03o" % stat.S_IMODE(found.st_mode),
        "state": kind_of(path),
        "size": found.st_size,
    }
    context = selinux_context(path)
    return dict(keys, secontext=context) if context else keys


def selinux_context(path: str) -> str:
    """user:role:type:level, or "" where there is no SELinux."""
    if not os.path.isdir("/sys/fs/selinux/class"):
        return ""
    try:
        return os.getxattr(path, "security.selinux", follow_symlinks=False).rstrip(b"\0").decode()
    except OSError:
        return ""


def adjust(path: str, wanted: Mapping[str, Any], check: bool, follow: bool = True) -> dict[str, dict[str, Any]]:
    """Give ``path`` the attributes of ``wanted`` that it lacks; return ``{"before": {...}, "after": {...}}``, empty if it had them.

    ``follow`` False changes a link itself (Linux links have no mode of their own: that is left out). A path that does not exist (yet,
    in check mode) lacks nothing. Raises Refused, OSError.
    """
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    link = os.path.islink(path) and not follow
    try:
        found = os.lstat(path) if link else os.stat(path)
    except FileNotFoundError:
        return {"before": before, "after": after}
    uid = user_id(wanted["owner"]) if wanted.get("owner") is not None else -1
    gid = group_id(wanted["group"]) if wanted.get("group") is not None else -1
    changing = [i for i, now in ((uid, found.st_uid), (gid, found.st_gid)) if i not in (-1, now)]
    if changing:
        if uid not in (-1, found.st_uid):
            before["owner"], after["owner"] = found.st_uid, uid
        if gid not in (-1, found.st_gid):
            before["group"], after["group"] = found.st_gid, gid
        if not check:
            os.chown(path, uid, gid, follow_symlinks=not link)
    if wanted.get("mode") is not None and not link:
        # A chown takes setuid and setgid away, so the mode that counts is the one after it.
        now = stat.S_IMODE((found if check else os.stat(path)).st_mode)
        mode = mode_bits(wanted["mode"], found.st_mode, stat.S_ISDIR(found.st_mode))
        if mode != now:
            before["mode"], after["mode"] = "0%03o" % stat.S_IMODE(found.st_mode), "0%03o" % mode
            if not check:
                os.chmod(path, mode)
    _adjust_context(path, wanted, check, before, after)
    _adjust_flags(path, wanted, check, before, after)
    return {"before": before, "after": after}


def _adjust_context(
    path: str, wanted: Mapping[str, Any], check: bool, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """SELinux: replace the parts that are given; where there is no SELinux they mean nothing, as with Ansible."""
    now = selinux_context(path)
    if not now:
        return
    parts = (now.split(":", 3) + [""] * 4)[:4]
    new = [
        wanted[name] if wanted.get(name) not in (None, "_default") else part
        for name, part in zip(SELINUX_PARTS, parts)  # noqa: B905 - Python 3.8
    ]
    if new != parts:
        before["secontext"], after["secontext"] = parts, new
        if not check:
            text = ":".join(part for part in new if part)
            os.setxattr(path, "security.selinux", text.encode() + b"\0", follow_symlinks=False)


def _adjust_flags(
    path: str, wanted: Mapping[str, Any], check: bool, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """chattr(1) flags, ``[=+-]LETTERS``."""
    spec = wanted.get("attributes")
    if not spec:
        return
    operator, letters = (spec[0], spec[1:]) if spec[0] in "=+-" else ("=", spec)
    now = file_flags(path)
    met = {
        "+": set(letters) <= set(now),
        "-": not set(letters) & set(now),
        "=": set(letters) - {"e"} == set(now) - {"e"},
    }[operator]
    if met:
        return
    before["attributes"], after["attributes"] = now, operator + letters
    if not check:
        import subprocess

        done = subprocess.run(["chattr", operator + letters, path], stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise Refused("chattr failed: %s" % done.stderr.decode("utf-8", "replace").strip(), path=path)


def file_flags(path: str) -> str:
    """lsattr(1)'s letters; "" where the file system has none."""
    import subprocess

    try:
        done = subprocess.run(["lsattr", "-d", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return ""
    words = done.stdout.split()
    return words[0].decode("ascii", "replace").replace("-", "") if done.returncode == 0 and words else ""
