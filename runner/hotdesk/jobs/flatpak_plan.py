"""What makes one flatpak installation like another: pure comparison of what ``on_target/flatpak_state.py`` says of both."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hotdesk.jobs.base import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TOLD = (
    *("url", "metalink", "mirrorlist", "contenturl", "proxy", "collection-id", "gpg-verify", "gpg-verify-summary"),
    *("xa.filter", "xa.noenumerate", "xa.nodeps", "xa.disable", "xa.prio", "xa.subset", "xa.authenticator-name"),
)
"""Of a remote's settings, what somebody has told flatpak; the rest it has fetched from the remote, and will again."""
STATE = {
    "there": bool,
    "remotes": {str: {"options": {str: str}, "trust": bytes, "filter": (str, None)}},
    "refs": {str: {"commit": str, "runtime": str}},
    "masks": [str],
    "pins": [str],
}
"""The shape of what a PC says."""
Installation = dict[str, Any]


@dataclass(slots=True)
class Scope:
    """The system's installation (``user`` is empty) or a person's, on both PCs. ``changes`` come in the order in which they can be done."""

    user: str
    here: Installation
    there: Installation
    origins: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    """Ref -> the remote it was installed from, on both."""
    denied: frozenset[str] = frozenset()
    """Refs that the source's own filters do not let through."""
    exclude: Sequence[str] = ()
    delete: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def suffix(self) -> str:
        return f" for {self.user}" if self.user else ""

    def wants(self, name: str) -> bool:
        return not any(fnmatchcase(name, pattern) for pattern in self.exclude)

    def changes(self) -> list[Change]:
        first = [*self._remotes()]
        known = {change.id for change in first}
        refs = [*self._refs(known)]
        lists = [*self._patterns("mask", "masks"), *self._patterns("pin", "pins")]
        gone = [*self._gone()] if self.delete else []
        return [*first, *refs, *lists, *gone]

    def _remotes(self) -> Iterator[Change]:
        for name, one in sorted(self.here["remotes"].items()):
            now = self.there["remotes"].get(name)
            if not one["options"].get("url") or not self.wants(name):
                continue
            if one["options"].get("gpg-verify", "true") == "true" and not one["trust"]:
                self.warnings.append(
                    f"remote {name}{self.suffix}: it is to be verified, and there is no key to do it with"
                )
            if "xa.filter" in one["options"] and one["filter"] is None:
                self.warnings.append(
                    f"remote {name}{self.suffix}: its filter {one['options']['xa.filter']} cannot be read"
                )
            wanted = essence(one)
            if now is not None and essence(now) == wanted:
                continue
            detail = plain(one["options"]["url"])
            if now is not None:
                differ = [key for key, value in wanted.items() if essence(now).get(key) != value]
                differ += [key for key in essence(now) if key not in wanted]
                detail = (
                    f"{plain(now['options'].get('url', ''))} -> {detail}"
                    if "url" in differ
                    else ", ".join(sorted(differ))
                )
            yield Change(
                verb="add" if now is None else "update", subject=f"remote {name}{self.suffix}", detail=detail,
                before=digest(essence(now)) if now else "", after=digest(wanted),
                undo=f"flatpak remote-delete {name}" if now is None else "",
            )  # fmt: skip

    def _refs(self, known: set[str]) -> Iterator[Change]:
        """Runtimes before what runs on them."""
        made: set[str] = set()
        for ref, one in sorted(
            self.here["refs"].items(), key=lambda item: (not item[0].startswith("runtime/"), item[0])
        ):
            now, origin = self.there["refs"].get(ref), self.origins[0].get(ref, "")
            if not self.wants(ref) or not self.wants(ref.split("/")[1]) or (now and now["commit"] == one["commit"]):
                continue
            if not self.here["remotes"].get(origin, {}).get("options", {}).get("url"):
                self.warnings.append(f"{ref}{self.suffix} is left: it came from a file, not from a remote")
                continue
            if ref in self.denied:
                self.warnings.append(
                    f"{ref}{self.suffix} is left: the filter of {origin} does not let it through, on the source neither"
                )
                continue
            needs = [f"{verb} remote {origin}{self.suffix}" for verb in ("add", "update")]
            needs = [need for need in needs if need in known]
            needs += [
                ident
                for ident in (f"{verb} runtime/{one['runtime']}{self.suffix}" for verb in ("install", "update"))
                if ident in made
            ]
            change = Change(
                verb="update" if now else "install", subject=f"{ref}{self.suffix}",
                detail=f"{now['commit'][:12]} -> {one['commit'][:12]}" if now else f"{one['commit'][:12]} from {origin}",
                before=now["commit"] if now else "", after=one["commit"], needs=tuple(needs),
                undo=f"flatpak update --commit={now['commit']} {ref}, while {origin} has it" if now else f"flatpak uninstall {ref}",
            )  # fmt: skip
            made.add(change.id)
            yield change

    def _patterns(self, verb: str, which: str) -> Iterator[Change]:
        for pattern in self.here[which]:
            if pattern not in self.there[which] and self.wants(pattern):
                yield Change(verb=verb, subject=f"{pattern}{self.suffix}", undo=f"flatpak {verb} --remove {pattern}")

    def _gone(self) -> Iterator[Change]:
        """What only the target has: patterns, apps, then runtimes, and remotes that nothing is left of."""
        for verb, which in (("mask", "masks"), ("pin", "pins")):
            for pattern in self.there[which]:
                if pattern not in self.here[which] and self.wants(pattern):
                    yield Change(
                        verb=f"un{verb}",
                        subject=f"{pattern}{self.suffix}",
                        undo=f"flatpak {verb} {pattern}",
                        destructive=True,
                    )
        going: dict[str, list[str]] = {}
        for ref, now in sorted(self.there["refs"].items()):
            if ref in self.here["refs"] or not self.wants(ref) or not self.wants(ref.split("/")[1]):
                continue
            origin = self.origins[1].get(ref, "")
            change = Change(
                verb="uninstall", subject=f"{ref}{self.suffix}", detail=now["commit"][:12], destructive=True, before=now["commit"],
                undo=f"flatpak install {origin} {ref}, while it has that",
            )  # fmt: skip
            going.setdefault(origin, []).append(change.id)
            yield change
        for name in sorted(self.there["remotes"]):
            used = [ref for ref, origin in self.origins[1].items() if origin == name]
            if name in self.here["remotes"] or not self.wants(name):
                continue
            if len(used) > len(going.get(name, [])):
                self.warnings.append(f"remote {name}{self.suffix} stays: {used[0]} is from it")
                continue
            url = plain(self.there["remotes"][name]["options"].get("url", ""))
            yield Change(
                verb="remove", subject=f"remote {name}{self.suffix}", detail=url, destructive=True, needs=tuple(going.get(name, ())),
                undo=f"flatpak remote-add {name} {url}",
            )  # fmt: skip


