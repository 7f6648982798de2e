"""The check of the host key of one connection: good, new, or refused with the reason and the remedy.

As OpenSSH decides (ssh(1), ssh-keygen(1) CERTIFICATES), stricter where a certificate is expected: a new key is then never accepted.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotdesk.connections.host_keys import KnownHosts, Line, name_for, remember
from hotdesk.connections.library import asyncssh
from hotdesk.errors import HostKeyError
from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hotdesk.connections.host_keys import HostKeyFiles

HOST_CERTIFICATE = 2
"""SSH2_CERT_TYPE_HOST of OpenSSH's PROTOCOL.certkeys."""


class AnyKind:
    """In a list of known keys: one of every kind, as far as the choice of algorithms goes."""

    algorithm = b"any"
    sig_algorithms = tuple(asyncssh.public_key.get_default_public_key_algs())


@frozen
class Shown:
    """What a server showed: its key and, perhaps, a certificate for it."""

    host: str
    address: str
    port: int
    key: asyncssh.SSHKey
    certificate: Any = None

    @property
    def entry(self) -> str:
        return name_for(self.host, self.port)

    def signed_for(self) -> bool:
        """Its name is among the certificate's, which may be patterns; without any it is for every host."""
        names = self.certificate.principals
        return not names or any(fnmatchcase(self.host, name) for name in names)


@dataclass(slots=True)
class HostKeyCheck:
    """asyncssh calls ``known_hosts``, then ``verified``; both are quick and touch no file."""

    name: str
    """Of the host, for messages."""
    known: KnownHosts
    accept_new: bool
    files: tuple[str, ...]
    """Where a new key would be written: the first."""
    store: HostKeyFiles
    new: bool = False
    """The key was not known and has been accepted."""
    _asked: tuple[str, str, int] = ("", "", 22)
    _shown: Shown | None = None
    _refusal: Callable[[], HostKeyError] | None = None

    def known_hosts(self, host: str, address: str, port: int | None) -> tuple[Sequence[object], ...]:
        """asyncssh's hook, by which it chooses key algorithms: keys, authorities and revoked keys (the X.509 lists stay empty).

        Known kinds of keys first, then all others, as ssh asks for them: a server that has no known kind any more must show
        what it has, or nobody could say that its key has changed.
        """
        self._asked = (host, address, port or 22)
        trust = self.known.trust(*self._asked)
        known = (*trust.keys, AnyKind()) if trust.keys or trust.authorities else ()
        return known, trust.authorities, trust.revoked, (), (), (), ()

    def verified(self, key_data: bytes) -> asyncssh.SSHKey:
        """The server's key, out of what it sent. Raises HostKeyNotVerifiable; ``error`` then has the reason."""
        shown = self._shown = self._decoded(key_data)
        trust = self.known.trust(shown.host, shown.address, shown.port)
        certificate = shown.certificate
        if shown.key in trust.revoked:
            raise self._refused(lambda: self._revoked(shown, shown.key, "host key"))
        if certificate is not None and certificate.signing_key in trust.revoked:
            raise self._refused(
                lambda: self._revoked(shown, certificate.signing_key, "authority that signed its host key")
            )
        ours = certificate is not None and certificate.signing_key in trust.authorities
        if ours and (wrong := _wrong_certificate(shown)) is None:
            return shown.key
        accepted = self.store.accepted.get(shown.entry)
        if shown.key in trust.keys or shown.key == accepted or self._known_elsewhere(shown):
            return shown.key
        if ours:
            raise self._refused(lambda: self._bad_certificate(shown, *wrong))  # type: ignore[misc]
        if trust.keys or accepted is not None:
            raise self._refused(lambda: self._changed(shown))
        if trust.authorities:
            raise self._refused(lambda: self._not_signed(shown))
        if not self.accept_new:
            raise self._refused(lambda: self._unknown(shown))
        self.new = True
        self.store.accepted[shown.entry] = shown.key
        return shown.key

    def remember(self) -> str:
        """Write the new key down, unless nothing may be written; what to tell about it. Blocking. Raises HostKeyError."""
        if self._shown is None:
            return ""
        told = (
            f"the host key of {self._shown.entry} was not known and has been accepted: {_fingerprint(self._shown.key)}"
        )
        if not self.store.writable:
            return f"{told}; for this run only, since check mode writes nothing"
        if not self.files:
            return f"{told}; for this run only, since there is no known_hosts file to write it to"
        remember(Path(self.files[0]), self._shown.host, self._shown.port, self._shown.key)
        return f"{told} ({self.files[0]})"

    def error(self, reason: str) -> HostKeyError:
        """Why the host was refused, with places and fingerprints. Blocking for long files: call it in a thread."""
        return self._refusal() if self._refusal is not None else HostKeyError(f"{self.name}: {reason}")

    # Inside

    def _decoded(self, data: bytes) -> Shown:
        length = int.from_bytes(data[:4], "big")
        text = data[4 : 4 + length] + b" " + base64.b64encode(data)
        try:
            if b"-cert-" in data[4 : 4 + length]:
                certificate = asyncssh.import_certificate(text)
                return Shown(*self._asked, certificate.key, certificate)
            return Shown(*self._asked, asyncssh.import_public_key(text))
        except ValueError as problem:
            message = f"{self.name}: the host key that {name_for(self._asked[0], self._asked[2])} shows cannot be read: {problem}"
            raise self._refused(lambda: HostKeyError(message)) from None

    def _refused(self, why: Callable[[], HostKeyError]) -> asyncssh.HostKeyNotVerifiable:
        self._refusal = why
        return asyncssh.HostKeyNotVerifiable("the host key was refused")

    def _known_elsewhere(self, shown: Shown) -> bool:
        return shown.port != 22 and self.known.trusts_host_elsewhere(shown.host, shown.address, shown.key)

    def _place(
        self, shown: Shown, kind: str, wanted: asyncssh.SSHKey | None = None
    ) -> tuple[Line, asyncssh.SSHKey] | None:
        found = self.known.where(shown.host, shown.address, shown.port, kind)
        return next(((line, key) for line, key in found if wanted in (None, key)), None)

    def _revoked(self, shown: Shown, key: asyncssh.SSHKey, what: str) -> HostKeyError:
        place = self._place(shown, "revoked", key)
        where = f" by {place[0].file}:{place[0].number}" if place else ""
        return HostKeyError(
            f"{self.name}: the {what} of {shown.entry} is revoked{where}: {_fingerprint(key)}",
            remedy="Somebody else may hold it. Give the PC a new host key: remove /etc/ssh/ssh_host_* there and run ssh-keygen -A."
            if key == shown.key
            else "Have its host key signed by another authority.",
        )

    def _bad_certificate(self, shown: Shown, wrong: str, remedy: str) -> HostKeyError:
        place = self._place(shown, "authorities", shown.certificate.signing_key)
        where = f" ({place[0].file}:{place[0].number})" if place else ""
        authority = f"signed by {_fingerprint(shown.certificate.signing_key)}{where}"
        return HostKeyError(f"{self.name}: the host certificate of {shown.entry}, {authority}, {wrong}", remedy=remedy)

    def _changed(self, shown: Shown) -> HostKeyError:
        now = _fingerprint(shown.key)
        place = self._place(shown, "keys")
        if place is None:
            return HostKeyError(f"{self.name}: the host key of {shown.entry} is another one than earlier in this run: {now}",
                                remedy="Somebody may be in between, or two PCs answer at that address.")  # fmt: skip
        line, old = place
        return HostKeyError(
            f"{self.name}: the host key has changed: {line.file}:{line.number} says {_fingerprint(old)}, {shown.entry} shows {now}",
            remedy="Somebody may be in between. If the PC was installed anew, forget the old key:"
            f" ssh-keygen -f {line.file} -R '{shown.entry}'",
        )

    def _not_signed(self, shown: Shown) -> HostKeyError:
        place = self._place(shown, "authorities")
        where = f"{place[0].file}:{place[0].number}" if place else "known_hosts"
        shows = (
            "no certificate" if shown.certificate is None else f"one of {_fingerprint(shown.certificate.signing_key)}"
        )
        return HostKeyError(
            f"{self.name}: {where} wants a certificate of its authority for {shown.entry}, which shows {shows};"
            f" its key is not known either: {_fingerprint(shown.key)}",
            remedy="Is HostCertificate set in its sshd_config? A new key is never accepted where a certificate is expected.",
        )

    def _unknown(self, shown: Shown) -> HostKeyError:
        file = self.files[0] if self.files else "~/.ssh/known_hosts"
        scan = f"ssh-keyscan{f' -p {shown.port}' if shown.port != 22 else ''} {shown.host} >> {file}"
        remedy = f"Compare the fingerprint, then run: {scan}\n  or let new keys be accepted: --accept-new, host_key_checking = accept-new"
        signed = ""
        if shown.certificate is not None:
            authority = shown.certificate.signing_key
            signed = f", nor is the authority that signed it: {_fingerprint(authority)}"
            public = authority.export_public_key().decode().strip()
            remedy += f"\n  or trust the authority: echo '@cert-authority {shown.host} {public}' >> {file}"
        return HostKeyError(
            f"{self.name}: the host key of {shown.entry} is not known: {_fingerprint(shown.key)}{signed}", remedy=remedy
        )


