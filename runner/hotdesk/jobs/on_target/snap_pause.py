"""snapd's refreshes, held back for a while by the setting ``refresh.hold``, which then is as it was. Python 3.8 or newer.

The setting is a time, so it is a lease: when that is over, snapd forgets it and refreshes again, whatever became of us.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

from hotdesk.jobs.on_target.acts import Act, acts, killed, put_right, until_stopped
from hotdesk.jobs.on_target.journal import Failed, alone
from hotdesk.jobs.on_target.snap_api import BEAT, SOCKET, ask, look
from hotdesk.jobs.on_target.stopping import Stopped, stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

PLACE = "/var/lib/hotdesk/snap"
LEASE = 6 * 3600
"""Seconds after which snapd refreshes again by itself."""
CONF = "/v2/snaps/system/conf"
SETTING = "refresh.hold"
TAKING = 60.0
"""Seconds until snapd has taken a setting over."""


def pause(lease: float = LEASE, root: str = PLACE, socket: str = SOCKET) -> Iterator[str]:
    """Hold refreshes back, give ``paused``, and put the setting back when TERM comes; after a kill ``recover`` does it, or the lease ends.

    Several at once share one hold: the last puts it back. One that lasts longer already is left as it is.
    """
    with stoppable():
        with alone(root):
            _recover(root, socket)
            act = _begin(lease, root, socket)
        try:
            yield from until_stopped("paused")
        except Stopped:
            return
        finally:
            with alone(root):
                if act is not None:
                    _end(root, act.path, act.kept, socket)
                    act.over()


def unfinished(root: str = PLACE) -> list[str]:
    """What a kill left, in words. Reads only."""
    return ["let snapd refresh again"] if any(killed(root).values()) else []


def recover(root: str = PLACE, socket: str = SOCKET) -> list[str]:
    """Put back what a kill left."""
    said = unfinished(root)
    with alone(root):
        _recover(root, socket)
    return said


def _recover(root: str, socket: str) -> None:
    put_right(root, lambda path, kept: _end(root, path, kept, socket))


def _begin(lease: float, root: str, socket: str) -> Any:
    now = setting(socket)
    for one in acts(root).values():
        if one and one["ours"] == now:  # another's hold: this one has part in it
            return Act(root, "pause", prior=one["prior"], ours=now)
    until = datetime.now(timezone.utc) + timedelta(seconds=lease)
    if now is not None and _lasts(now, until):
        return None
    ours = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    act = Act(root, "pause", prior=now, ours=ours)
    try:
        change(ours, socket)
    except BaseException:
        _end(root, act.path, act.kept, socket)
        act.over()
        raise
    return act


def _end(root: str, path: str, kept: dict[str, Any], socket: str) -> None:
    """The setting as it was, unless another needs the hold still, or somebody has changed it since."""
    others = [one for where, one in acts(root).items() if where != path and one]
    if any(one["ours"] == kept["ours"] for one in others) or setting(socket) != kept["ours"]:
        return
    change(kept["prior"], socket)


def setting(socket: str) -> Any:
    """What it is; None: not set. Failed when snapd does not say so."""
    try:
        found = ask("GET", "{}?keys={}".format(CONF, SETTING), None, socket)
    except Failed as exc:
        if exc.data.get("kind") == "option-not-found":
            return None
        raise
    return found[SETTING]


def change(value: Any, socket: str) -> None:
    """Set it (None: unset it), and read it back: success alone does not prove it."""
    begun = ask("PUT", CONF, {SETTING: value}, socket)
    deadline = time.monotonic() + TAKING
    while not look(begun, socket)["ready"] and time.monotonic() < deadline:
        time.sleep(BEAT)
    found = setting(socket)
    if found != value:
        raise Failed("snapd did not take over {} {}: it is {}".format(SETTING, value, found), kind="")


def _lasts(value: Any, until: datetime) -> bool:
    """Is this hold longer than until then?"""
    if value == "forever":
        return True
    try:  # RFC 3339, with up to nine digits of a second
        return datetime.fromisoformat(re.sub(r"\.\d+", "", str(value)).replace("Z", "+00:00")) >= until
    except (ValueError, TypeError):
        return False
