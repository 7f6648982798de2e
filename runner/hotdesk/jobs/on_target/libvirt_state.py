"""What a PC's libvirt has: domains with their files and snapshots, networks, storage pools. Reads only; Python 3.8 or newer.

Where a kill has left something half done, it says what there is once ``libvirt_undo.recover`` has undone or completed that: the plan is made
for what is there then.
"""

from __future__ import annotations

import grp
import json
import os
import platform
import pwd
import stat
from xml.etree import ElementTree

from hotdesk.jobs.on_target.journal import Failed, state_of
from hotdesk.jobs.on_target.libvirt_undo import OFF, PLACE, forgotten, resting, unfinished, waiting
from hotdesk.jobs.on_target.virsh import asked, lines, said_by, told, virsh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

SWTPM = "/var/lib/libvirt/swtpm"
DEEPEST = 100
"""Files of one chain: what has more goes in a circle."""


def describe(root: str = PLACE) -> dict[str, Any]:
    """See ``STATE`` in libvirt_plan.py. Definitions are as they are stored, with the passwords in them."""
    domains = dict(_domain(uuid) for uuid in lines("list", "--all", "--uuid"))
    for one in domains.values():
        _as_recovered(one, resting(root), forgotten(root))
    paths = sorted({path for one in domains.values() for path in one["files"]})
    return {
        "libvirt": virsh("--version").strip(),
        "architecture": platform.machine(),
        "domains": domains,
        "networks": dict(_made("net", uuid) for uuid in lines("net-list", "--all", "--uuid")),
        "pools": dict(_made("pool", uuid) for uuid in lines("pool-list", "--all", "--uuid")),
        "files": looks(paths, root),
        "unfinished": unfinished(root),
    }


def look(path: str) -> dict[str, Any]:
    """Of a file: ``size``, ``mtime`` (ns), ``used`` (bytes on the disk), mode and owners by name; nothing when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return {}
    if not stat.S_ISREG(found.st_mode):
        return {}
    return {
        "size": found.st_size,
        "mtime": found.st_mtime_ns,
        "used": found.st_blocks * 512,
        "mode": stat.S_IMODE(found.st_mode),
        "owner": _name(pwd.getpwuid, found.st_uid),
        "group": _name(grp.getgrgid, found.st_gid),
    }


def looks(paths: list[str], root: str = PLACE) -> dict[str, dict[str, Any]]:
    """Those of the paths that are files, as ``look`` says."""
    new = waiting(root)
    return {path: about for path, about in ((path, look(new.get(path, path))) for path in paths) if about}


def there(paths: list[str]) -> list[str]:
    """Those of the paths that are there."""
    return [path for path in paths if os.path.lexists(path)]


def digests(paths: list[str], root: str = PLACE) -> Iterator[list[str]]:
    """[path, sha256] of each of these files."""
    new = waiting(root)
    for path in paths:
        found = state_of(os.path.realpath(new.get(path, path)))
        yield [path, found[4] if found else ""]


def _as_recovered(one: dict[str, Any], resting: set[str], forgotten: set[str]) -> None:
    if one["uuid"] in resting and one["state"] == OFF:
        one["state"], one["saved"] = "running", False
    elif one["uuid"] in forgotten:
        one["saved"] = False


def _name(ask: Any, number: int) -> str:
    try:
        return str(ask(number)[0])
    except KeyError:
        return str(number)


def _made(kind: str, uuid: str) -> tuple[str, dict[str, Any]]:
    """A network or pool."""
    info = told(kind + "-info", uuid)
    return virsh(kind + "-name", uuid).strip(), {
        "uuid": uuid,
        "xml": virsh(kind + "-dumpxml", "--inactive", uuid),
        "active": "yes" in info.get("Active", "") or info.get("State") == "running",
        "persistent": info.get("Persistent") == "yes",
        "autostart": info.get("Autostart") == "yes",
    }


def _domain(uuid: str) -> tuple[str, dict[str, Any]]:
    info = told("dominfo", uuid)
    xml = virsh("dumpxml", "--inactive", "--security-info", uuid)
    tree = ElementTree.fromstring(xml)
    snapshots = {name: _snapshot(uuid, name) for name in lines("snapshot-list", uuid, "--name")}
    files, problems = _files(uuid, tree, snapshots)
    return info.get("Name", ""), {
        "uuid": uuid,
        "xml": xml,
        "state": info.get("State", ""),
        "saved": info.get("Managed save") == "yes",
        "persistent": info.get("Persistent") == "yes",
        "autostart": info.get("Autostart") == "enable",
        "snapshots": snapshots,
        "current": asked("snapshot-current", uuid, "--name") if snapshots else "",
        "files": files,
        "problems": problems,
    }


def _snapshot(uuid: str, name: str) -> str:
    return virsh("snapshot-dumpxml", uuid, "--snapshotname", name, "--security-info")


def _files(uuid: str, tree: Any, snapshots: dict[str, str]) -> tuple[list[str], list[str]]:
    """All that the domain's content is in, and why some of it is not in files."""
    files, problems = [], []  # type: list[str], list[str]
    for disk in tree.findall("./devices/disk"):
        _disk(disk, files, problems)
    for text in snapshots.values():
        saved = ElementTree.fromstring(text)
        files += [each.get("file", "") for each in saved.findall("./memory[@snapshot='external']")]
        for disk in saved.findall("./disks/disk[@snapshot='external']"):
            _disk(disk, files, problems)
    nvram = tree.find("./os/nvram")
    if nvram is not None:
        source = nvram.find("source")
        files.append((nvram.text or "").strip() or (source.get("file", "") if source is not None else ""))
    if tree.find("./devices/tpm/backend[@type='emulator']") is not None:
        for top, _, names in os.walk(os.path.join(SWTPM, uuid)):
            files += [os.path.join(top, name) for name in sorted(names) if not name.startswith(".")]
    return sorted({path for path in files if os.path.isfile(path)}), problems


