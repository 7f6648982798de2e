"""What a mirror must not cut: the way in. Read off the rehearsal's items, so it can neither miss a change nor cry wolf.

Four things hold the way in to a PC: the login user's authorized keys, that user's account, sudo's rules (when the task uses sudo), and
sshd's own configuration and host keys. A mirror that would replace or remove one of them leaves it alone instead, with a warning, unless the new
content still grants all that the old one did.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.results import Problem
from hotdesk.transfer.filters import escape, exactly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.transfer.itemize import Item

KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")
SSHD = "/etc/ssh"
SUDOERS = ("/etc/sudoers", "/etc/sudoers.d")
ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")
_KEY = re.compile(rb"(?:^|[\s,\"])(?:sk-)?(?:ssh-|ecdsa-)[A-Za-z0-9@.-]+[ \t]+([A-Za-z0-9+/]+=*)")
_SSHD_NAME = re.compile(rb"(ssh_host_|sshd_|authorized_)[^/]*(/.*)?")


@frozen
class Way:
    """One file of the way in: ``path`` on the target, ``name`` relative to the mirrored directory, ``kind`` keys, sudo or account."""

    path: str
    name: bytes
    kind: str


def relative(path: str, root: str) -> bytes | None:
    """``path`` below ``root``; None when it is elsewhere."""
    base = root.rstrip("/") + "/"
    return path[len(base) :].encode("utf-8", "surrogateescape") if path.startswith(base) else None


def ways(login: Mapping[str, Any], sudoers: Sequence[str], dest: str) -> list[Way]:
    """The files below ``dest`` that the login user's way in depends on."""
    wanted = [(f"{login['home'].rstrip('/')}/{name}", "keys") for name in KEYS] if login.get("home") else []
    wanted += [(path, "sudo") for path in sudoers] if login.get("sudo") else []
    wanted += [(path, "account") for path in ACCOUNTS]
    return [Way(path, name, kind) for path, kind in wanted if (name := relative(path, dest)) is not None]


def touched(found: Sequence[Way], items: Sequence[Item]) -> list[Way]:
    """Those whose content the items would replace or remove."""
    changed = {item.path for item in items if item.verb in ("update", "delete", "create")}
    return [way for way in found if way.name in changed]


def lost(way: Way, before: bytes, after: bytes | None, user: str) -> int:
    """How many keys, rules, or lines about ``user`` of ``before`` are not in ``after`` (None: the file would be gone)."""
    if way.kind == "account":
        return len(_account(way.path, before, user) - _account(way.path, after or b"", user))
    grants = _keys if way.kind == "keys" else _rules
    return len(grants(before) - grants(after or b""))


def _account(path: str, text: bytes, user: str) -> set[bytes]:
    """What lets ``user`` in: uid, home and a login shell (passwd(5)), a password that is not locked (shadow(5)), groups (group(5))."""
    name = user.encode()
    lines = [line.split(b":") for line in text.splitlines()]
    if path in ("/etc/group", "/etc/gshadow"):
        return {fields[0] for fields in lines if name in fields[-1].split(b",")}
    own = [fields for fields in lines if fields[0] == name and len(fields) > 6]
    if path == "/etc/shadow":
        return {b"password" for fields in own if not fields[1].startswith((b"!", b"*"))}
    return {b":".join([f[2], f[5], b"" if f[6].endswith((b"/nologin", b"/false")) else b"shell"]) for f in own}


def together(found: Sequence[Way]) -> list[Way]:
    """All files of accounts when one of them is among ``found``: they belong together."""
    rest = [way for way in found if way.kind != "account"]
    for way in found:
        if way.kind == "account":
            root = way.name.removesuffix(way.path[len("/etc/") :].encode())
            return rest + [Way(path, root + path[len("/etc/") :].encode(), "account") for path in ACCOUNTS]
    return rest


def _keys(text: bytes) -> set[bytes]:
    return {found for line in text.splitlines() if not line.lstrip().startswith(b"#") for found in _KEY.findall(line)}


