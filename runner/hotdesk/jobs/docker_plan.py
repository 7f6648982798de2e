"""What makes one PC's Docker like another's: pure comparison of what ``on_target/docker_state.py`` says of both. Names of variables, never values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hotdesk.frozen import frozen
from hotdesk.jobs.base import Change
from hotdesk.jobs.docker_containers import aspects, binds, refers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

DRIVERS = ("bridge", "macvlan", "ipvlan")
"""Of networks that Docker has without a plugin."""
SWARM = "com.docker.swarm."
BACK = "hotdesk rollback"
"""For ``Change.undo``: what ``docker_undo`` brings back, and with what it cannot."""
ANEW = f"{BACK}: made anew, without what it had written outside its volumes"
STATE = {
    **dict.fromkeys(("engine", "api", "architecture", "storage"), str),
    "images": {str: {"tags": [str], "digests": [str], "size": int}},
    "volumes": {str: {"driver": str, "options": {str: str}, "labels": {str: str}, "mountpoint": str}},
    "networks": {str: {"scope": str, "config_only": bool, "made": {str: object}}},
    "containers": {
        str: {
            "id": str,
            "image": str,
            "running": bool,
            "config": {str: object},
            "host": {str: object},
            "networks": {str: {str: object}},
            "mounts": [{str: object}],
        }
    },
    "unfinished": [str],
}
"""The shape of what a PC says."""


@frozen
class Wish:
    """The arguments that decide what is to be the same."""

    parts: Collection[str] = ("images", "volumes", "networks", "containers")
    exclude: Sequence[str] = ()
    run: bool = True
    delete: bool = False

    def wants(self, part: str, name: str) -> bool:
        return part in self.parts and not any(fnmatchcase(name, pattern) for pattern in self.exclude)


@dataclass(slots=True)
class Comparison:
    """``compare`` it, then: ``changes`` in the order in which they can be done, and ``left``: what cannot be moved -> why."""

    here: Mapping[str, Any]
    there: Mapping[str, Any]
    prints: tuple[Mapping[str, str], Mapping[str, str]]
    """Volume -> a digest of what is in it, on the source and on the target."""
    missing: Collection[str]
    """Paths that containers of the source have mounted and that the target lacks."""
    wish: Wish
    changes: list[Change] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set)

    def compare(self) -> Comparison:
        movable = self._movable()
        steps = (
            self._images(movable),
            self._gone("container"),
            self._networks(movable),
            self._volumes(),
            self._containers(movable),
        )
        for step in steps:
            for change in step:
                self._add(change)
        for kind in ("network", "volume", "image"):
            for change in self._gone(kind):
                self._add(change)
        self._final()
        return self

    def _final(self) -> None:
        """With its last name an image goes, and then neither that name nor what was made from it comes back."""
        lost = {
            ident
            for ident, one in self.there["images"].items()
            if any(f"remove image {tag}" in self._ids for tag in one["tags"])
            and all({f"remove image {tag}", f"tag image {tag}"} & self._ids for tag in one["tags"])
        }
        names = {f"image {tag}" for ident in lost for tag in self.there["images"][ident]["tags"]}
        names |= {f"container {name}" for name, one in self.there["containers"].items() if one["image"] in lost}
        self.changes = [
            replace(change, undo="") if change.destructive and change.subject in names else change
            for change in self.changes
        ]

    def _add(self, change: Change) -> None:
        self.changes.append(change)
        self._ids.add(change.id)

    def _needs(self, *ids: str) -> tuple[str, ...]:
        return tuple(ident for ident in ids if ident in self._ids)

    # --- what can be moved

    def _movable(self) -> list[str]:
        """Containers of the source, those that others refer to first; why the rest is left is noted."""
        chosen = {name: one for name, one in self.here["containers"].items() if self.wish.wants("containers", name)}
        for name, one in list(chosen.items()):
            if why := self._hindrance(one):
                self.left[f"container {name}"] = why
                del chosen[name]
        order: list[str] = []
        while chosen:
            ready = [name for name, one in sorted(chosen.items()) if not refers(one) & chosen.keys()]
            order += ready or sorted(chosen)
            for name in ready or sorted(chosen):
                one = chosen.pop(name)
                if lost := sorted(refers(one) - {*order, *self.there["containers"]}):
                    self.left[f"container {name}"] = f"it shares with {lost[0]}, which is not there"
                    order.remove(name)
        return order

    def _hindrance(self, one: Mapping[str, Any]) -> str:
        if any(label.startswith(SWARM) for label in one["config"].get("Labels") or {}):
            return "it is a swarm's: a swarm brings its own containers"
        if one["host"].get("AutoRemove"):
            return "it goes when it ends (--rm)"
        for mount in one["mounts"]:
            if mount["Type"] == "volume" and mount.get("Driver") not in ("local", "", None):
                return f"its volume {mount['Name']} is of the plugin {mount['Driver']}"
        if lost := sorted(path for path in binds(one) if path in self.missing):
            return f"the target has no {', '.join(lost)}, which it mounts"
        if one["image"] not in {**self.here["images"], **self.there["images"]}:
            return "its image is gone"
        for name in one["networks"]:
            known = self.here["networks"].get(name)
            if known and (why := _foreign(known)) and name not in self.there["networks"]:
                return f"its network {name} {why}"
        return ""

    # --- what differs

    def _images(self, movable: Sequence[str]) -> Iterator[Change]:
        if "images" not in self.wish.parts:
            return
        used = {self.here["containers"][name]["image"] for name in movable}
        found = sorted(self.here["images"].items(), key=lambda item: (item[1]["tags"], item[0]))
        wanted = {ident: [tag for tag in one["tags"] if self.wish.wants("images", tag)] for ident, one in found}
        for ident, one in found:
            nameless = bool(one["digests"] and not one["tags"])
            if ident in self.there["images"] or not (wanted[ident] or ident in used or nameless):
                continue
            if nameless:
                self.left[f"name of image {short(ident)}"] = (
                    f"a name by digest comes with a pull alone: {one['digests'][0]}"
                )
            detail = f"{', '.join(wanted[ident]) or 'no name'}, {one['size'] / 1e6:.1f} MB"
            undo = f"docker image rm {short(ident)}"
            yield Change(verb="load", subject=f"image {short(ident)}", detail=detail, after=ident, undo=undo)
        yield from self._tags(wanted)

    def _tags(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[Change]:
        """Names of images: id -> those it is to have."""
        theirs = {tag: ident for ident, one in self.there["images"].items() for tag in one["tags"]}
        for ident, tags in wanted.items():
            for tag in tags:
                if theirs.get(tag) != ident:
                    old = theirs.get(tag, "")
                    detail = f"{short(old)} -> {short(ident)}" if old else short(ident)
                    yield Change(
                        verb="tag", subject=f"image {tag}", detail=detail, before=old, after=ident,
                        undo=BACK if old else f"docker image rm {tag}",
                        needs=self._needs(f"load image {short(ident)}"),
                    )  # fmt: skip

    def _networks(self, movable: Sequence[str]) -> Iterator[Change]:
        for name, one in sorted(self.here["networks"].items()):
            if not self.wish.wants("networks", name):
                continue
            if why := _foreign(one):
                self.left[f"network {name}"] = f"it {why}"
                continue
            now = self.there["networks"].get(name)
            if now is not None and now["made"] == one["made"]:
                continue
            detail = _network(one["made"])
            if now is None:
                yield Change(
                    verb="create",
                    subject=f"network {name}",
                    detail=detail,
                    after=digest(one["made"]),
                    undo=BACK,
                )
                continue
            users = [user for user, each in sorted(self.there["containers"].items()) if name in each["networks"]]
            others = [
                user for user in users if user not in movable or name not in self.here["containers"][user]["networks"]
            ]
            others = [user for user in others if f"remove container {user}" not in self._ids]
            if others:
                self.left[f"network {name}"] = f"it is another one there, and {', '.join(others)} is in it"
                continue
            yield Change(
                verb="replace", subject=f"network {name}", detail=f"{_network(now['made'])} -> {detail}", destructive=True,
                before=digest(now["made"]), after=digest(one["made"]), undo=BACK,
            )  # fmt: skip

    def _volumes(self) -> Iterator[Change]:
        here, there = self.prints
        for name, one in sorted(self.here["volumes"].items()):
            if not self.wish.wants("volumes", name):
                continue
            now = self.there["volumes"].get(name)
            if one["driver"] != "local":
                self.left[f"volume {name}"] = f"it is of the plugin {one['driver']}"
                continue
            if one["options"].get("device"):
                self.left[f"content of volume {name}"] = f"it is not in the volume but at {one['options']['device']}"
            if now is None:
                undo = f"{BACK}, unless somebody has written to it"
                yield Change(verb="create", subject=f"volume {name}", after=here.get(name, ""), undo=undo)
                continue
            if now["driver"] != "local" or now["options"] != one["options"]:
                self.left[f"volume {name}"] = (
                    "it was made with other options there; remove it there, and it will be made anew"
                )
                continue
            if now["labels"] != one["labels"]:
                self.left[f"labels of volume {name}"] = (
                    "a volume keeps those it was made with; remove it there, and it will be made anew"
                )
            if here.get(name) != there.get(name):
                steady = not users(self.here, name)
                yield Change(
                    verb="update", subject=f"volume {name}", detail="all that is in it", destructive=True,
                    before=there.get(name, ""), after=here.get(name, "") if steady else "",
                )  # fmt: skip

    def _containers(self, movable: Sequence[str]) -> Iterator[Change]:
        for name in movable:
            one, now = self.here["containers"][name], self.there["containers"].get(name)
            wanted = aspects(one)
            needs = [f"load image {short(one['image'])}", f"tag image {one['config'].get('Image')}"]
            needs += [f"{verb} network {each}" for each in one["networks"] for verb in ("create", "replace")]
            needs += [f"create volume {mount['Name']}" for mount in one["mounts"] if mount["Type"] == "volume"]
            needs += [f"{verb} container {each}" for each in sorted(refers(one)) for verb in ("create", "replace")]
            found = self._needs(*needs)
            runs = ", started" if one["running"] and self.wish.run else ""
            if now is None:
                detail = f"{one['config'].get('Image', '')}{runs}"
                yield Change(
                    verb="create",
                    subject=f"container {name}",
                    detail=detail,
                    after=digest(public(wanted)),
                    undo=BACK,
                    needs=found,
                )
                continue
            differ = [
                f"{key}{_which(key, value, aspects(now)[key])}"
                for key, value in wanted.items()
                if value != aspects(now)[key]
            ]
            differ += [
                f"its network {each} is made anew" for each in one["networks"] if f"replace network {each}" in found
            ]
            differ += [
                f"the container {each} is made anew"
                for each in sorted(refers(one))
                if f"replace container {each}" in found
            ]
            if differ:
                running = " (it runs there now)" if now["running"] else ""
                yield Change(
                    verb="replace", subject=f"container {name}", detail=f"{'; '.join(differ)}{running}{runs}", destructive=True,
                    before=digest(public(aspects(now))), after=digest(public(wanted)), needs=found, undo=ANEW,
                )  # fmt: skip
            elif self.wish.run and one["running"] != now["running"]:
                verb = "start" if one["running"] else "stop"
                yield Change(verb=verb, subject=f"container {name}", undo=BACK)

    def _gone(self, kind: str) -> Iterator[Change]:
        """What only the target has, and nothing needs there."""
        part = f"{kind}s"
        if not self.wish.delete:
            return
        mine = self.here[part]
        names = {tag for one in mine.values() for tag in one["tags"]} if kind == "image" else set(mine)
        theirs = (
            [tag for one in self.there[part].values() for tag in one["tags"]] if kind == "image" else self.there[part]
        )
        for name in sorted(theirs):
            if name in names or not self.wish.wants(part, name):
                continue
            if kind != "container" and (user := self._used(kind, name)):
                self.left[f"removal of {kind} {name}"] = f"the container {user} uses it there"
                continue
            now = self.there["containers"][name] if kind == "container" else {}
            detail = "it runs there now" if now.get("running") else ""
            undo = {"container": ANEW, "network": BACK, "image": BACK}.get(kind, "")
            yield Change(verb="remove", subject=f"{kind} {name}", detail=detail, destructive=True, undo=undo)

    def _used(self, kind: str, name: str) -> str:
        """A container of the target that stays and uses it."""
        for user, one in sorted(self.there["containers"].items()):
            if {f"remove container {user}", f"replace container {user}"} & self._ids:
                continue
            uses = {
                "network": list(one["networks"]),
                "volume": [mount.get("Name") for mount in one["mounts"]],
                "image": list(self.there["images"].get(one["image"], {}).get("tags", ())),
            }[kind]
            if name in uses:
                return str(user)
        return ""


def users(state: Mapping[str, Any], volume: str, *, writing: bool = True) -> list[str]:
    """Ids of the running containers that have the volume (``writing``: that may write to it)."""
    return [
        one["id"]
        for _, one in sorted(state["containers"].items())
        if one["running"]
        and any(
            m["Type"] == "volume" and m.get("Name") == volume and (m.get("RW") or not writing) for m in one["mounts"]
        )
    ]


def in_layers(changes: Sequence[Change]) -> tuple[str, ...]:
    """Ids of those by which layers go: an image's with its last name, and what a container has written outside its volumes."""
    gone = [change for change in changes if change.destructive]
    return tuple(
        change.id
        for change in gone
        if change.subject.startswith("container ") or (change.subject.startswith("image ") and not change.undo)
    )


def short(ident: str) -> str:
    """As ``docker images`` shows it."""
    return ident.removeprefix("sha256:")[:12]


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def public(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Without values of variables and labels: what is digested must be no way to a password."""
    return {key: sorted(value) if key in ("env", "labels") else value for key, value in wanted.items()}


def _which(key: str, mine: Any, theirs: Any) -> str:
    """The names of what differs, where there are names."""
    if key not in ("env", "labels", "networks"):
        return ""
    return " " + ", ".join(sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)))


def _foreign(network: Mapping[str, Any]) -> str:
    driver = network["made"].get("Driver", "")
    if network["scope"] != "local":
        return "is a swarm's"
    if driver not in DRIVERS:
        return f"is of the plugin {driver}"
    return "is no network but settings for some" if network["config_only"] else ""


def _network(made: Mapping[str, Any]) -> str:
    subnets = [str(one.get("Subnet")) for one in (made.get("IPAM") or {}).get("Config") or []]
    return " ".join([str(made.get("Driver", "")), *subnets])