def _wrong_certificate(shown: Shown) -> tuple[str, str] | None:
    """(what is wrong, the remedy) with a certificate of an authority that is trusted, or None."""
    certificate = shown.certificate
    again = "Have it signed again: ssh-keygen -s CA_KEY -h -I ID -n NAMES -V +52w ssh_host_..._key.pub"
    try:
        certificate.validate(HOST_CERTIFICATE, None)
    except ValueError as problem:
        text = str(problem)
        if "expired" in text:
            return f"expired on {_date(certificate, '_valid_before')}", again
        if "not yet" in text:
            return f"is not valid before {_date(certificate, '_valid_after')}", "Is the clock of this PC right?"
        return "is one for users, not for hosts", again
    if not shown.signed_for():
        names = ", ".join(certificate.principals)
        return (
            f"is for {names}, not for {shown.host}",
            f"Connect by one of these names (ansible_host), or add -o HostKeyAlias={certificate.principals[0]} to ansible_ssh_common_args.",
        )
    return None


def _date(certificate: Any, field: str) -> str:
    try:
        return datetime.fromtimestamp(getattr(certificate, field), UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (AttributeError, OverflowError, ValueError, OSError):
        return "another date"


def _fingerprint(key: asyncssh.SSHKey) -> str:
    return f"{key.get_algorithm()} {key.get_fingerprint()}"
