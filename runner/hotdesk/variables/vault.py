"""Ansible Vault's format, read and written: AES-256 in CTR mode with an HMAC, keys from PBKDF2.

Source: https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html#ansible-vault-payload-format-1-1-1-2
"""

from __future__ import annotations

import hashlib
import hmac
import os
from binascii import Error as HexError
from binascii import hexlify, unhexlify
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from hotdesk.aio import in_thread
from hotdesk.errors import VaultError

HEADER: Final = "$ANSIBLE_VAULT"
CIPHER: Final = "AES256"
ROUNDS: Final = 10_000
DEFAULT_ID: Final = "default"
MOST_REMEMBERED: Final = 1000
REMEDY: Final = "Give the right password with --ask-vault-pass, --vault-password-file or --vault-id."

Runner = Callable[[list[str]], Awaitable[tuple[int, str, str]]]
"""``await run(argv) -> (rc, stdout, stderr)``, started by the control node's agent."""
Prompter = Callable[[str], Awaitable[str]]


class Vault:
    """The vault passwords of a run. ``secrets``: (vault id, password), in the order they were given."""

    def __init__(self, secrets: Sequence[tuple[str, bytes]]) -> None:
        self._secrets = tuple(secrets)
        self._remembered: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Vault({', '.join(name for name, _ in self._secrets)})"

    def decrypt(self, ciphertext: str) -> bytes:
        """The plain bytes. The secrets of the same vault id are tried first, then all. Raises VaultError when none fits."""
        found = self._remembered.get(ciphertext)
        if found is not None:
            return found
        vault_id, salt, digest, data = _parsed(ciphertext)
        if not self._secrets:
            raise VaultError("this value is encrypted and there is no vault password", remedy=REMEDY)
        for _, password in sorted(self._secrets, key=lambda secret: secret[0] != vault_id):
            cipher_key, hmac_key, nonce = _keys(password, salt)
            if hmac.compare_digest(hmac.digest(hmac_key, data, "sha256"), digest):
                break
        else:
            wanted = f" (its vault id is {vault_id!r})" if vault_id else ""
            raise VaultError(f"none of the {len(self._secrets)} vault passwords fits this value{wanted}", remedy=REMEDY)
        plain = _unpadded(_aes(cipher_key, nonce, data, encrypt=False))
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[ciphertext] = plain
        return plain

    def encrypt(self, plaintext: bytes, *, vault_id: str = "") -> str:
        """``plaintext`` in vault format with the secret of ``vault_id`` (else the first). Raises VaultError without secrets."""
        matching = [password for name, password in self._secrets if not vault_id or name == vault_id]
        if not matching:
            raise VaultError(f"there is no vault password for the id {vault_id!r}", remedy=REMEDY)
        return encrypt(plaintext, matching[0], vault_id=vault_id)


def encrypt(plaintext: bytes, password: bytes, *, vault_id: str = "", salt: bytes | None = None) -> str:
    """``plaintext`` in format 1.1, or 1.2 with a vault id; ends in a newline."""
    salt = salt or os.urandom(32)
    cipher_key, hmac_key, nonce = _keys(password, salt)
    padder = PKCS7(128).padder()
    data = _aes(cipher_key, nonce, padder.update(plaintext) + padder.finalize(), encrypt=True)
    digest = hmac.digest(hmac_key, data, "sha256")
    payload = hexlify(b"\n".join(hexlify(part) for part in (salt, digest, data))).decode()
    labelled = vault_id not in ("", DEFAULT_ID)
    header = ";".join([HEADER, "1.2" if labelled else "1.1", CIPHER, *([vault_id] if labelled else [])])
    return "\n".join([header, *(payload[i : i + 80] for i in range(0, len(payload), 80)), ""])


def is_encrypted(text: object) -> bool:
    """Whether a text is in vault format."""
    return isinstance(text, str) and text.lstrip().startswith(f"{HEADER};")


def _parsed(ciphertext: str) -> tuple[str, bytes, bytes, bytes]:
    """(vault id, salt, digest, encrypted data)."""
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
    return (fields[3] if len(fields) > 3 else ""), salt, digest, data


def _keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """(cipher key, HMAC key, initial counter)."""
    derived = hashlib.pbkdf2_hmac("sha256", password, salt, ROUNDS, 80)
    return derived[:32], derived[32:64], derived[64:]


def _aes(key: bytes, nonce: bytes, data: bytes, *, encrypt: bool) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CTR(nonce))
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()


def _unpadded(data: bytes) -> bytes:
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(data) + unpadder.finalize()


async def load_secrets(
    sources: Sequence[str], *, run: Runner | None = None, prompt: Prompter | None = None, ask: bool = False
) -> Vault:
    """The vault of ``--vault-password-file``/``--vault-id`` values (PATH, ID@PATH, ID@prompt) and, with ``ask``, one more prompt.

    An executable file is run and its output is the password; a name ending in ``-client`` is given ``--vault-id ID``.
    Raises VaultError when a source cannot be read, gives nothing, or nobody can be asked.
    """
    secrets = [await _secret(source, run, prompt) for source in sources]
    if ask:
        secrets.append(await _prompted(DEFAULT_ID, prompt, "Vault password: "))
    return Vault(secrets)


async def _secret(source: str, run: Runner | None, prompt: Prompter | None) -> tuple[str, bytes]:
    name, at, origin = source.partition("@")
    if not at:
        name, origin = DEFAULT_ID, source
    name = name or DEFAULT_ID
    if origin in ("prompt", "prompt_ask_vault_pass"):
        return await _prompted(name, prompt, f"Vault password ({name}): ")
    path, content = await in_thread(_password_file, origin)
    if content is None:
        content = (await _from_script(path, name, run)).strip("\r\n").encode()
    if not content:
        raise VaultError(f"the vault password file {str(path)!r} gives no password")
    return name, content


def _password_file(origin: str) -> tuple[Path, bytes | None]:
    """(absolute path, its content, None when it is a program)."""
    path = Path(origin).expanduser().absolute()
    if not path.is_file():
        raise VaultError(f"there is no vault password file {str(path)!r}", remedy="Give a path, ID@path or ID@prompt.")
    return path, None if os.access(path, os.X_OK) else path.read_bytes().strip()


async def _from_script(path: Path, name: str, run: Runner | None) -> str:
    if run is None:
        raise VaultError(f"the vault password file {str(path)!r} is a program, and none can be run here")
    argv = [str(path), *(["--vault-id", name] if path.stem.endswith("-client") else [])]
    rc, out, err = await run(argv)
    if rc != 0:
        raise VaultError(f"the vault password program {str(path)!r} ended with {rc}: {err.strip()}")
    return out


async def _prompted(name: str, prompt: Prompter | None, text: str) -> tuple[str, bytes]:
    if prompt is None:
        raise VaultError("a vault password is to be asked for, but there is nobody to ask", remedy=REMEDY)
    password = (await prompt(text)).strip()
    if not password:
        raise VaultError("the vault password that was typed is empty")
    return name, password.encode()
