"""Another state in the place of the k3s on this PC, all of it or nothing. Python 3.8 or newer.

k3s is stopped; what is there is put aside, file by file, and what was staged takes its place; k3s is started if it ran. A stop (TERM) or a
failure on the way, also that k3s does not become ready, puts everything back. What a kill left the next swap or ``recover`` puts back; until
then k3s is not started, also by a boot. What was is kept until the next swap, if that is wanted: ``back`` puts it in place likewise.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

from hotdesk.jobs.on_target.acts import Act, killed, put_right
from hotdesk.jobs.on_target.journal import Failed, alone, sync
from hotdesk.jobs.on_target.k3s_api import Api
from hotdesk.jobs.on_target.k3s_pods import running_pods
from hotdesk.jobs.on_target.k3s_state import served, word
from hotdesk.jobs.on_target.stopping import stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

SWAPS = "/var/lib/hotdesk/k3s"
UNITS = "/etc/systemd/system"
GUARD = "{}.d/hotdesk-half.conf"
"""A drop-in of the unit, as long as its state may be half of one and half of another."""
END = "k3s-killall.sh"
"""What k3s's installer brings to end the containers of a stopped k3s (https://docs.k3s.io/upgrades/killall)."""


def swap(run: str, told: dict[str, Any], root: str = SWAPS) -> Iterator[str]:
    """Signs of life while it is done. Failed says why not; then all is as it was.

    ``told``: unit, items ([path, what is staged for it or empty, directory on its file system to put aside in]), top, config, reset (a staged
    snapshot of etcd to be restored, or empty), gone and renewed (see ``Api.forget``), keep (what was), limit (seconds until it is ready).
    """
    with stoppable(), alone(root):
        recover_here(root)
        act = Act(root, "swap", run=run, items=[], ran=word("is-active", told["unit"]) == "active", state="begun",
                  before=last(root), told={**told, "items": []})  # fmt: skip
        try:
            yield "stopping"
            stop(told["unit"])
            if running_pods():
                why = "containers run on without k3s, and there is no {} to end them; k3s's installer brings it"
                raise Failed(why.format(END))
            guard(told["unit"], True)
            act.note(items=[_item(one, run) for one in told["items"]])
            for one in act.kept["items"]:
                _place(one)
            yield "in place"
            yield from _bring_up(act.kept, told)
            act.note(state="done")
        except BaseException as exc:
            try:
                put_back(act.kept)
            except (Failed, OSError) as also:
                raise Failed("{}; and what was could not be brought back: {}".format(exc, also))
            act.over()
            raise
        finish(root, act.kept)
        act.over()


def back(run: str, root: str = SWAPS) -> Iterator[str]:
    """What ``run`` has replaced is there again, in the same way. Failed when it is not kept any more."""
    kept = replaced(root)
    if kept.get("run") != run or not kept.get("keep"):
        raise Failed("the state of k3s from before the run {} is not kept any more".format(run))
    items = [
        [one["path"], "" if one["new"] else one["aside"], os.path.dirname(one["aside"])]
        for one in reversed(kept["items"])
    ]
    told = {**kept["told"], "items": items, "reset": "", "gone": [], "renewed": [], "back_to": kept["before"]}
    yield from swap(run + "-undone", told, root)


def unfinished_swaps(root: str = SWAPS) -> list[str]:
    """What a kill left, in words. Reads only."""
    return ["put back the state of k3s" for kept in killed(root).values() if kept]


def recover(root: str = SWAPS) -> None:
    """Undo that."""
    with stoppable(), alone(root):
        recover_here(root)


def recover_here(root: str) -> None:
    """For who has the place ``alone``."""
    put_right(root, lambda _path, kept: finish(root, kept) if kept["state"] == "done" else put_back(kept))


def last(root: str) -> str:
    """The run whose state is in place; empty: no run's."""
    return str(replaced(root).get("back_to", replaced(root).get("run", "")))


