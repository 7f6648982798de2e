"""The user's files of SSH, each read once for all connections of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.connections.host_keys import HostKeyFiles
from hotdesk.paths import exists

if TYPE_CHECKING:
    from hotdesk.connections.base import Endpoint
    from hotdesk.connections.library import asyncssh
    from hotdesk.connections.ssh_options import Prepared

    ClientKey = asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]


class KeyFiles:
    """Private keys by path, each read (and decrypted) once for a run."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str | None], ClientKey] = {}

    def load(self, path: str, passphrase: str | None) -> ClientKey:
        """Raises OSError, asyncssh.KeyImportError or asyncssh.KeyEncryptionError."""
        key = self._keys.get((path, passphrase))
        if key is None:
            from hotdesk.connections.library import asyncssh

            private = asyncssh.read_private_key(path, passphrase)
            certificate = Path(f"{path}-cert.pub")
            key = (private, asyncssh.read_certificate(certificate)) if exists(certificate) else private
            self._keys[path, passphrase] = key
        return key


@dataclass(slots=True)
class SSHFiles:
    """What all connections of a run share."""

    keys: KeyFiles = field(default_factory=KeyFiles)
    host_keys: HostKeyFiles = field(default_factory=HostKeyFiles)

    def prepared(self, endpoint: Endpoint) -> Prepared:
        """``ssh_options.prepare``. asyncssh is imported only here, before its first connection: it takes long, and not every run has one."""
        from hotdesk.connections import ssh, ssh_options  # noqa: F401

        return ssh_options.prepare(endpoint, self)