def _rules(text: bytes) -> set[bytes]:
    """The lines of a sudoers file that say something; ``#include`` and ``#includedir`` do (sudoers(5))."""
    joined = text.replace(b"\\\n", b" ")
    lines = (b" ".join(line.split()) for line in joined.splitlines())
    return {line for line in lines if line and (not line.startswith(b"#") or line.startswith(b"#include"))}


def of_sshd(items: Sequence[Item], dest: str) -> list[bytes]:
    """The changed files of sshd's own: its host keys (they are who this PC is) and its configuration."""
    root = relative(SSHD, dest) if dest.rstrip("/") != SSHD else b""
    if root is None:
        return []
    prefix = root + b"/" if root else b""
    return [
        item.path
        for item in items
        if item.verb != "attributes" and item.path.startswith(prefix) and _SSHD_NAME.fullmatch(item.path[len(prefix) :])
    ]


def protect(name: bytes) -> bytes:
    """The filter rule that leaves one file on the target as it is."""
    return b"- " + exactly(name)


def protect_sshd(dest: str) -> list[bytes]:
    """The filter rules that leave sshd's files as they are."""
    root = relative(SSHD, dest) if dest.rstrip("/") != SSHD else b""
    base = b"/" + escape(root or b"") + (b"/" if root else b"")
    return [b"- " + base + name for name in (b"ssh_host_*", b"sshd_*", b"authorized_*")]


def warnings(cut: Mapping[Way, int], host: str, source: str) -> list[str]:
    """Why files were left alone; ``cut``: how much each would lose. One for all files of accounts."""
    accounts = [way for way in cut if way.kind == "account"]
    return [_warning(way, count, host, source) for way, count in cut.items() if way not in accounts[1:]]


def _warning(way: Way, count: int, host: str, source: str) -> str:
    if way.kind == "account":
        return (
            f"{host}: /etc/passwd, shadow, group and gshadow were left as they are: {way.path} on {source} says something else about the "
            "user who logs in, and the mirror could lock you out; exclude them with filters"
        )
    thing = "key" if way.kind == "keys" else "rule"
    many = f"{count} {thing}{'s' if count != 1 else ''}"
    return (
        f"{host}: {way.path} was left as it is: the one on {source} lacks {many} that it holds, and the mirror could lock you out; "
        f"exclude it with a filter, or give both PCs the same file"
    )


def refused(
    login: Mapping[str, Any],
    sudoers: Sequence[str],
    dest: str,
    items: Sequence[Item],
    source: Mapping[str, Any],
    owners: bool,
) -> list[Problem]:
    """Modes and owners under which sshd ignores the login user's keys (sshd_config(5), StrictModes) and sudo its rules (sudoers(5)).

    ``source``: path on the target -> [mode, content, uid] of the source's counterpart, or None. ``owners``: the mirror sets owners.
    Only what the items would set counts.
    """
    changed = {item.path for item in items if not item.deletes}
    mine = {0, int(login.get("uid", 0))}
    out = []
    for path in watched(login, sudoers):
        name, state = b"." if path == dest.rstrip("/") else relative(path, dest), source.get(path)
        if name is None or name not in changed or state is None:
            continue
        who, allowed, user = ("sudo would ignore it", {0}, "root") if path in sudoers else (
            "sshd would refuse your key", mine, str(login.get("name")))  # fmt: skip
        if state[0] & 0o022:
            out.append(
                Problem(
                    f"{path} would become writable for others ({state[0]:04o}), and {who}",
                    "Run chmod go-w on its counterpart on the source.",
                )
            )
        if owners and state[2] not in allowed:
            out.append(
                Problem(
                    f"{path} would belong to uid {state[2]}, and {who}",
                    f"Give its counterpart on the source to {user}, or exclude it with a filter.",
                )
            )
    return out


def watched(login: Mapping[str, Any], sudoers: Sequence[str]) -> list[str]:
    """The paths whose mode and owner count."""
    home = str(login.get("home") or "").rstrip("/")
    return [*((home, f"{home}/.ssh", *(f"{home}/{name}" for name in KEYS)) if home else ()), *sudoers]