def replaced(root: str) -> dict[str, Any]:
    try:
        with open(os.path.join(root, "replaced"), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (FileNotFoundError, ValueError):
        return {}


def _item(one: list[str], run: str) -> dict[str, Any]:
    path, staged, room = one
    aside = os.path.join(room, "{}-{}".format(run, os.urandom(6).hex()))
    return {"path": path, "staged": staged, "aside": aside, "new": not os.path.lexists(path)}


def _place(one: dict[str, Any]) -> None:
    for folder in (os.path.dirname(one["aside"]), os.path.dirname(one["path"])):
        os.makedirs(folder, 0o700, exist_ok=True)
    if not one["new"]:
        os.rename(one["path"], one["aside"])
    if one["staged"]:
        os.rename(one["staged"], one["path"])
    for folder in (os.path.dirname(one["aside"]), os.path.dirname(one["path"])):
        sync(folder)


def put_back(kept: dict[str, Any]) -> None:
    """For a swap that did not come to its end."""
    unit, staged = kept["told"]["unit"], kept["told"].get("back_to") is not None
    stop(unit)
    for one in reversed(kept["items"]):
        if staged and one["staged"] and not os.path.lexists(one["staged"]) and os.path.lexists(one["path"]):
            os.rename(one["path"], one["staged"])  # what was kept is kept still
        if os.path.lexists(one["aside"]):
            _remove(one["path"])
            os.rename(one["aside"], one["path"])
            sync(os.path.dirname(one["path"]))
        elif one["new"]:
            _remove(one["path"])
    guard(unit, False)
    if kept["ran"]:
        systemctl("start", unit)


def finish(root: str, kept: dict[str, Any]) -> None:
    """For one that did: what it put aside is kept, or removed, and what an earlier one had put aside is removed."""
    before = replaced(root).get("items", ())
    for one in before if before != kept["items"] else ():
        _remove(one["aside"])
    told = kept["told"]
    if not told["keep"]:
        for one in kept["items"]:
            _remove(one["aside"])
    said = {"run": kept["run"], "items": kept["items"], "before": kept["before"], "keep": told["keep"], "told": told}
    if "back_to" in told:
        said["back_to"] = told["back_to"]
    path = os.path.join(root, "replaced")
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(said, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)
    with open(os.path.join(root, "run"), "w", encoding="utf-8") as stream:
        stream.write(last(root))


def _bring_up(kept: dict[str, Any], told: dict[str, Any]) -> Iterator[str]:
    unit = told["unit"]
    if told["reset"]:
        yield "restoring"
        command(
            [
                "k3s",
                "server",
                "--data-dir",
                told["top"],
                "--cluster-reset",
                "--cluster-reset-restore-path",
                told["reset"],
            ],
            told["limit"],
        )
    guard(unit, False)
    if not kept["ran"]:
        return
    systemctl("start", unit)
    deadline = time.monotonic() + told["limit"]
    while not served(told["top"], told["config"]):
        if word("is-active", unit) not in ("active", "activating", "reloading") or time.monotonic() > deadline:
            raise Failed("k3s does not become ready with the new state: journalctl -u {}".format(unit))
        yield "waiting"
        time.sleep(0.5)
    if told["reset"]:
        Api(told["top"], told["config"]).forget(told["gone"], told["renewed"])


def stop(unit: str) -> None:
    """k3s and its containers."""
    systemctl("stop", unit)
    if running_pods() and shutil.which(END):
        command([END], 120)


def guard(unit: str, on: bool) -> None:
    """While it is on, nobody starts the unit, not even a boot."""
    path = os.path.join(UNITS, GUARD.format(unit))
    if on:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(
                "# hotdesk is replacing the state of k3s; the next run of it puts right what was broken off.\n"
            )
            stream.write("[Unit]\nConditionPathExists=!{}\n".format(path))
            os.fsync(stream.fileno())
        sync(os.path.dirname(path))
    elif os.path.exists(path):
        os.unlink(path)
        if not os.listdir(os.path.dirname(path)):
            os.rmdir(os.path.dirname(path))
    else:
        return
    systemctl("daemon-reload")


def systemctl(*argv: str) -> None:
    command(["systemctl", *argv], 300)


def command(argv: list[str], limit: float) -> None:
    """Failed with its own last words."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit
        )
    except subprocess.TimeoutExpired:
        raise Failed("{}: not within {:g} seconds".format(" ".join(argv[:2]), limit))
    if done.returncode:
        words = " ".join(done.stdout.decode("utf-8", "replace").split())[-400:]
        raise Failed("{}: {} (exit code {})".format(" ".join(argv[:2]), words or "it said nothing", done.returncode))


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