def essence(remote: Mapping[str, Any]) -> dict[str, str]:
    """What makes two remotes the same: what was told, the keys, the filter's text."""
    options = {"gpg-verify": "true", **remote["options"]}
    found = {key: options[key] for key in TOLD if options.get(key)}
    found["keys"] = hashlib.sha256(remote["trust"]).hexdigest()
    found["filter"] = remote["filter"] or ""
    return found


def told(remote: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a remote that is to be like this one. Its keys become its own, so it looks for none elsewhere."""
    return {key: value for key, value in remote["options"].items() if key != "gpgkeypath"}


def plain(url: str) -> str:
    """Without a user's name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def digest(found: Mapping[str, str]) -> str:
    text = json.dumps({key: plain(value) for key, value in found.items()}, sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def by_ref(text: str, kind: str) -> dict[str, str]:
    """What ``flatpak list --app`` (or ``--runtime``) ``--columns=ref:f,origin:f`` prints: ref -> origin."""
    pairs = (line.split("\t") for line in text.splitlines() if "\t" in line)
    return {f"{kind}/{ref.removeprefix(kind + '/')}": origin for ref, origin, *_ in pairs}


def subjects(installation: Installation, suffix: str) -> set[str]:
    """Subjects of changes that there is something of."""
    names = {
        *installation["refs"],
        *installation["masks"],
        *installation["pins"],
        *(f"remote {name}" for name in installation["remotes"]),
    }
    return {name + suffix for name in names}
