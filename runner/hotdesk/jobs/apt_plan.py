"""Two PCs' packages and /etc/apt beside each other: which changes make the target's the source's. Pure: reads the two descriptions alone."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotdesk.jobs.base import Change
from hotdesk.jobs.on_target.apt_sources import DISTRIBUTION
from hotdesk.jobs.on_target.apt_state import DISTRO
from hotdesk.jobs.transaction import STATE, UNDO, PutFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Described = Mapping[str, Any]

MACHINE = ("linux-image-[0-9]*", "linux-headers-[0-9]*", "linux-modules-[0-9]*", "linux-modules-extra-[0-9]*")
"""Packages that belong to the machine: its kernels."""
WAY_IN = ("openssh-server", "sudo", "python3", "python3-minimal", "dpkg", "apt")
"""What hotdesk comes in by is never removed."""
_FILE = {"standing": str, "package": str, "version": str, "state": STATE, "owner": str, "group": str, "kind": str,
         "entries": [{"uri": str, "suite": str, "keys": [str]}]}  # fmt: skip
_ORIGIN = {**dict.fromkeys(("installed", "origin", "candidate", "source"), str), "versions": [[str, str]]}
DESCRIBED = {
    **dict.fromkeys(("architecture", "release"), str),
    "foreign": [str], "manual": [str], "held": [str], "essential": [str], "half": [str],
    "installed": {str: str}, "origins": {str: _ORIGIN}, "labels": {str: str}, "files": {str: _FILE},
}  # fmt: skip
"""The shape of a description: ``on_target.apt_state.describe``."""
NAMED = 20
"""Packages that a warning names."""


@dataclass(slots=True)
class Package:
    """What is to be done with one package."""

    name: str
    origin: str = ""
    version: str = ""
    """Just this one (a held package); empty: the newest of the origin."""
    remove: bool = False
    late: bool = False
    """The repository that has it is written by this run."""


@dataclass(slots=True)
class Wanted:
    """The outcome: ``changes`` in their order, and what each is about, by its id."""

    changes: list[Change] = field(default_factory=list)
    files: dict[str, PutFile] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def compare(
    here: Described,
    there: Described,
    *,
    remove: bool = False,
    exclude: Sequence[str] = (),
    source: str = "",
    target: str = "",
) -> Wanted:
    """The changes that make ``there`` like ``here``. ``source`` and ``target`` are the PCs' names, for warnings."""
    out = Wanted()
    for architecture in here["foreign"]:
        if architecture not in there["foreign"]:
            undo = f"hotdesk rollback: dpkg --remove-architecture {architecture}"
            out.changes.append(Change(verb="add-architecture", subject=architecture, undo=undo))
    skipped = [name for name in here["manual"] if _skipped(name, exclude)]
    wanted = {name: here["origins"].get(name, {}).get("origin", "") for name in here["manual"] if name not in skipped}
    if left := bare(here, exclude):
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        out.warnings.append(f"of no repository on {source}, so left to the manual job: {', '.join(left[:NAMED])}{more}")
    wanted = {name: origin for name, origin in wanted.items() if origin}
    going = _going(here, there, exclude, out, target) if remove else {}
    needs = _files(here, there, set(wanted.values()), out, source)
    if remove:
        _unwanted(here, there, going, out)
    for name in sorted(wanted):
        _package(name, wanted[name], here, there, needs, out, target)
    for name in sorted(going):
        version = there["installed"][name]
        change = Change(
            verb="remove",
            subject=name,
            detail=version,
            destructive=True,
            before=version,
            undo=f"hotdesk rollback: apt-get install {name}={version}, while an archive has it",
        )
        out.changes.append(change)
        out.packages[change.id] = Package(name, remove=True)
    _holds(here, there, exclude, out)
    return out


def bare(described: Described, exclude: Sequence[str] = ()) -> list[str]:
    """Packages that somebody installed from a file: of no repository that the PC has. They are the manual job's."""
    names = [name for name in described["manual"] if name in described["installed"] and not _skipped(name, exclude)]
    return sorted(name for name in names if not described["origins"].get(name, {}).get("origin", ""))


def _skipped(name: str, exclude: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in (*MACHINE, *exclude))


def _package(
    name: str,
    origin: str,
    here: Described,
    there: Described,
    needs: Mapping[str, Sequence[str]],
    out: Wanted,
    target: str,
) -> None:
    one = there["origins"].get(name, {"installed": "", "origin": "", "candidate": "", "source": "", "versions": []})
    now = there["installed"].get(name, "")
    exact = here["installed"].get(name, "") if name in here["held"] else ""
    if now and one["origin"] == origin and exact in ("", now):
        if name not in there["manual"]:
            out.changes.append(
                Change(verb="mark", subject=name, detail="manual", undo=f"hotdesk rollback: apt-mark auto {name}")
            )
        return
    if name in there["held"]:
        out.warnings.append(f"{name} is held on {target} and left as it is ({now})")
        return
    mine = [version for version, of in one["versions"] if of == origin]
    late = not mine
    after = exact or (one["candidate"] if one["source"] == origin else mine[0] if mine else "")
    if now and not late and after == now:
        return
    verb = "replace" if now else "install"
    detail = f"{now} -> {after or '?'}" if now else after
    detail += f" from {origin}" if origin != DISTRO else ""
    undo = (
        f"hotdesk rollback: apt-get install --allow-downgrades {name}={now}, while an archive has it"
        if now
        else f"hotdesk rollback: apt-get remove {name}"
    )
    change = Change(
        verb=verb, subject=name, detail=detail + (", after the repositories are written" if late else ""),
        destructive=bool(now), before=now, after=after, undo=undo, needs=tuple(needs.get(origin, ())),
    )  # fmt: skip
    out.changes.append(change)
    out.packages[change.id] = Package(name, origin, exact, late=late)


