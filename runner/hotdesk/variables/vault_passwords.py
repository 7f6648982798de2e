"""Where vault passwords come from: files, programs and people.

Source: https://docs.ansible.com/ansible/latest/vault_guide/vault_managing_passwords.html
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from hotdesk.aio import in_thread
from hotdesk.configuration_types import PROMPTS
from hotdesk.errors import VaultError
from hotdesk.frozen import frozen
from hotdesk.paths import exists, expanded, is_dir, is_file
from hotdesk.place import Place
from hotdesk.variables.vault import DEFAULT_ID, NO_PASSWORD, Vault, is_encrypted

if TYPE_CHECKING:
    from pathlib import Path

Runner = Callable[[list[str]], Awaitable[tuple[int, str, str]]]
"""``await run(argv) -> (rc, stdout, stderr)``, started by the control node's agent."""
Prompter = Callable[[str], Awaitable[str]]
UNKNOWN_ID = 2
"""What a ``-client`` program exits with when it has no password for the vault id."""


@frozen(kw_only=True)
class Asking:
    """How passwords are got: ``run`` starts programs, ``prompt`` asks a person, ``warn`` hears of a source that gives nothing.

    ``default``: the vault id of what names none. ``new``: a password to encrypt with is asked for twice.
    """

    run: Runner | None = None
    prompt: Prompter | None = None
    warn: Callable[[str], None] | None = None
    default: str = DEFAULT_ID
    new: bool = False


async def load_secrets(
    sources: Sequence[str],
    asking: Asking,
    *,
    ask: bool = False,
    match: bool = False,
    on_secret: Callable[[str], None] | None = None,
) -> Vault:
    """The vault of ``--vault-password-file``/``--vault-id`` values (PATH, ID@PATH, ID@prompt) and, with ``ask``, one more prompt.

    An executable file is run and its output is the password; a name ending in ``-client`` is given ``--vault-id ID``. A source
    that gives nothing is a warning as long as another gives a password, as with ansible-playbook: an identity list may name files
    that only others have. ``on_secret`` hears every password. Raises VaultError.
    """
    secrets: list[tuple[str, bytes]] = []
    problems: list[VaultError] = []
    for source in sources:
        name, at, origin = source.partition("@")
        name, origin = (name or asking.default, origin) if at else (asking.default, source)
        try:
            secrets.append((name, await _password(name, origin, asking, Vault(secrets))))
        except VaultError as problem:
            if origin in PROMPTS:
                raise
            problems.append(problem)
    if ask:
        secrets.append((asking.default, await _prompted("Vault password", asking)))
    if problems and not secrets:
        raise problems[0]
    for passed_over in problems if asking.warn is not None else ():
        asking.warn(passed_over.message)  # type: ignore[misc]
    for _, password in secrets if on_secret is not None else ():
        on_secret(password.decode(errors="replace"))  # type: ignore[misc]
    return Vault(secrets, match=match)


async def _password(name: str, origin: str, asking: Asking, earlier: Vault) -> bytes:
    if origin in PROMPTS:
        return await _prompted(f"vault password ({name})" if asking.new else f"Vault password ({name})", asking)
    path, content = await in_thread(_password_file, origin)
    if content is None:
        content = await _from_program(path, name, asking)
    elif is_encrypted(content.decode(errors="replace")):
        content = await in_thread(earlier.decrypt_file, content, Place(str(path)))
    if not content:
        raise VaultError(f"the vault password file {path} gives no password")
    return content


def _password_file(origin: str) -> tuple[Path, bytes | None]:
    """(absolute path, its content, None when it is a program). A pipe (``<(command)``) is read like a file."""
    path = expanded(origin).absolute()
    if is_dir(path):
        raise VaultError(f"the vault password file {path} is a directory")
    if not exists(path):
        raise VaultError(f"there is no vault password file {path}", remedy="Give a path, ID@path or ID@prompt.")
    if is_file(path) and os.access(path, os.X_OK):
        return path, None
    try:
        return path, path.read_bytes().strip()
    except OSError as problem:
        raise VaultError(f"cannot read the vault password file {path}: {problem.strerror}") from None


async def _from_program(path: Path, name: str, asking: Asking) -> bytes:
    if asking.run is None:
        raise VaultError(f"the vault password file {path} is a program, and none can be run here")
    client = path.stem.endswith("-client")
    try:
        rc, out, err = await asking.run([str(path), *(["--vault-id", name] if client else [])])
    except OSError as problem:
        raise VaultError(
            f"the vault password program {path} cannot be run: {problem.strerror or problem}",
            remedy="If it is no program, take away its x permission.",
        ) from None
    if client and rc == UNKNOWN_ID:
        raise VaultError(f"the vault password program {path} has no password for the vault id {name!r}: {err.strip()}")
    if rc != 0:
        raise VaultError(f"the vault password program {path} ended with {rc}: {err.strip()}")
    return out.strip("\r\n").encode(errors="surrogateescape")


async def _prompted(text: str, asking: Asking) -> bytes:
    if asking.prompt is None:
        raise VaultError("a vault password is to be asked for, but there is nobody to ask", remedy=NO_PASSWORD)
    password = (await asking.prompt(f"New {text}: " if asking.new else f"{text}: ")).strip()
    if not password:
        raise VaultError("the vault password that was typed is empty")
    if asking.new and (await asking.prompt(f"Confirm new {text}: ")).strip() != password:
        raise VaultError("the vault passwords that were typed differ")
    return password.encode()
