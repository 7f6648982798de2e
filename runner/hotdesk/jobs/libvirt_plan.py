"""What makes one PC's libvirt like another's: pure comparison of what ``on_target/libvirt_state.py`` says of both. Never a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.jobs import libvirt_xml as xml
from hotdesk.jobs.base import Change

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

OFF = "shut off"
BACK = "hotdesk rollback"
"""For ``Change.undo``: what the job's notes bring back."""
MOVED_POOLS = ("dir", "netfs")
"""Types of pools that are not a disk, volume group or host of one machine's."""
_FILE = {"size": int, "mtime": int, "used": int, "mode": int, "owner": str, "group": str}
FILES = {str: _FILE}
_MADE = {"uuid": str, "xml": str, "active": bool, "persistent": bool, "autostart": bool}
STATE = {
    **dict.fromkeys(("libvirt", "architecture"), str),
    "domains": {
        str: {
            **dict.fromkeys(("uuid", "xml", "state", "current"), str),
            **dict.fromkeys(("saved", "persistent", "autostart"), bool),
            "snapshots": {str: str},
            "files": [str],
            "problems": [str],
        }
    },
    "networks": {str: _MADE},
    "pools": {str: _MADE},
    "files": FILES,
    "unfinished": [str],
}
"""The shape of what a PC says."""


@frozen
class Wish:
    """The arguments that decide what is to be the same."""

    parts: Collection[str] = ("networks", "pools", "domains")
    exclude: Sequence[str] = ()
    running: str = "refuse"
    delete: bool = False

    def wants(self, part: str, name: str) -> bool:
        return part in self.parts and not any(fnmatchcase(name, pattern) for pattern in self.exclude)


@dataclass(slots=True)
class Disks:
    """Files that go together, since domains build upon the same ones."""

    names: list[str]
    files: list[str]
    here: list[str] = field(default_factory=list)
    """Domains of the source that run or are saved."""
    there: list[str] = field(default_factory=list)
    """And of the target."""

    @property
    def subject(self) -> str:
        return f"disks of {', '.join(self.names)}"


