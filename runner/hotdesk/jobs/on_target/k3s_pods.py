"""The containers of k3s's pods, as their control groups show them: they run on when k3s itself is stopped. Python 3.8 or newer."""

from __future__ import annotations

import os
import time

from hotdesk.jobs.on_target.acts import Act, acts, killed, put_right, until_stopped
from hotdesk.jobs.on_target.journal import Failed, alone
from hotdesk.jobs.on_target.stopping import Stopped, stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

PODS_PLACE = "/var/lib/hotdesk/k3s-pods"
GROUPS = ("/sys/fs/cgroup/kubepods", "/sys/fs/cgroup/kubepods.slice", "/sys/fs/cgroup/freezer/kubepods")
"""Where kubelet puts them: with cgroup v2, with systemd's driver, with v1."""
FREEZING = 10.0
"""Seconds that it may take."""


def running_pods() -> list[str]:
    """The control groups that have any."""
    return [group for group in GROUPS if os.path.isdir(group) and _members(group)]


def pause(root: str = PODS_PLACE) -> Iterator[str]:
    """Freeze all pods, give ``paused``, and let them go on when TERM comes, or after a kill by ``go_on``. Those that somebody froze stay so."""
    with stoppable():
        with alone(root):
            _recover(root)
            act = Act(root, "pause", groups=[])
        try:
            with alone(root):
                for group in running_pods():
                    if not frozen(group) or group in _others(root, act.path):
                        act.note(groups=[*act.kept["groups"], group])
                        freeze(group, True)
            yield from until_stopped("paused")
        except Stopped:
            return
        finally:
            with alone(root):
                _thaw(root, act.path, act.kept)
                act.over()


def still_paused(root: str = PODS_PLACE) -> list[str]:
    """What a kill left, in words. Reads only."""
    return ["let the pods go on" for kept in killed(root).values() if kept.get("groups")]


def go_on(root: str = PODS_PLACE) -> None:
    """Undo that."""
    with alone(root):
        _recover(root)


def frozen(group: str) -> bool:
    """All of it."""
    events, state = os.path.join(group, "cgroup.events"), os.path.join(group, "freezer.state")
    if os.path.exists(state):
        return _text(state).strip() == "FROZEN"
    return "frozen 1" in _text(events).splitlines()


def freeze(group: str, on: bool) -> None:
    """And wait until it is so."""
    state = os.path.join(group, "freezer.state")
    name, text = (
        (state, "FROZEN" if on else "THAWED") if os.path.exists(state) else (group + "/cgroup.freeze", str(int(on)))
    )
    try:
        with open(name, "w", encoding="ascii") as stream:
            stream.write(text)
    except FileNotFoundError:
        return  # the last pod is gone, and its group
    deadline = time.monotonic() + FREEZING
    while frozen(group) != on:
        if time.monotonic() > deadline:
            raise Failed("the pods in {} cannot be {}".format(group, "paused" if on else "let go on"))
        time.sleep(0.02)


def _recover(root: str) -> None:
    put_right(root, lambda path, kept: _thaw(root, path, kept))


def _thaw(root: str, path: str, kept: dict[str, Any]) -> None:
    for group in kept.get("groups", ()):
        if group not in _others(root, path):
            freeze(group, False)


def _others(root: str, but: str) -> set[str]:
    return {group for path, one in acts(root).items() if path != but for group in one.get("groups", ())}


def _members(group: str) -> bool:
    return any(_text(os.path.join(top, "cgroup.procs")).strip() for top, _, _ in os.walk(group))


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read()
    except OSError:
        return ""
