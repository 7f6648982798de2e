"""What a sync does with a PC's libvirt. Python 3.8 or newer."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import signal

from hotdesk.jobs.on_target.acts import Act, held, until_stopped
from hotdesk.jobs.on_target.journal import Failed, alone, sync
from hotdesk.jobs.on_target.libvirt_state import look
from hotdesk.jobs.on_target.libvirt_undo import OFF, PLACE, READY, complete_put, let_go, recover_here
from hotdesk.jobs.on_target.stopping import Stopped, stoppable
from hotdesk.jobs.on_target.virsh import asked, lines, told, virsh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

STAGE = ".hotdesk-libvirt"
"""The directory beside disks in which new ones are made."""


# --- domains that run


def hold(uuids: list[str], root: str = PLACE) -> Iterator[str]:
    """Save those of the domains that run, give ``held``, and start them from that when TERM comes, or after a kill by ``recover``.

    One that another hold has saved stays so until both are over.
    """
    with stoppable():
        with alone(root):
            recover_here(root)
            act = Act(root, "hold", ids=[], names=[])
        try:
            with alone(root):
                for uuid in uuids:
                    _save(root, act, uuid)
            yield from until_stopped("held")
        except Stopped:
            return
        finally:
            with alone(root):
                let_go(root, act.path, act.kept)
                act.over()


def _save(root: str, act: Act, uuid: str) -> None:
    runs = asked("domstate", uuid) not in ("", OFF)
    if runs or uuid in held(root, act.path):
        act.note(ids=[*act.kept["ids"], uuid], names=[*act.kept["names"], asked("domname", uuid)])
    if runs:
        virsh("managedsave", uuid)


# --- files


def stage(paths: list[str], sizes: dict[str, int]) -> list[str]:
    """Beside each of these an empty directory with what its new file is made from: the old one, or nothing but a hole of its size.

    Gives the directories, one for each path.
    """
    out, fresh = [], set()
    for path in paths:
        folder = os.path.dirname(path)
        place = os.path.join(folder, STAGE)
        os.makedirs(folder, exist_ok=True)
        if place not in fresh:
            shutil.rmtree(place, ignore_errors=True)
            os.mkdir(place, 0o700)
            fresh.add(place)
        begun = os.path.join(place, os.path.basename(path))
        if os.path.isfile(path):
            os.link(os.path.realpath(path), begun)  # rsync never writes into it, but to a new file beside
        else:
            with open(begun, "wb") as stream:
                stream.truncate(sizes[path])
            os.utime(begun, (0, 0))  # or rsync may take it for the same
        out.append(place)
    return out


def put(files: list[dict[str, Any]], names: list[str], uuids: list[str], forget: list[str], root: str = PLACE) -> None:
    """Staged files take the places of the old ones, all of them; a kill in the middle is made up for by ``recover``.

    Each has ``path``, ``size``, ``mtime`` that it must have by now, ``was`` (the same of what is there, as the plan found it), ``mode``,
    ``owner`` and ``group``. No domain of ``uuids`` may run; those of ``forget`` lose what was saved of their memory, which is that of the old files.
    """
    with stoppable(), alone(root):
        recover_here(root)
        for uuid in uuids:
            if asked("domstate", uuid) not in ("", OFF):
                raise Failed("the domain {} was started there meanwhile".format(asked("domname", uuid)))
        for one in files:
            _check(one)
        act = Act(root, "put", names=names, paths=[one["path"] for one in files], forget=forget, state="gathering")
        try:
            for one in files:
                _ready(one)
            act.note(state="moving")
            signal.signal(
                signal.SIGTERM, signal.SIG_IGN
            )  # halfway a stop would let domains go on with the old of one and the new of another
        except BaseException:
            complete_put(act.kept)
            act.over()
            raise
        try:
            complete_put(act.kept)
        except BaseException:
            act.leave()
            raise
        act.over()


def _check(one: dict[str, Any]) -> None:
    now = look(one["path"])
    if [now.get("size"), now.get("mtime")] != one["was"]:
        raise Failed("{} was changed there since it was looked at".format(one["path"]))
    new = look(_staged(one["path"]))
    if [new.get("size"), new.get("mtime")] != [one["size"], one["mtime"]]:
        raise Failed("{} changed on the source while it was copied".format(one["path"]))


def _staged(path: str) -> str:
    return os.path.join(os.path.dirname(path), STAGE, os.path.basename(path))


def _ready(one: dict[str, Any]) -> None:
    """With its owner and mode, on the disk, and out of the directory that goes at the end of a run."""
    path = _staged(one["path"])
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchown(fd, _id(pwd.getpwnam, one["owner"]), _id(grp.getgrnam, one["group"]))
        os.fchmod(fd, one["mode"])
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(path, one["path"] + READY)
    sync(os.path.dirname(one["path"]))


def _id(ask: Any, name: str) -> int:
    """By name, since the ids of libvirt's own users differ; what has no name here is root's, and libvirt gives it to whom it needs to."""
    try:
        return int(ask(name)[2])
    except KeyError:
        return 0


def tidy(paths: list[str]) -> None:
    """What was staged beside these is gone."""
    for place in {os.path.join(os.path.dirname(path), STAGE) for path in paths}:
        shutil.rmtree(place, ignore_errors=True)


# --- definitions


def define(payload: bytes) -> None:
    """A domain (payload: {xml, uuid, autostart, snapshots, current, replaces}) as it is to be; as it was, when that cannot be.

    ``snapshots`` (None: they stay) are [name, xml], parents first. ``replaces`` is the uuid of another domain of this name.
    """
    wish = json.loads(payload)
    uuid, other = wish["uuid"], wish["replaces"]
    with stoppable():
        before = _kept(other or uuid)
        try:
            if other:
                virsh("undefine", other, "--keep-nvram", "--snapshots-metadata", "--managed-save")
            _domain_as(uuid, wish)
        except BaseException:
            if other or not before:
                asked("undefine", uuid, "--keep-nvram", "--snapshots-metadata")
            if before:
                _domain_as(before["uuid"], before)
            raise


def _kept(uuid: str) -> dict[str, Any]:
    xml = asked("dumpxml", "--inactive", "--security-info", uuid)
    if not xml:
        return {}
    names = lines("snapshot-list", uuid, "--name", "--topological")
    return {
        "xml": xml,
        "uuid": uuid,
        "autostart": told("dominfo", uuid).get("Autostart") == "enable",
        "snapshots": [
            [name, virsh("snapshot-dumpxml", uuid, "--snapshotname", name, "--security-info")] for name in names
        ],
        "current": asked("snapshot-current", uuid, "--name") if names else "",
    }


def _domain_as(uuid: str, wish: dict[str, Any]) -> None:
    virsh("define", "/dev/stdin", stdin=wish["xml"])
    if wish["snapshots"] is not None:
        for name in lines("snapshot-list", uuid, "--name"):
            virsh("snapshot-delete", uuid, "--snapshotname", name, "--metadata")
        for name, xml in wish["snapshots"]:
            current = ["--current"] * (name == wish["current"])
            virsh("snapshot-create", uuid, "--xmlfile", "/dev/stdin", "--redefine", *current, stdin=xml)
    virsh("autostart", uuid, *([] if wish["autostart"] else ["--disable"]))


def make(kind: str, payload: bytes) -> None:
    """A network (``net``) or storage pool (payload: {name, xml, autostart, start, restart}) as it is to be."""
    wish = json.loads(payload)
    name = wish["name"]
    before = asked(kind + "-dumpxml", "--inactive", name)
    with stoppable():
        if wish["restart"]:
            virsh(kind + "-destroy", name)
        try:
            virsh(kind + "-define", "/dev/stdin", stdin=wish["xml"])
            if kind == "pool" and not before:
                virsh("pool-build", name)
            virsh(kind + "-autostart", name, *([] if wish["autostart"] else ["--disable"]))
            if wish["start"] or wish["restart"]:
                virsh(kind + "-start", name)
        except BaseException:
            if before:
                virsh(kind + "-define", "/dev/stdin", stdin=before)
                if wish["restart"]:
                    asked(kind + "-start", name)
            else:
                asked(kind + "-undefine", name)
            raise


def remove(kind: str, name: str, uuid: str) -> None:
    """A domain's definition (its disks stay), a network or a pool (its files stay)."""
    if kind == "domain":
        virsh("undefine", uuid, "--keep-nvram", "--snapshots-metadata", "--managed-save")
        return
    word = "net" if kind == "network" else kind
    asked(word + "-destroy", name)
    virsh(word + "-undefine", name)
