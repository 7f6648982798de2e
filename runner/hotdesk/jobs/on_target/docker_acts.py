"""What a sync does with a PC's Docker beyond images. Python 3.8 or newer."""

from __future__ import annotations

import ctypes
import json
import os
import shutil

from hotdesk.jobs.on_target.acts import Act, held, until_stopped
from hotdesk.jobs.on_target.docker_api import ask, named
from hotdesk.jobs.on_target.docker_networks import leave, made, members, network_back, networked, rejoin
from hotdesk.jobs.on_target.docker_undo import ASIDE, PLACE, let_go, recover_here, take_back
from hotdesk.jobs.on_target.journal import Failed, alone, sync
from hotdesk.jobs.on_target.stopping import Stopped, stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

EXCHANGE = 2
"""RENAME_EXCHANGE of renameat2(2)."""


def hold(verb: str, ids: list[str], root: str = PLACE) -> Iterator[str]:
    """``pause`` or ``stop`` those of the containers that run, give ``held``, and let them go on when TERM comes, or after a kill by ``recover``.

    One that another hold has paused stays so until both are over; one that somebody else has paused stays.
    """
    with stoppable():
        with alone(root):
            recover_here(root)
            act = Act(root, "hold", verb=verb, ids=[], names=[])
        try:
            with alone(root):
                for ident in ids:
                    _quiet(root, act, verb, ident)
            yield from until_stopped("held")
        except Stopped:
            return
        finally:
            with alone(root):
                let_go(root, act.path, act.kept)
                act.over()


def _quiet(root: str, act: Act, verb: str, ident: str) -> None:
    found = ask("GET", "/containers/{}/json".format(ident), fine=(404,))
    if found is None or not found["State"]["Running"]:
        return
    if not found["State"]["Paused"] or ident in held(root, act.path):
        act.note(ids=[*act.kept["ids"], ident], names=[*act.kept["names"], found["Name"].lstrip("/")])
    if not found["State"]["Paused"]:
        ask("POST", "/containers/{}/{}".format(ident, verb))


def put(old: str, start: bool, payload: bytes, root: str = PLACE) -> None:
    """Make a container (payload: {name, body, networks}) and give it its name, in the place of the one with the id ``old`` if there is one.

    Everything is as it was when it cannot be made, named, or (if ``start``) started.
    """
    spec = json.loads(payload)
    name = spec["name"]
    with stoppable(), alone(root):
        recover_here(root)
        found = old and ask("GET", "/containers/{}/json".format(old))
        ran = bool(found and found["State"]["Running"])
        temporary = "hotdesk-new-" + os.urandom(4).hex()
        act = Act(root, "put", name=name, temporary=temporary, old=old, ran=ran, new="", state="begun")
        try:
            new = ask("POST", "/containers/create", spec["body"], name=temporary)["Id"]
            act.note(new=new)
            for network, endpoint in spec["networks"].items():
                body = {"Container": new, "EndpointConfig": endpoint}
                ask("POST", "/networks/{}/connect".format(named(network)), body)
            if old:
                ask("POST", "/containers/{}/stop".format(old))
                ask("POST", "/containers/{}/rename".format(old), name=name + ASIDE)
            ask("POST", "/containers/{}/rename".format(new), name=name)
            if start:
                ask("POST", "/containers/{}/start".format(new))
            act.note(state="done")
        except BaseException as exc:
            try:
                take_back(root, act.path, act.kept)
            except Failed as also:
                raise Failed("{}; and what was could not be brought back: {}".format(exc, also.msg))
            act.over()
            raise
        take_back(root, act.path, act.kept)
        act.over()


def do(method: str, path: str, query: dict[str, Any], payload: bytes = b"") -> None:
    """One request that is done or not; what is not there any more is gone."""
    fine = (404,) if method == "DELETE" or path.endswith("/stop") else ()
    ask(method, path, json.loads(payload) if payload else None, fine, **query)


def make_network(name: str, payload: bytes, root: str = PLACE) -> None:
    """A network as the payload says, in the place of one of that name if there is one; who was in that is in it then.

    Two cannot have the same subnet, so the old one goes first: it is back, with who was in it, when the new one cannot be made.
    """
    body = {"Name": name, "CheckDuplicate": True, **json.loads(payload)}
    with stoppable(), alone(root):
        recover_here(root)
        old = networked(name)
        if old is None:
            ask("POST", "/networks/create", body)
            return
        act = Act(root, "network", name=name, old=old["Id"], was=made(old), members=members(name))
        try:
            leave(old["Id"], act.kept["members"])
            ask("DELETE", "/networks/" + old["Id"], fine=(404,))
            ask("POST", "/networks/create", body)
            rejoin(name, act.kept["members"])
        except BaseException as exc:
            try:
                network_back(act.kept)
            except Failed as also:
                raise Failed("{}; and what was could not be brought back: {}".format(exc, also.msg))
            act.over()
            raise
        act.over()


# --- what is in a volume


def stage(mountpoint: str) -> str:
    """An empty directory beside a volume's data."""
    place = mountpoint + ".hotdesk"
    if os.path.basename(mountpoint) != "_data":
        raise Failed("{} is not where Docker keeps a volume".format(mountpoint))
    shutil.rmtree(place, ignore_errors=True)
    os.mkdir(place, 0o700)
    return place


def exchange(mountpoint: str) -> None:
    """What was staged takes the place of a volume's data, at once; what was is removed."""
    place = mountpoint + ".hotdesk"
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(-100, os.fsencode(place), -100, os.fsencode(mountpoint), EXCHANGE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), mountpoint)
    sync(os.path.dirname(mountpoint))
    shutil.rmtree(place)
