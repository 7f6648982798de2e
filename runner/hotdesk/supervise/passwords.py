"""Passwords for the connections of a run: asked for before anything else, or read from the files that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.aio import in_thread
from hotdesk.connections.base import Secret
from hotdesk.errors import InputError
from hotdesk.paths import expanded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hotdesk.redaction import Redaction
    from hotdesk.settings import Settings


async def passwords(
    settings: Settings, prompt: Callable[..., Awaitable[str]] | None, redaction: Redaction | None
) -> tuple[Secret | None, Secret | None]:
    """-k and -K, asked for before anything else; or the files that hold them (ANSIBLE_CONNECTION_PASSWORD_FILE and its like)."""
    found: list[Secret | None] = []
    for wanted, file, text in (
        (settings.ask_pass, settings.connection_password_file, "SSH password: "),
        (settings.become_ask_pass, settings.become_password_file, "BECOME password: "),
    ):
        if file is not None:
            answer = await in_thread(_password_in, file)
        elif not wanted:
            found.append(None)
            continue
        elif prompt is None:
            raise InputError(f"{text.strip(': ')} is to be asked for, but there is no terminal")
        else:
            answer = await prompt(text, echo=False)
            if not answer and found and found[0] is not None:
                answer = found[0].value  # as Ansible: return means "the same"
        if redaction is not None:
            redaction.add(answer)
        found.append(Secret(answer))
    return found[0], found[1]


def _password_in(file: Path) -> str:
    try:
        return expanded(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"cannot read the password file {file}: {problem}") from None
