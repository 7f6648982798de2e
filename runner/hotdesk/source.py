"""The user's YAML becomes plain values that remember their place, and that alone may be templates (R6, R7).

``Trusted`` is Ansible 2.19's "trusted as template": text from a playbook, inventory, vars file or the command line.
Everything else, above all what a host sends, is a plain ``str`` and is never rendered. Operations on a Trusted give a plain ``str``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotdesk.place import Place


class Trusted(str):
    """Text the user wrote; may be a template. ``place`` is where it stands (None: the command line)."""

    __slots__ = ("place",)
    place: Place | None

    def __new__(cls, text: str, place: Place | None = None) -> Trusted:
        self = super().__new__(cls, text)
        self.place = place
        return self


class Map(dict[Any, Any]):
    """A YAML mapping that knows its place. Keys are Trusted, so each key knows its own."""

    __slots__ = ("place",)
    place: Place | None

    def __init__(self, items: Any = (), place: Place | None = None) -> None:
        super().__init__(items)
        self.place = place


class Seq(list[Any]):
    """A YAML sequence that knows its place."""

    __slots__ = ("place",)
    place: Place | None

    def __init__(self, items: Any = (), place: Place | None = None) -> None:
        super().__init__(items)
        self.place = place


class Vaulted:
    """A ``!vault`` value, still encrypted; decrypted by ``variables.vault`` when a template first needs it. Never shown."""

    __slots__ = ("ciphertext", "place")

    def __init__(self, ciphertext: str, place: Place | None = None) -> None:
        self.ciphertext = ciphertext
        self.place = place

    def __repr__(self) -> str:
        return "Vaulted(...)"


def place_of(value: object) -> Place | None:
    """Where the user wrote ``value``, if it knows."""
    return getattr(value, "place", None)
