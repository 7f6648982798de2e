"""Password hashes as login programs store them, made by the control node's libcrypt (crypt(3), crypt(5)).

Python has no crypt module from 3.13 on; the C library's is there on every Linux that has passwords.
"""

from __future__ import annotations

import re
import secrets
import string
import threading
from functools import cache
from typing import Any, Final

from hotdesk.errors import TemplateError, nearest
from hotdesk.frozen import frozen

SALT_LETTERS: Final = string.ascii_letters + string.digits + "./"
_LOCK: Final = threading.Lock()


@frozen
class Method:
    """``ident``: what stands between the dollar signs. Salt lengths in characters."""

    ident: str
    salt_size: int
    exact: bool = False
    rounds: str = ""
    """How a number of rounds is written; empty: this method has none."""
    default_rounds: int | None = None
    most_rounds: int = 5_000_000


METHODS: Final = {
    "md5_crypt": Method("1", 8),
    "bcrypt": Method("2b", 22, exact=True, rounds="{:02d}", default_rounds=12, most_rounds=16),
    "sha256_crypt": Method("5", 16, rounds="rounds={}"),
    "sha512_crypt": Method("6", 16, rounds="rounds={}"),
}
SHORT: Final = {"md5": "md5_crypt", "blowfish": "bcrypt", "sha256": "sha256_crypt", "sha512": "sha512_crypt"}


def password_hash(
    password: Any,
    hashtype: str = "sha512",
    salt: str | None = None,
    salt_size: int | None = None,
    rounds: int | None = None,
    ident: str | None = None,
) -> str:
    """``password`` hashed for /etc/shadow. Without ``salt`` each call gives another text. Raises TemplateError."""
    name = SHORT.get(hashtype, hashtype)
    if name not in METHODS:
        raise TemplateError(
            f"password_hash has no hash type {hashtype!r}",
            remedy=nearest(hashtype, [*SHORT, *METHODS]) or f"It has {', '.join(SHORT)}.",
        )
    method = METHODS[name]
    salt = salt if salt else "".join(secrets.choice(SALT_LETTERS) for _ in range(salt_size or method.salt_size))
    if not re.fullmatch(r"[A-Za-z0-9./]+", salt):
        raise TemplateError("the salt of password_hash may hold only letters, digits, '.' and '/'")
    if len(salt) > method.salt_size or (method.exact and len(salt) != method.salt_size):
        raise TemplateError(
            f"the salt of {hashtype} must have {'' if method.exact else 'at most '}{method.salt_size} characters"
        )
    cost = rounds or method.default_rounds
    if cost and cost > method.most_rounds:
        raise TemplateError(
            f"password_hash with {cost:,} rounds would take minutes or more: {method.most_rounds:,} are the most"
        )
    parts = ["", ident or method.ident, *([method.rounds.format(cost)] if cost and method.rounds else []), salt]
    return crypt(str(password), "$".join(parts))


def crypt(password: str, setting: str) -> str:
    """crypt(3) of the C library. Raises TemplateError when this system's cannot make such a hash."""
    library = _library()
    with _LOCK:  # crypt() gives a pointer to one static buffer
        result = library.crypt(password.encode(), setting.encode())
    if result is None or result.startswith(b"*"):
        raise TemplateError(f"libcrypt of this computer cannot make hashes of the kind ${setting.split('$')[1]}$")
    return bytes(result).decode()


@cache
def _library() -> Any:
    import ctypes  # late: it is slow to import, and rarely needed

    for name in ("libcrypt.so.1", "libcrypt.so.2"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        if library is not None:
            library.crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
            library.crypt.restype = ctypes.c_char_p
            return library
    raise TemplateError(
        "password_hash needs libcrypt, which this computer does not have",
        remedy="Install libcrypt1 (Debian) or libxcrypt.",
    )
