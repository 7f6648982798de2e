"""What is done to containers only for a while, or in several steps, and is undone when it does not come to its end. Python 3.8 or newer.

Each has its note (``acts.Act``). A stop (TERM) undoes it at once; what a kill left the next act or ``recover`` undoes. Three kinds: a *hold*
(containers that are paused or stopped while their volumes are copied), a *put* (a container that is made, maybe in another's place), and a
*network* that takes another's place.
"""

from __future__ import annotations

from hotdesk.jobs.on_target.acts import held, killed, put_right
from hotdesk.jobs.on_target.docker_api import ask, named
from hotdesk.jobs.on_target.docker_networks import network_back
from hotdesk.jobs.on_target.journal import alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PLACE = "/var/lib/hotdesk/docker"
BACK = {"pause": "unpause", "stop": "start"}
ASIDE = "-hotdesk-old"
"""What the name of a container ends in while another takes its place."""


def unfinished(root: str = PLACE) -> list[str]:
    """What a kill left, in words. Reads only."""
    out = []
    for kept in filter(None, killed(root).values()):
        if kept["kind"] == "hold":
            out.append("{} {}".format(BACK[kept["verb"]], ", ".join(kept["names"])))
        else:
            out.append("put in place " + "the network " * (kept["kind"] == "network") + kept["name"])
    return sorted(out)


def recover(root: str = PLACE) -> list[str]:
    """Undo that. Failed names what could not be."""
    said = unfinished(root)
    with alone(root):
        recover_here(root)
    return said


def recover_here(root: str) -> None:
    """For who has the place ``alone``."""

    def undo(path: str, kept: dict[str, Any]) -> None:
        if kept["kind"] == "network":
            network_back(kept)
        else:
            (let_go if kept["kind"] == "hold" else take_back)(root, path, kept)

    put_right(root, undo)


def let_go(root: str, path: str, kept: dict[str, Any]) -> None:
    """The containers of a hold run again, but for those that another hold needs still."""
    others = held(root, path)
    for ident in reversed(kept["ids"]):
        if ident not in others:
            # 304: it runs already; 404: it is gone; 409: it is not paused
            ask("POST", "/containers/{}/{}".format(ident, BACK[kept["verb"]]), fine=(404, 409))


def take_back(_root: str, _path: str, kept: dict[str, Any]) -> None:
    """A container that was not wholly put in place is gone, and the one it was to replace is back; one that was has its place for good."""
    if kept["state"] == "done":
        if kept["old"]:
            ask("DELETE", "/containers/" + kept["old"], fine=(404, 409), force=1)
        return
    new = ask("GET", "/containers/{}/json".format(named(kept["new"] or kept["temporary"])), fine=(404,))
    if new is not None and new["Id"] != kept["old"]:
        ask("DELETE", "/containers/" + new["Id"], fine=(404, 409), force=1)
    old = kept["old"] and ask("GET", "/containers/{}/json".format(kept["old"]), fine=(404,))
    if old:
        if old["Name"].lstrip("/") != kept["name"]:
            ask("POST", "/containers/{}/rename".format(kept["old"]), name=kept["name"])
        if kept["ran"]:
            ask("POST", "/containers/{}/start".format(kept["old"]))
