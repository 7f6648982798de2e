"""What a mirror must not cut: the way in. Read off the rehearsal's items, so it can neither miss a change nor cry wolf.

Three things hold the way in to a PC: the login user's authorized keys, sudo's rules (when the task uses sudo), and sshd's own
configuration and host keys. A mirror that would replace or remove one of them leaves it alone instead, with a warning, unless the new
content still grants all that the old one did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hotdesk.results import Problem
from hotdesk.transfer.filters import escape, exactly
from hotdesk.transfer.itemize import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hotdesk.transfer.itemize import Item

KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")
SSHD = "/etc/ssh"
SUDOERS = ("/etc/sudoers", "/etc/sudoers.d")
_KEY = re.compile(rb"(?:^|[\s,\"])(?:sk-)?(?:ssh-|ecdsa-)[A-Za-z0-9@.-]+[ \t]+([A-Za-z0-9+/]+=*)")
_SSHD_NAME = re.compile(rb"ssh_host_.*|sshd_config|sshd_config\.d(/.*)?")


@dataclass(frozen=True, slots=True)
class Way:
    """One file of the way in: ``path`` on the target, ``name`` relative to the mirrored directory, ``kind`` keys or sudo."""

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
    return [Way(path, name, kind) for path, kind in wanted if (name := relative(path, dest)) is not None]


def touched(found: Sequence[Way], items: Sequence[Item]) -> list[Way]:
    """Those whose content the items would replace or remove."""
    changed = {item.path for item in items if item.verb in ("update", "delete", "create")}
    return [way for way in found if way.name in changed]


def lost(way: Way, before: bytes, after: bytes | None) -> int:
    """How many keys or rules of ``before`` are not in ``after`` (None: the file would be gone)."""
    grants = _keys if way.kind == "keys" else _rules
    return len(grants(before) - grants(after or b""))


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
    return [b"- " + base + name for name in (b"ssh_host_*", b"sshd_config", b"sshd_config.d/***")]


def warning(way: Way, count: int, host: str, source: str) -> str:
    """Why a file was left alone."""
    thing = "key" if way.kind == "keys" else "rule"
    many = f"{count} {thing}{'s' if count != 1 else ''}"
    return (
        f"{host}: {way.path} was left as it is: the one on {source} lacks {many} that it holds, and the mirror could lock you out; "
        f"exclude it with a filter, or give both PCs the same file"
    )


def open_modes(login: Mapping[str, Any], dest: str, items: Sequence[Item], modes: Mapping[str, int]) -> list[Problem]:
    """sshd ignores authorized_keys below directories that others can write to (sshd_config(5), StrictModes).

    ``modes``: path on the target -> the mode that the source's counterpart has. Only what the items would set counts.
    """
    home = str(login.get("home") or "").rstrip("/")
    if not home:
        return []
    changed = {item.path for item in items if not item.deletes}
    out = []
    for path in (home, f"{home}/.ssh", *(f"{home}/{name}" for name in KEYS)):
        name = b"." if path == dest.rstrip("/") else relative(path, dest)
        if name is not None and name in changed and modes.get(path, 0) & 0o022:
            out.append(
                Problem(
                    f"{shown(name)} would become writable for others on the target ({modes[path]:04o}), and sshd would refuse your key",
                    f"Run chmod go-w on it on the source; on the target it is {path}.",
                )
            )
    return out
