"""Host keys: is this the PC it claims to be? known_hosts as OpenSSH reads it, and ``accept-new``, which asyncssh does not have.

Matching is asyncssh's (hashed names, patterns, ``[host]:port``, @cert-authority, @revoked; sshd(8), SSH_KNOWN_HOSTS FILE FORMAT);
what follows from it is decided in ``host_key_check.py``.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.errors import HostKeyError
from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.connections.library import asyncssh

USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


@frozen
class Trust:
    """What known_hosts says about one host: its keys, the authorities that may sign for it, the revoked keys."""

    keys: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    revoked: tuple[asyncssh.SSHKey, ...] = ()

    def __add__(self, other: Trust) -> Trust:
        return Trust(self.keys + other.keys, self.authorities + other.authorities, self.revoked + other.revoked)


@frozen
class Line:
    """An entry and where it stands, to name it when a key has changed."""

    file: str
    number: int
    text: str


class KnownHosts:
    """The entries of some known_hosts files. Lines that are no entries are passed over, as ssh does."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        from hotdesk.connections.library import asyncssh

        self._known = asyncssh.import_known_hosts("")
        self._lines: list[Line] = []
        for line in lines:
            try:
                self._known.load(line.text)
            except ValueError:
                continue
            self._lines.append(line)

    @classmethod
    def read(cls, files: Sequence[str]) -> KnownHosts:
        """Blocking: call it in a thread. Files that do not exist are empty; others raise HostKeyError when unreadable."""
        lines: list[Line] = []
        for name in files:
            try:
                text = Path(name).read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise HostKeyError(f"cannot read {name}: {exc.strerror}") from None
            lines += [Line(name, number, entry) for number, entry in enumerate(text.splitlines(), 1) if entry.strip()]
        return cls(lines)

    def trust(self, host: str, address: str, port: int) -> Trust:
        """What is said about this host. Keys are those of exactly this port; authorities and revocations hold on every port."""
        found = _trust(self._known, host, address, port)
        if port == 22:
            return found
        anywhere = _trust(self._known, host, address, 22)
        return found + Trust((), anywhere.authorities, anywhere.revoked)

    def trusts_host_elsewhere(self, host: str, address: str, key: asyncssh.SSHKey) -> bool:
        """A server on another port that shows the key known for the host itself is that host (so does ssh)."""
        return key in _trust(self._known, host, address, 22).keys

    def where(self, host: str, address: str, port: int, kind: str = "keys") -> list[tuple[Line, asyncssh.SSHKey]]:
        """The ``kind`` (a field of Trust) known for it, with their places."""
        found = []
        for line in self._lines:
            trust = KnownHosts((line,)).trust(host, address, port)
            found += [(line, key) for key in getattr(trust, kind)]
        return found


def _trust(known: asyncssh.SSHKnownHosts, host: str, address: str, port: int) -> Trust:
    """``match`` would fall back to the entry without the port and hide which of the two it was; so names are built here."""
    if port == 22:
        keys, authorities, revoked = known.match(host, address, None)[:3]
        return Trust(tuple(keys), tuple(authorities), tuple(revoked))
    total = Trust()
    for name in dict.fromkeys((host, address)):
        if name:
            keys, authorities, revoked = known.match(f"[{name}]:{port}", "", None)[:3]
            total += Trust(tuple(keys), tuple(authorities), tuple(revoked))
    return total


class HostKeyFiles:
    """known_hosts files, parsed once for all hosts of a run and again when they have changed on disk."""

    def __init__(self, *, writable: bool = True) -> None:
        """``writable``: new keys are written down; else (check mode) they are good for this run only."""
        self.writable = writable
        self.accepted: dict[str, asyncssh.SSHKey] = {}
        """New keys of this run, by the host's name in known_hosts: another one is a changed one."""
        self._parsed: dict[tuple[str, ...], tuple[tuple[object, ...], KnownHosts]] = {}

    def known(self, files: tuple[str, ...]) -> KnownHosts:
        """Blocking: call it in a thread."""
        stamp = tuple(_stamp(name) for name in files)
        cached = self._parsed.get(files)
        if cached is None or cached[0] != stamp:
            cached = self._parsed[files] = (stamp, KnownHosts.read(files))
        return cached[1]


def _stamp(name: str) -> object:
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def name_for(host: str, port: int) -> str:
    """How known_hosts spells a host and port."""
    return host if port == 22 else f"[{host}]:{port}"


def remember(file: Path, host: str, port: int, key: asyncssh.SSHKey) -> None:
    """Append a key (0600, the directory 0700), under a lock, unless it has been written meanwhile; a changed key never."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            text = stream.read()
            known = KnownHosts(Line(str(file), number, entry) for number, entry in enumerate(text.splitlines(), 1))
            there = known.trust(host, "", port).keys
            if there and key not in there:
                raise HostKeyError(f"{name_for(host, port)}: another host key was written to {file} meanwhile")
            if not there:
                start = "\n" if text and not text.endswith("\n") else ""
                stream.write(f"{start}{name_for(host, port)} {key.export_public_key().decode().strip()}\n")
    except OSError as exc:
        raise HostKeyError(f"cannot write the new host key of {host} to {file}: {exc.strerror}") from None
