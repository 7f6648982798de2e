"""Filters that hash and encrypt."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from hotdesk.errors import nearest
from hotdesk.source import Vaulted
from hotdesk.variables.blocking import leave_loop
from hotdesk.variables.crypt import password_hash as _password_hash
from hotdesk.variables.trust import plain
from hotdesk.variables.vault import Vault, encrypt, is_encrypted

if TYPE_CHECKING:
    from collections.abc import Callable


def hash_(value: Any, hashtype: str = "sha1") -> str:
    """The hex digest of the text by any algorithm of hashlib."""
    try:
        digest = hashlib.new(hashtype, usedforsecurity=False)
    except ValueError:
        raise ValueError(
            f"there is no hash algorithm {hashtype!r}. {nearest(hashtype, hashlib.algorithms_available)}"
        ) from None
    digest.update(value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def md5(value: Any) -> str:
    return hash_(value, "md5")


def sha1(value: Any) -> str:
    return hash_(value, "sha1")


def password_hash(value: Any, *args: Any, **options: Any) -> str:
    leave_loop()  # hundreds of thousands of rounds are the point of it
    return _password_hash(value, *args, **options)


def vault(
    value: Any,
    secret: Any,
    salt: str | None = None,
    vault_id: str = "filter_default",
    wrap_object: bool = False,
    vaultid: str | None = None,
) -> str:
    """``value`` encrypted with ``secret`` in vault format."""
    data = value if isinstance(value, bytes) else str(plain(value)).encode()
    return encrypt(data, str(secret).encode(), vault_id=vaultid or vault_id, salt=salt.encode() if salt else None)


def unvault(value: Any, secret: Any, vault_id: str = "filter_default", vaultid: str | None = None) -> str:
    """The text of a vaulted value; text that is not vaulted stays as it is."""
    text = value.ciphertext if isinstance(value, Vaulted) else str(value)
    if not is_encrypted(text):
        return text
    return Vault([(vaultid or vault_id, str(secret).encode())]).decrypt(text).decode()


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "checksum": sha1,
    "hash": hash_,
    "md5": md5,
    "password_hash": password_hash,
    "sha1": sha1,
    "unvault": unvault,
    "vault": vault,
}
