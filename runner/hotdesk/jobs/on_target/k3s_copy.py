"""A copy of what k3s has on this PC as of one moment, and places for one. Python 3.8 or newer."""

from __future__ import annotations

import os
import shutil

from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.k3s_database import copy_database, forget_nodes
from hotdesk.jobs.on_target.k3s_swap import command

SAVING = 600.0
"""Seconds that a snapshot of etcd may take."""


def copy_objects(top: str, kind: str, place: str) -> None:
    """Into the new directory ``place``: ``db/state.db``, or ``etcd-snapshot``. k3s goes on."""
    os.makedirs(os.path.join(place, "db"), 0o700)
    if kind == "sqlite":
        copy_database(os.path.join(top, "server/db/state.db"), os.path.join(place, "db/state.db"))
        return
    saved = os.path.join(place, "saved")
    os.mkdir(saved, 0o700)
    argv = ["k3s", "etcd-snapshot", "save", "--data-dir", top, "--etcd-snapshot-dir", saved, "--name", "hotdesk"]
    command(argv, SAVING)
    found = sorted(os.listdir(saved))
    if len(found) != 1:
        raise Failed("k3s etcd-snapshot save has left {} files".format(len(found)))
    os.rename(os.path.join(saved, found[0]), os.path.join(place, "etcd-snapshot"))


def make_rooms(places: list[str]) -> None:
    """New directories that only we can enter."""
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place, 0o700)


def make_own(place: str, gone: list[str], renewed: list[str]) -> None:
    """What was staged in ``place`` is as it is to be on this PC (``forget_nodes``), and on the disk when this returns."""
    base = os.path.join(place, "db/state.db")
    if os.path.exists(base):
        forget_nodes(base, gone, renewed)
    os.sync()