@dataclass(slots=True)
class Comparison:
    """``compare`` it, then: ``changes`` in the order in which they can be done, ``disks`` by subject, and ``left``: what cannot be moved -> why."""

    here: Mapping[str, Any]
    there: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    """What the target has at the paths of the source's files."""
    lacking: Collection[str]
    """Paths that domains of the source need and the target has not."""
    wish: Wish
    same: Mapping[str, bool] = field(default_factory=dict)
    """Path -> whether its content is the same, where it was read."""
    became: Mapping[str, str] = field(default_factory=dict)
    """Path -> what somebody did with it on the target since the last sync."""
    changes: list[Change] = field(default_factory=list)
    disks: dict[str, Disks] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Domains that run (or are saved), and whose disks would have to be copied: name -> on which side."""

    def compare(self) -> Comparison:
        movable = self._movable()
        for kind in ("network", "pool"):
            self.changes += self._made(kind)
        for disks in self._groups(movable):
            self.changes += self._files(disks)
        self.changes += [
            change for name in movable if f"domain {name}" not in self.left for change in self._domain(name)
        ]
        for kind in ("domain", "network", "pool"):
            self.changes += self._gone(kind)
        return self

    # --- what can be moved

    def _movable(self) -> list[str]:
        names = []
        for name, one in sorted(self.here["domains"].items()):
            if not self.wish.wants("domains", name):
                continue
            if why := self._hindrance(one, name):
                self.left[f"domain {name}"] = why
            else:
                names.append(name)
        return names

    def _hindrance(self, one: Mapping[str, Any], name: str) -> str:
        if not one["persistent"]:
            return "it is gone when it ends (transient)"
        if one["problems"]:
            return str(one["problems"][0])
        if lost := [path for path in xml.needed(one["xml"]) if path in self.lacking]:
            return f"the target has no {lost[0]}: install there what holds it"
        other = next((each for each, now in self.there["domains"].items() if now["uuid"] == one["uuid"]), name)
        if other != name:
            return f"it is called {other} there: virsh domrename {other} {name}"
        for pool in xml.pools_of(one["xml"]):
            if pool not in self.there["pools"] and not self._moves("pool", pool):
                return f"its pool {pool} is not there"
        return ""

    def _moves(self, kind: str, name: str) -> bool:
        one = self.here[f"{kind}s"].get(name)
        return one is not None and self.wish.wants(f"{kind}s", name) and not self._foreign(kind, one)

    def _foreign(self, kind: str, one: Mapping[str, Any]) -> str:
        if not one["persistent"]:
            return "it is gone when it ends (transient)"
        if kind == "pool" and (type_ := xml.pool_type(one["xml"])) not in MOVED_POOLS:
            return f"it is of the type {type_}, which belongs to the machine"
        return ""

    # --- networks and pools

    def _made(self, kind: str) -> Iterator[Change]:
        for name, one in sorted(self.here[f"{kind}s"].items()):
            if not self.wish.wants(f"{kind}s", name):
                continue
            if why := self._foreign(kind, one):
                self.left[f"{kind} {name}"] = why
                continue
            now = self.there[f"{kind}s"].get(name)
            after = xml.digest(kind, one["xml"])
            if now is None:
                detail = ", ".join(["started"] * one["active"] + ["autostart"] * one["autostart"])
                yield Change(verb="create", subject=f"{kind} {name}", detail=detail, after=after, undo=BACK)
                continue
            differs = xml.differing(kind, one["xml"], now["xml"])
            users = self._inside(name) if kind == "network" and differs and now["active"] else []
            if users:
                self.left[f"{kind} {name}"] = f"it is another one there, and {', '.join(users)} runs in it"
                continue
            aspects = _aspects(differs, one, now)
            if one["active"] and not now["active"]:
                aspects.append("started")
            if aspects:
                yield Change(
                    verb="update", subject=f"{kind} {name}", detail="; ".join(aspects), before=xml.digest(kind, now["xml"]),
                    after=after, undo=BACK,
                )  # fmt: skip

    def _inside(self, network: str) -> list[str]:
        """Domains of the target that run in it."""
        return sorted(
            name for name, one in self.there["domains"].items() if one["state"] != OFF and network in xml.networks_of(one["xml"])
        )  # fmt: skip

    # --- files

    def _groups(self, movable: Sequence[str]) -> list[Disks]:
        """What shares a file goes together; when one of them cannot be moved, none can."""
        groups: list[tuple[set[str], set[str]]] = []
        for name, one in sorted(self.here["domains"].items()):
            names, files = {name}, set(one["files"])
            for group in [each for each in groups if each[1] & files]:
                groups.remove(group)
                names, files = names | group[0], files | group[1]
            groups.append((names, files))
        out = []
        for names, files in groups:
            chosen = sorted(names & set(movable))
            if not chosen:
                continue
            if names - set(movable):
                used = {path for name in chosen for path in self.here["domains"][name]["files"]}
                others = sorted(
                    name for name in names - set(movable) if used & set(self.here["domains"][name]["files"])
                )
                if others and not self._only_reads(chosen, others):
                    for name in chosen:
                        self.left[f"domain {name}"] = f"it shares a disk with {others[0]}, which is left"
                    continue
                files = used
            out.append(self._disks(chosen, sorted(files)))
        return out

    def _only_reads(self, chosen: Sequence[str], others: Sequence[str]) -> bool:
        """None of the others' runs: what it shares is not written to while it is copied."""
        return all(self.here["domains"][name]["state"] == OFF for name in others) and bool(chosen)

    def _disks(self, names: list[str], files: list[str]) -> Disks:
        uuids = {self.here["domains"][name]["uuid"] for name in names}

        def busy(state: Mapping[str, Any]) -> list[str]:
            return sorted(
                name
                for name, one in state["domains"].items()
                if (one["state"] != OFF or one["saved"])
                and (name in names or one["uuid"] in uuids or set(one["files"]) & set(files))
            )

        return Disks(names, files, busy(self.here), busy(self.there))

    def _files(self, disks: Disks) -> Iterator[Change]:
        differs = [path for path in disks.files if not self._equal(path)]
        if not differs:
            return
        disks.files = differs
        self.disks[disks.subject] = disks
        old = [path for path in differs if path in self.files]
        ends = [name for name in disks.there if old]
        if (disks.here or ends) and self.wish.running != "save":
            said = {**dict.fromkeys(ends, "target"), **dict.fromkeys(disks.here, "source")}
            self.refused |= said
            for name in disks.names:
                who, side = next(iter(said.items()))
                self.left[f"domain {name}"] = f"{'it' if who == name else who} runs or is saved on the {side}"
            return
        size = sum(self.here["files"][path]["used"] for path in differs)
        notes = [f"{', '.join(differs)} ({size / 1e6:.1f} MB)"]
        notes += [f"{', '.join(disks.here)} rests on the source meanwhile"] if disks.here else []
        notes += (
            [f"what {', '.join(ends)} has in memory there is lost, since it belongs to the old disks"] if ends else []
        )
        pools = [
            f"create pool {pool}" for name in disks.names for pool in xml.pools_of(self.here["domains"][name]["xml"])
        ]
        became = sorted({self.became[path] for path in old if self.became.get(path)})
        yield Change(
            verb="update" if old else "create", subject=disks.subject, detail="; ".join(notes), destructive=bool(old),
            conflict=", ".join(became), before=_stamps(self.files, old),
            after="" if disks.here else _stamps(self.here["files"], differs), needs=self._needs(*pools),
            undo="" if old else f"{BACK} removes the domain; its new files stay",
        )  # fmt: skip

    def _equal(self, path: str) -> bool:
        one, now = self.here["files"][path], self.files.get(path)
        if now is None or one["size"] != now["size"]:
            return False
        return self.same.get(path, True) if one["mtime"] == now["mtime"] else self.same.get(path, False)

    # --- domains

    def _domain(self, name: str) -> Iterator[Change]:
        one, now = self.here["domains"][name], self.there["domains"].get(name)
        after = xml.digest("domain", one["xml"])
        needs = [
            f"create {kind} {each}"
            for kind, found in (("network", xml.networks_of), ("pool", xml.pools_of))
            for each in found(one["xml"])
        ]
        needs += [
            f"{verb} {subject}"
            for subject, disks in self.disks.items()
            if name in disks.names
            for verb in ("create", "update")
        ]
        wanted = self._needs(*needs)
        if now is None:
            detail = ", ".join(
                ["autostart"] * one["autostart"] + [f"{len(one['snapshots'])} snapshot(s)"] * bool(one["snapshots"])
            )
            yield Change(verb="create", subject=f"domain {name}", detail=detail, after=after, needs=wanted, undo=BACK)
            return
        before = xml.digest("domain", now["xml"])
        if now["uuid"] != one["uuid"]:
            if now["state"] != OFF:
                self.left[f"domain {name}"] = "another domain of this name runs there"
                return
            yield Change(
                verb="replace", subject=f"domain {name}", detail="there it is another one, with another uuid", destructive=True,
                before=before, after=after, needs=wanted, undo=f"{BACK}, without its snapshots",
            )  # fmt: skip
            return
        aspects = _aspects(xml.differing("domain", one["xml"], now["xml"]), one, now)
        if self.snapshots_differ(name):
            aspects.append(f"snapshots: {', '.join(sorted(one['snapshots'])) or 'none'}")
        if aspects:
            yield Change(
                verb="update", subject=f"domain {name}", detail="; ".join(aspects), before=before, after=after,
                needs=wanted, undo=f"{BACK}, without its snapshots" if now["snapshots"] else BACK,
            )  # fmt: skip

    def snapshots_differ(self, name: str) -> bool:
        """What libvirt knows of a domain's snapshots is not the same."""
        one, now = self.here["domains"][name], self.there["domains"].get(name)
        if now is None or one["current"] != now["current"] or one["snapshots"].keys() != now["snapshots"].keys():
            return True
        return any(
            xml.snapshot(text) != xml.snapshot(now["snapshots"][each]) for each, text in one["snapshots"].items()
        )

    # --- what only the target has

    def _gone(self, kind: str) -> Iterator[Change]:
        part = f"{kind}s"
        if not self.wish.delete:
            return
        for name, now in sorted(self.there[part].items()):
            if name in self.here[part] or not self.wish.wants(part, name) or not now["persistent"]:
                continue
            users = self._users(kind, name)
            if kind == "domain" and now["state"] != OFF:
                self.left[f"removal of domain {name}"] = "it runs there"
            elif kind == "pool" and self._foreign(kind, now):
                self.left[f"removal of pool {name}"] = self._foreign(kind, now)
            elif users:
                self.left[f"removal of {kind} {name}"] = f"the domain {users[0]} uses it there"
            else:
                stays = {"domain": "its disks stay", "pool": "what is in it stays"}.get(kind, "")
                undo = f"{BACK}, without its snapshots" if now.get("snapshots") else BACK
                yield Change(
                    verb="remove", subject=f"{kind} {name}", detail=stays, destructive=True, undo=undo,
                    before=xml.digest(kind, now["xml"]),
                )  # fmt: skip

    def _users(self, kind: str, name: str) -> list[str]:
        """Domains of the target that stay and name it."""
        found = {"network": xml.networks_of, "pool": xml.pools_of}.get(kind)
        going = {change.subject for change in self.changes if change.verb == "remove"}
        return sorted(
            each for each, one in self.there["domains"].items() if found and f"domain {each}" not in going and name in found(one["xml"])
        )  # fmt: skip

    def _needs(self, *ids: str) -> tuple[str, ...]:
        known = {change.id for change in self.changes}
        return tuple(dict.fromkeys(ident for ident in ids if ident in known))


def _aspects(differs: Sequence[str], one: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is not the same, in words."""
    out = [", ".join(differs)] if differs else []
    if one["autostart"] != now["autostart"]:
        out.append("autostart" if one["autostart"] else "no autostart")
    return out


def _stamps(files: Mapping[str, Mapping[str, Any]], paths: Sequence[str]) -> str:
    return ", ".join(f"{files[path]['size']}@{files[path]['mtime']}" for path in paths)


def in_order(snapshots: Mapping[str, str]) -> list[list[str]]:
    """[name, xml] of each snapshot, parents first."""
    out: dict[str, str] = {}
    while len(out) < len(snapshots):
        ready = {
            name: text for name, text in snapshots.items() if name not in out and xml.parent_of(text) in ("", *out)
        }
        if not ready:
            ready = {name: text for name, text in snapshots.items() if name not in out}
        out |= ready
    return [[name, text] for name, text in out.items()]
