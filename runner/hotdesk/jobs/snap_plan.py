"""What makes one PC's snaps like another's: pure comparison of what ``on_target/snap_state.py`` says of both."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hotdesk.jobs.base import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MACHINE = ("gadget", "kernel")
"""Types of snaps that belong to the machine."""
NEEDED = ("os", "base", "snapd")
"""Types of snaps that come, go and are renewed with those that need them."""
FOREVER = timedelta(days=50 * 365)
"""A hold that ends later than that has no end: snapd writes one as a time some centuries ahead."""
SNAP = {
    **dict.fromkeys(("type", "base", "revision", "version", "channel", "mode", "hold", "broken"), str),
    "active": bool,
    "trying": bool,
}
STATE = {"version": str, "architecture": str, "snaps": {str: SNAP}, "unfinished": [str]}
"""The shape of what a PC says."""
FILES = {str: [str, str, int]}
"""Of the files of snaps: ``NAME_REVISION`` -> path, sha256, bytes."""
Snap = dict[str, Any]


@dataclass(slots=True)
class Comparison:
    """``changes`` come in the order in which they can be done."""

    here: Mapping[str, Snap]
    """The source's snaps by name."""
    there: Mapping[str, Snap]
    files: tuple[Mapping[str, Sequence[Any]], Mapping[str, Sequence[Any]]]
    """Of both PCs' sideloaded snaps, see ``FILES``."""
    now: datetime
    exclude: Sequence[str] = ()
    delete: bool = False
    warnings: list[str] = field(default_factory=list)

    def changes(self) -> list[Change]:
        out: list[Change] = []
        for name in sorted(self.here, key=lambda name: (self.here[name]["type"] not in NEEDED, name)):
            if self._wanted(name):
                made = {change.subject: change.id for change in out if change.verb in ("install", "update")}
                out += self._snap(name, made.get(self.here[name]["base"] or "core"))
        return [*out, *self._gone()]

    def _wanted(self, name: str) -> bool:
        """A base comes by itself; only one that no store has must be brought, where it is missing."""
        one = self.here[name]
        if one["type"] in MACHINE or not self._chosen(name):
            return False
        if one["type"] in NEEDED:
            return sideloaded(one) and name not in self.there
        why = ""
        if one["trying"]:
            why = "it is a directory that somebody tries out (snap try)"
        elif one["broken"]:
            why = f"it is broken there: {one['broken']}"
        elif sideloaded(one) and f"{name}_{one['revision']}" not in self.files[0]:
            why = "it was sideloaded, and its file is not there"
        elif self.there.get(name, {}).get("trying"):
            why = "on the target it is a directory that somebody tries out (snap try)"
        if why:
            self.warnings.append(f"{name} is left: {why}")
        return not why

    def _chosen(self, name: str) -> bool:
        return not any(fnmatchcase(name, pattern) for pattern in self.exclude)

    def _snap(self, name: str, base: str | None) -> Iterator[Change]:
        one, now = self.here[name], self.there.get(name)
        before, after = self._what(1, name), self._what(0, name)
        brought = now is None or before != after
        needs: tuple[str, ...] = (base,) if base else ()
        if (
            now is not None and not now["active"] and (one["active"] or brought)
        ):  # snapd refreshes none that is disabled
            enable = Change(verb="enable", subject=name, before="disabled", after="enabled", undo="hotdesk rollback")
            yield enable
            needs = (*needs, enable.id)
        if brought:
            change = self._bring(name, before, after, needs)
            yield change
            needs = (change.id,)
        elif not one["active"] or (now or one)["active"]:
            needs = ()
        yield from self._settings(name, needs, brought)

    def _bring(self, name: str, before: str, after: str, needs: tuple[str, ...]) -> Change:
        one, now = self.here[name], self.there.get(name)
        detail = f"{_shown(now)} -> {_shown(one)}" if now else _shown(one)
        if now is None:
            undo = f"hotdesk rollback: snap remove {name}"
        elif sideloaded(one):
            undo = f"snap revert {name}, while {before.split()[0]} is kept"
        else:
            undo = f"hotdesk rollback: snap revert --revision={now['revision']} {name}, while that is kept"
        verb = "update" if now else "install"
        return Change(verb=verb, subject=name, detail=detail, before=before, after=after, needs=needs, undo=undo)

    def _settings(self, name: str, needs: tuple[str, ...], brought: bool) -> Iterator[Change]:
        """Channel, hold, and whether it is disabled: each a change of its own."""
        one, now = self.here[name], self.there.get(name)
        channel = now["channel"] if now else ""
        if one["channel"] and one["channel"] != channel:
            # snap list, by which a rollback looks, shows no branch of a channel
            seen = "hotdesk rollback: " if max(channel.count("/"), one["channel"].count("/")) < 2 else ""
            yield Change(
                verb="switch", subject=name, detail=f"{channel or 'no channel'} -> {one['channel']}", before=channel,
                after=one["channel"], needs=needs, undo=f"{seen}snap switch --channel={channel} {name}" if channel else "",
            )  # fmt: skip
        wanted, held = self.until(one["hold"]), self.until(now["hold"]) if now else ""
        if wanted != held:
            verb = "hold" if wanted else "unhold"
            undo = "hotdesk rollback" if "" in (wanted, held) else ""
            yield Change(
                verb=verb, subject=name, detail=f"{held or 'not held'} -> {wanted or 'not held'}", before=held,
                after=wanted, needs=needs, undo=undo,
            )  # fmt: skip
        if not one["active"] and (now is None or now["active"] or brought):
            yield Change(
                verb="disable", subject=name, before="enabled", after="disabled", needs=needs, undo="hotdesk rollback"
            )

    def alike(self) -> list[str]:
        """Names of the snaps that both have, and neither base nor the machine's own, with the same content."""
        both = (name for name in sorted(self.here) if name in self.there and self._chosen(name))
        apps = (name for name in both if self.here[name]["type"] not in (*MACHINE, *NEEDED))
        return [name for name in apps if self._what(0, name) == self._what(1, name)]

    def until(self, hold: str) -> str:
        """How long a snap is held: ``forever``, a time, or not (any more)."""
        if not hold or (end := moment(hold)) <= self.now:
            return ""
        return "forever" if end - self.now > FOREVER else hold

    def _gone(self) -> Iterator[Change]:
        """What only the target has. Its bases stay: snapd removes none that something needs, and nobody wants the others."""
        for name, now in sorted(self.there.items()) if self.delete else ():
            if name in self.here or now["type"] in (*MACHINE, *NEEDED) or not self._chosen(name):
                continue
            data = "snapd keeps its data for a month (snap saved, snap restore)"
            undo = (
                ""
                if sideloaded(now)
                else f"snap install --revision={now['revision']} {name}, while the store has it; {data}"
            )
            yield Change(
                verb="remove", subject=name, detail=_shown(now), destructive=True, before=self._what(1, name), undo=undo
            )

    def _what(self, end: int, name: str) -> str:
        """What makes it the same on two PCs; a sideloaded one is what its file is, since each PC counts those by itself."""
        one = (self.here, self.there)[end].get(name)
        if one is None:
            return ""
        revision = one["revision"]
        if sideloaded(one):
            _, digest, _ = self.files[end].get(f"{name}_{revision}", ("", "unknown", 0))
            revision = f"file {digest[:16]}"
        return f"{revision} {one['mode']}"


def sideloaded(one: Snap) -> bool:
    """Installed from a file, and not vouched for by a store."""
    return str(one["revision"]).startswith("x")


def files_of(here: Mapping[str, Snap], there: Mapping[str, Snap]) -> tuple[list[str], list[str]]:
    """The files whose content must be known: of what is sideloaded on the source, and on the target where both have it."""
    ours = [f"{name}_{one['revision']}" for name, one in here.items() if sideloaded(one)]
    theirs = [f"{name}_{one['revision']}" for name, one in there.items() if sideloaded(one) and name in here]
    return ours, theirs


def moment(text: str) -> datetime:
    """A time as snapd writes it (RFC 3339, up to nine digits of a second)."""
    return datetime.fromisoformat(re.sub(r"\.\d+", "", text).replace("Z", "+00:00"))


def _shown(one: Snap) -> str:
    mode = "" if one["mode"] == "strict" else f", {one['mode']}"
    return f"{one['version']} (revision {one['revision']}{mode})"
