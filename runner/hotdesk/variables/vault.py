"""Ansible Vault's format, read and written: AES-256 in CTR mode with an HMAC, keys from PBKDF2.

Source: https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html#ansible-vault-payload-format-1-1-1-2
"""

from __future__ import annotations

import hashlib
import hmac
import os
from binascii import Error as HexError
from binascii import hexlify, unhexlify
from typing import TYPE_CHECKING, Final

from hotdesk.errors import VaultError, nearest
from hotdesk.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotdesk.place import Place

HEADER: Final = "$ANSIBLE_VAULT"
CIPHER: Final = "AES256"
ROUNDS: Final = 10_000
DEFAULT_ID: Final = "default"
MOST_REMEMBERED: Final = 1000
_OPTIONS: Final = "--ask-vault-pass, --vault-password-file or --vault-id"
NO_PASSWORD: Final = f"Give the password with {_OPTIONS}."
WRONG_PASSWORD: Final = f"Give the right password with {_OPTIONS}."


@frozen
class Envelope:
    """What a vaulted text is made of. ``vault_id`` is empty in format 1.1, which has none."""

    vault_id: str
    salt: bytes
    digest: bytes
    data: bytes


class Vault:
    """The vault passwords of a run. ``secrets``: (vault id, password), in the order they were given.

    ``match``: only a secret of the same vault id is tried (``vault_id_match``).
    """

    def __init__(self, secrets: Sequence[tuple[str, bytes]], *, match: bool = False) -> None:
        self._secrets = tuple(secrets)
        self._match = match
        self._remembered: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Vault({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The vault ids there are passwords for, in order."""
        return tuple(name for name, _ in self._secrets)

    def known(self, ciphertext: str) -> bytes | None:
        """The plain bytes when they have been worked out before: deriving a key takes milliseconds."""
        return self._remembered.get(ciphertext)

    def decrypt(self, ciphertext: str, place: Place | None = None) -> bytes:
        """The plain bytes. The secrets of the same vault id are tried first, then all. Blocking (CPU).

        Raises VaultError, with ``place``, when none fits or the text is damaged.
        """
        found = self._remembered.get(ciphertext)
        if found is not None:
            return found
        if not self._secrets and place is not None and not place.line:  # a whole file
            text = f"there is no vault password ({_OPTIONS}): A vault password or secret must be specified to decrypt {place.file}"
            raise VaultError(text, place=place)
        try:
            _, plain = self._opened(parsed(ciphertext))
        except VaultError as problem:
            raise VaultError(problem.message, place=place, remedy=problem.remedy) from None
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[ciphertext] = plain
        return plain

    def decrypt_file(self, data: bytes, place: Place) -> bytes:
        """A file that is wholly vaulted. Raises VaultError with its place."""
        return self.decrypt(data.decode("utf-8", "replace"), place)

    def fitting(self, ciphertext: str, place: Place | None = None) -> tuple[str, bytes]:
        """(vault id of the text, the password that opens it). Blocking (CPU). Raises VaultError as ``decrypt`` does."""
        try:
            envelope = parsed(ciphertext)
            return envelope.vault_id, self._opened(envelope)[0]
        except VaultError as problem:
            raise VaultError(problem.message, place=place, remedy=problem.remedy) from None

    @property
    def newest(self) -> tuple[str, bytes]:
        """The (vault id, password) given last. There must be one."""
        return self._secrets[-1]

    def password(self, vault_id: str = "") -> tuple[str, bytes]:
        """(vault id, password) to encrypt with: that of ``vault_id``, else the first. Raises VaultError."""
        for name, password in self._secrets:
            if not vault_id or name == vault_id:
                return name, password
        if vault_id:
            raise VaultError(
                f"there is no password for the vault id {vault_id!r}",
                remedy=nearest(vault_id, self.ids) or f"There are {', '.join(self.ids) or 'none'}.",
            )
        raise VaultError("there is no vault password", remedy=NO_PASSWORD)

    def _opened(self, envelope: Envelope) -> tuple[bytes, bytes]:
        """(the password that fits, the plain bytes)."""
        if not self._secrets:
            raise VaultError(
                "Attempting to decrypt but no vault secrets found. There is no vault password.", remedy=NO_PASSWORD
            )
        wanted = envelope.vault_id or DEFAULT_ID
        tried = sorted(self._secrets, key=lambda secret: secret[0] != wanted)
        if self._match:
            tried = [secret for secret in tried if secret[0] == wanted]
        for _, password in tried:
            cipher_key, hmac_key, nonce = _keys(password, envelope.salt)
            if hmac.compare_digest(hmac.digest(hmac_key, envelope.data, "sha256"), envelope.digest):
                return password, _unpadded(_aes(cipher_key, nonce, envelope.data, encrypt=False))
        raise self._misfit(envelope.vault_id, len(tried))

    def _misfit(self, vault_id: str, tried: int) -> VaultError:
        label = f" (its vault id is {vault_id!r})" if vault_id else ""
        if not tried:
            return VaultError(
                f"there is no password for the vault id of this{label}, and vault_id_match allows no other",
                remedy=f"Give it: --vault-id {vault_id or DEFAULT_ID}@FILE.",
            )
        which = "the vault password does not fit" if tried == 1 else f"none of the {tried} vault passwords fits"
        return VaultError(f"{which}{label}", remedy=WRONG_PASSWORD)


def encrypt(plaintext: bytes, password: bytes, *, vault_id: str = "", salt: bytes | None = None) -> str:
    """``plaintext`` in format 1.1, or 1.2 with a vault id; ends in a newline."""
    salt = salt or os.urandom(32)
    cipher_key, hmac_key, nonce = _keys(password, salt)
    data = _aes(cipher_key, nonce, _padded(plaintext), encrypt=True)
    digest = hmac.digest(hmac_key, data, "sha256")
    payload = hexlify(b"\n".join(hexlify(part) for part in (salt, digest, data))).decode()
    labelled = vault_id not in ("", DEFAULT_ID)
    header = ";".join([HEADER, "1.2" if labelled else "1.1", CIPHER, *([vault_id] if labelled else [])])
    return "\n".join([header, *(payload[i : i + 80] for i in range(0, len(payload), 80)), ""])


class Decrypted(str):
    """What a ``!vault`` value holds, as templates see it: ``is vault_encrypted`` still knows it. Whatever is made of it is plain text."""

    __slots__ = ()


def is_encrypted(text: object) -> bool:
    """Whether a text is in vault format."""
    return isinstance(text, str) and text.lstrip().startswith(f"{HEADER};")


def parsed(ciphertext: str) -> Envelope:
    """The parts of a vaulted text. Raises VaultError when it is none, of another format, or damaged."""
    first, *rest = ciphertext.split() or [""]
    fields = first.split(";")
    if fields[0] != HEADER or len(fields) < 3:
        raise VaultError("this is not a vaulted value: it does not begin with $ANSIBLE_VAULT;1.1;AES256")
    if fields[1] not in ("1.1", "1.2") or fields[2] != CIPHER:
        raise VaultError(f"the vault format {fields[1]} {fields[2]} is not known; 1.1 and 1.2 with {CIPHER} are")
    try:
        salt, digest, data = (unhexlify(part) for part in unhexlify("".join(rest)).split(b"\n", 2))
    except (HexError, ValueError):
        raise VaultError("the vaulted value is damaged: it is not complete or not hexadecimal") from None
    return Envelope(fields[3] if len(fields) > 3 else "", salt, digest, data)


def _keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """(cipher key, HMAC key, initial counter)."""
    derived = hashlib.pbkdf2_hmac("sha256", password, salt, ROUNDS, 80)
    return derived[:32], derived[32:64], derived[64:]


def _aes(key: bytes, nonce: bytes, data: bytes, *, encrypt: bool) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # late: few have vaulted values

    cipher = Cipher(algorithms.AES(key), modes.CTR(nonce))
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()


def _padded(data: bytes) -> bytes:
    from cryptography.hazmat.primitives.padding import PKCS7

    padder = PKCS7(128).padder()
    return padder.update(data) + padder.finalize()


def _unpadded(data: bytes) -> bytes:
    from cryptography.hazmat.primitives.padding import PKCS7

    unpadder = PKCS7(128).unpadder()
    return unpadder.update(data) + unpadder.finalize()