def _going(here: Described, there: Described, exclude: Sequence[str], out: Wanted, target: str) -> dict[str, str]:
    """Manual on the target, not installed on the source, from a repository, and no business of the machine's own."""
    found = {}
    for name in there["manual"]:
        if name in here["installed"] or _skipped(name, exclude) or name not in there["installed"]:
            continue
        if name in there["held"]:
            out.warnings.append(f"{name} is held on {target} and left as it is")
        elif name in WAY_IN or name in there["essential"]:
            out.warnings.append(f"{name} is not removed from {target}: it is part of the way in, or essential")
        elif origin := there["origins"][name]["origin"]:
            found[name] = origin
    return found


# --- /etc/apt


def _files(here: Described, there: Described, origins: set[str], out: Wanted, source: str) -> dict[str, list[str]]:
    """Changes of files. Returns origin -> ids of the changes that packages from there need."""
    chosen: dict[str, Mapping[str, Any]] = {}
    needed: dict[str, list[str]] = {}
    keys: dict[str, list[str]] = {}
    for path, one in here["files"].items():
        if one["kind"] == "sources":
            provides = {origin for origin in origins if origin in _origins(here, one)}
            if not (DISTRIBUTION.fullmatch(path) or provides):
                continue
            for origin in provides:
                needed.setdefault(origin, []).append(path)
            keys[path] = [key for entry in one["entries"] for key in entry["keys"]]
        elif one["kind"] == "key" or one["standing"] == "packaged":
            continue
        chosen[path] = one
    for path, names in keys.items():
        for key in dict.fromkeys(names):
            if key in here["files"]:
                chosen[key] = here["files"][key]
                for of in needed.values():
                    of.extend([key] if path in of else [])
            elif not key.startswith("/usr/share/keyrings/"):
                out.warnings.append(f"{path} is signed by {key}, which {source} does not have")
    ids = {path: change.id for path in sorted(chosen) if (change := _file(path, chosen[path], there, out)) is not None}
    return {origin: [ids[path] for path in paths if path in ids] for origin, paths in needed.items()}


def _origins(described: Described, one: Mapping[str, Any]) -> set[str]:
    """The origins that a source file brings in."""
    labels = described["labels"]
    return {labels.get(entry["uri"], entry["uri"]) for entry in one["entries"]}


def _file(path: str, one: Mapping[str, Any], there: Described, out: Wanted) -> Change | None:
    now = there["files"].get(path)
    if now is not None and (now["package"] or now["standing"] == "packaged") and one["kind"] in ("key", "trusted"):
        return None  # the distribution's own key there is newer or the same
    if now is not None and _alike(one, now):
        return None
    state = one["state"]
    secret = one["kind"] == "logins"
    before = "" if secret or now is None else now["state"][4][:16]
    change = Change(
        verb="create" if now is None else "update", subject=path, detail=one["kind"], undo=UNDO,
        before=before, after="" if secret else state[4][:16],
    )  # fmt: skip
    out.changes.append(change)
    link = state[4] if state[0] == "link" else None
    out.files[change.id] = PutFile(path=path, link=link, mode=state[1], was=now["state"] if now else None)
    return change


def _alike(one: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Kind, mode and text."""
    return all(one["state"][part] == now["state"][part] for part in (0, 1, 4))


def _unwanted(here: Described, there: Described, going: Mapping[str, str], out: Wanted) -> None:
    """Vendors' repositories from which nothing is installed, and pins and options, that the source does not have; then keys."""
    staying = {
        one["origin"] for name, one in there["origins"].items() if name in there["installed"] and name not in going
    }
    free: list[str] = []
    for path, one in sorted(there["files"].items()):
        if path in here["files"] or one["standing"] == "packaged" or one["kind"] in ("key", "trusted", "logins"):
            continue
        if one["kind"] == "sources" and (DISTRIBUTION.fullmatch(path) or _origins(there, one) & staying):
            continue
        if one["kind"] == "sources":
            free += [key for entry in one["entries"] for key in entry["keys"]]
        _delete(path, one, out)
    used = {
        key
        for path, one in there["files"].items()
        if f"delete {path}" not in out.files
        for entry in one["entries"]
        for key in entry["keys"]
    }
    for key in dict.fromkeys(free):
        if (
            key.startswith("/etc/apt/keyrings/")
            and key not in used
            and key not in here["files"]
            and key in there["files"]
        ):
            _delete(key, there["files"][key], out)


def _delete(path: str, one: Mapping[str, Any], out: Wanted) -> None:
    change = Change(
        verb="delete", subject=path, detail=one["kind"], destructive=True, before=one["state"][4][:16], undo=UNDO
    )
    out.changes.append(change)
    out.files[change.id] = PutFile(path=path, was=one["state"])


def _holds(here: Described, there: Described, exclude: Sequence[str], out: Wanted) -> None:
    coming = {one.name: ident for ident, one in out.packages.items() if not one.remove}
    for name in sorted(here["held"]):
        if name in there["held"] or _skipped(name, exclude) or not (name in there["installed"] or name in coming):
            continue
        needs = (coming[name],) if name in coming else ()
        out.changes.append(
            Change(verb="hold", subject=name, undo=f"hotdesk rollback: apt-mark unhold {name}", needs=needs)
        )