def _disk(disk: Any, files: list[str], problems: list[str]) -> None:
    kind, source, driver = disk.get("type", "file"), disk.find("source"), disk.find("driver")
    name = disk.find("target").get("dev") if disk.find("target") is not None else disk.get("name")
    if source is None or kind not in ("file", "volume", "block", "dir", "vhostuser", "nvme"):
        return
    shape = driver.get("type", "raw") if driver is not None else "raw"
    if kind == "file":
        path = source.get("file", "")
    elif kind == "volume":
        path = asked("vol-path", source.get("volume", ""), "--pool", source.get("pool", ""))
    else:
        path = ""
        if disk.get("device", "disk") in ("disk", "lun"):
            where = source.get("dev") or source.get("dir") or kind
            problems.append("its disk {} is {}, which is no file".format(name, where))
    if path and not os.path.exists(path):
        if disk.get("device", "disk") == "disk":
            problems.append("its disk {} is not there: {}".format(name, path))
    elif path and not os.path.isfile(path):
        problems.append("its disk {} is {}, which is no file".format(name, path))
    elif path:
        try:
            files += _chain(path, shape)
        except Failed as exc:
            problems.append("its disk {}: {}".format(name, exc.msg))


def _chain(path: str, shape: str) -> list[str]:
    """A disk's file and those it builds upon. What is raw is never looked into: a guest can write into it what it likes."""
    out = []  # type: list[str]
    while path and len(out) < DEEPEST:
        if not os.path.isfile(path):
            raise Failed("it builds upon {}, which is no file".format(path))
        out.append(path)
        if shape == "raw":
            return out
        said = said_by(["qemu-img", "info", "-U", "--output=json", "-f", shape, path])
        if said.returncode:
            raise Failed(said.stderr.decode("utf-8", "replace").strip()[-300:])
        about = json.loads(said.stdout.decode("utf-8", "surrogateescape"))
        more = ((about.get("format-specific") or {}).get("data") or {}).get("data-file")
        if more:
            out.append(os.path.join(os.path.dirname(path), more))
        path = about.get("full-backing-filename") or about.get("backing-filename") or ""
        shape = about.get("backing-filename-format") or "raw"
    return out
