"""Files that are wholly vaulted: decrypted for whoever loads them, their values made known as secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import InputError
from hotdesk.source import load_yaml_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hotdesk.place import Place
    from hotdesk.source import Decrypt
    from hotdesk.variables.vault import Vault


SHORTEST_NUMBER = 6
"""Digits. A port or an hour in a vaulted file is no secret, and part of many other numbers."""


def decrypter(vault: Vault, on_secret: Callable[[str], None] | None = None) -> Decrypt:
    """What loaders call with the content and the place of a vaulted file (blocking). ``on_secret`` hears of each value in it."""

    def decrypt(data: bytes, place: Place) -> bytes:
        plain = vault.decrypt_file(data, place)
        for value in secret_values(plain.decode("utf-8", "replace")) if on_secret is not None else ():
            on_secret(value)  # type: ignore[misc]
        return plain

    return decrypt


def secret_values(text: str) -> Iterator[str]:
    """The values of a vars file, as text; of a playbook or task file only those of variables, for its words are no secrets.

    Names of variables are none either, nor is a template: what it gives is made of values that are known themselves.
    """
    try:
        documents = load_yaml_documents(text, "", trusted=False)
    except InputError:  # whoever loads the file says so
        return
    for document in documents:
        yield from _of_tasks(document) if isinstance(document, list) else _scalars(document)


def _scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _scalars(one)
    elif isinstance(value, list | set):
        for one in value:
            yield from _scalars(one)
    elif isinstance(value, str):
        if "{{" not in value:
            yield value
    elif isinstance(value, int | float) and len(str(value)) >= SHORTEST_NUMBER:
        yield str(value)


def _of_tasks(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _of_tasks(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in ("vars", "environment", "ansible.builtin.set_fact", "set_fact"):
                yield from _scalars(one)
            else:
                yield from _of_tasks(one)
