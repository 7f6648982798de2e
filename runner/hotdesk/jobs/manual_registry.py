"""The registry of what is installed by hand: for each item how it is installed and how its version is asked for. YAML, kept on the PCs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotdesk.errors import InputError, nearest
from hotdesk.frozen import frozen
from hotdesk.source import load_yaml, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REGISTRY = "/etc/hotdesk/manual.yml"
KINDS = ("debs", "trees")
BODIES = ("install", "version", "remove")
LONGEST = 64 << 10
"""Characters of a snippet: it travels as one string of an environment or a command line, which may have 128 KiB (execve(2))."""


@frozen
class Snippets:
    """One item's. All are scripts for bash."""

    install: str
    """As root; installs it, or brings it to the source's version."""
    version: str
    """As nobody; prints the version that is installed."""
    remove: str = ""
    needs: tuple[str, ...] = ()
    """Items without which it cannot be installed."""


class RegistryError(InputError):
    """The registry of a PC says something that it cannot mean."""


def item(kind: str, name: str) -> str:
    """``deb slack`` or ``/opt/zoom``: how plans call it."""
    return f"deb {name}" if kind == "debs" else name


def parse(text: str, file: str) -> dict[str, Snippets]:
    """item -> its snippets. Raises RegistryError with the place and remedy of what is wrong."""
    document = load_yaml(text, file, error=RegistryError, trusted=False)
    found: dict[str, Snippets] = {}
    for kind, entries in _mapping(document or {}, "the registry", KINDS):
        for name, entry in _mapping(entries or {}, kind):
            found[_name(kind, name, entries)] = _snippets(entry, item(kind, str(name)))
    for each, snippets in found.items():
        for need in snippets.needs:
            if need not in found:
                raise RegistryError(
                    f"{file}: {each} needs {need!r}, which is not in the registry", remedy=nearest(need, found)
                )
    _in_order(found, file)
    return found


def _mapping(value: Any, what: str, known: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, dict):
        raise RegistryError(f"{what} is a mapping", place=place_of(value))
    for key in value:
        if known and key not in known:
            text = f"{what}: {key!r} is none of {', '.join(known)}"
            raise RegistryError(text, place=place_of(value), remedy=nearest(str(key), known))
    yield from value.items()


def _name(kind: str, name: Any, where: Any) -> str:
    if not isinstance(name, str) or not name or (kind == "trees" and (not name.startswith("/") or name.endswith("/"))):
        wanted = "the name of a package" if kind == "debs" else "an absolute path without a slash at its end"
        raise RegistryError(f"{kind}: {name!r} is not {wanted}", place=place_of(where))
    return item(kind, name)


def _snippets(entry: Any, name: str) -> Snippets:
    given = dict(_mapping(entry, name, (*BODIES, "needs")))
    for body in BODIES:
        text = given.get(body)
        if body != "remove" and (not isinstance(text, str) or not text.strip()):
            raise RegistryError(f"{name} has no {body}: both install and version are needed", place=place_of(entry))
        if text is not None and (not isinstance(text, str) or len(text) > LONGEST or "\0" in text):
            raise RegistryError(f"{name}: {body} is a script of at most {LONGEST >> 10} KiB", place=place_of(entry))
    needs = given.pop("needs", None) or []
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise RegistryError(f"{name}: needs is a list of items ('deb NAME' or a path)", place=place_of(entry))
    return Snippets(**{body: given.get(body) or "" for body in BODIES}, needs=tuple(map(str, needs)))


def _in_order(found: Mapping[str, Snippets], file: str) -> None:
    for each in found:
        if each in needed(found, each):
            raise RegistryError(f"{file}: {each} needs itself, by way of {', '.join(found[each].needs)}")


def needed(found: Mapping[str, Snippets], each: str) -> set[str]:
    """All that an item needs, and what these need."""
    out: set[str] = set()
    ahead = list(found[each].needs)
    while ahead:
        one = ahead.pop()
        if one not in out:
            out.add(one)
            ahead += found[one].needs
    return out


def ordered(found: Mapping[str, Snippets], items: list[str]) -> list[str]:
    """``items`` so that each comes after what it needs."""
    return sorted(items, key=lambda each: (len(needed(found, each)) if each in found else 0, each))
