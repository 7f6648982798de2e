"""All of a k3s's state that is to be in another PC's, copied as of one moment and laid beside what that has."""

from __future__ import annotations

import os
import posixpath
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hotdesk.errors import TaskError
from hotdesk.jobs.docker_volumes import PACK, UNPACK, listed
from hotdesk.jobs.holding import holding
from hotdesk.jobs.k3s_plan import CONFIG, is_manifest, merged
from hotdesk.jobs.on_target import k3s_copy, k3s_pods
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.jobs.k3s_plan import Differences, Seen
    from hotdesk.jobs.machine import Machine
    from hotdesk.jobs.transfer import JobTransfer

ROOM = ".hotdesk-k3s"
"""A directory on each file system where what is new is staged, and what was is kept."""


@dataclass(slots=True)
class Staging:
    """What ``found`` says, from ``source`` to ``target``. ``pause``: the source's pods stand still while volumes are copied."""

    source: Machine
    target: Machine
    transfer: JobTransfer
    here: Seen
    there: Seen
    found: Differences
    top: str
    storage: str
    pause: bool
    _stage: dict[str, str] = field(default_factory=dict)
    """state, config, volumes -> the directory of what is new there."""

    async def fill(self) -> str:
        """Change: copy and stage. Returns the snapshot of etcd that is to be restored, or nothing. Raises TaskError."""
        mark = os.urandom(6).hex()
        tops = {"state": self.top, "config": posixpath.dirname(CONFIG), "volumes": self.storage}
        self._stage = {
            name: f"{top}/{ROOM}/{mark}" for name, top in tops.items() if name == "state" or getattr(self.found, name)
        }
        for place in self._stage.values():
            self.target.temporary(place)
        await self.target.call(bundle(k3s_copy), "make_rooms", list(self._stage.values()), change=True)
        copy = f"{self.top}/{ROOM}-{mark}"
        self.source.temporary(copy)
        await self._copy(copy)
        await self._pipe(copy, ["."], "state", "objects")
        if files := self._files():
            await self._pipe(f"{self.top}/server", files, "state", "files")
        await self._configure()
        nodes = self.nodes()
        place = self._stage["state"]
        await self.target.call(bundle(k3s_copy), "make_own", place, nodes["gone"], nodes["renewed"], change=True)
        return f"{place}/etcd-snapshot" if self.here.state["kind"] == "etcd" else ""

    def nodes(self) -> dict[str, list[str]]:
        """The source's node is none of the target's cluster; the target's registers itself, with the password that it has."""
        here, there = self.here.node, self.there.node
        gone = [] if here == there else [here]
        if self.here.state["kind"] == "etcd" and there not in (here, *self.here.state["nodes"]):
            return {"gone": gone, "renewed": []}  # it has registered itself when its old password could be removed
        return {"gone": gone, "renewed": [there]}

    def items(self) -> list[list[str]]:
        """[path, what was staged for it or empty, where what is there is kept] of all that is replaced together."""
        server, staged = f"{self.top}/server", self._stage["state"]
        etcd = self.here.state["kind"] == "etcd"
        names = dict.fromkeys(
            ["db/etcd", "db/reset-flag"] if etcd else ["db/state.db", "db/state.db-wal", "db/state.db-shm"]
        )
        names |= dict.fromkeys(_together(self.found.files))
        if any("-ca." in name for name in self.found.files):
            names |= dict.fromkeys(self.there.state["signed"])  # by an authority that is no more the cluster's
        new = {"" if etcd else "db/state.db", *self._files()}
        items = [
            [f"{server}/{name}", f"{staged}/{name}" if name in new else "", f"{self.top}/{ROOM}/kept"] for name in names
        ]
        for name in self.found.config:
            room = f"{posixpath.dirname(CONFIG)}/{ROOM}/kept"
            items.append([f"{CONFIG}/{name}", f"{self._stage['config']}/{name}", room])
        for name, sign in self.found.volumes.items():
            brought = "" if sign == "-" else f"{self._stage['volumes']}/{name}"
            items.append([f"{self.storage}/{name}", brought, f"{self.storage}/{ROOM}/kept"])
        return items

    async def _copy(self, copy: str) -> None:
        """Objects into a directory of the source, volumes to the target: while the pods stand still both are of one moment."""
        volumes = [name for name, sign in self.found.volumes.items() if sign != "-"]
        async with AsyncExitStack() as stack:
            if volumes and self.pause:
                stack.push_async_callback(self.source.call, bundle(k3s_pods), "go_on", change=True)
                await stack.enter_async_context(holding(self.source, k3s_pods, "pause"))
            kind = self.here.state["kind"]
            await self.source.call(bundle(k3s_copy), "copy_objects", self.top, kind, copy, change=True)
            if not volumes:
                return
            await self._pipe(self.storage, volumes, "volumes", "volumes")
            ours, theirs = await both(
                listed(self.source, [f"{self.storage}/{name}" for name in volumes]),
                listed(self.target, [f"{self._stage['volumes']}/{name}" for name in volumes]),
            )
            if list(ours.values()) != list(theirs.values()):
                text = f"volumes changed on {self.source.host} while they were copied"
                raise TaskError(text, remedy="Leave quiesce at pause, or stop what writes.")

    def _files(self) -> list[str]:
        """Files and directories below server/ that are brought."""
        wanted = _together(self.found.files)
        return [name for name in _together(self.here.state["files"]) if name in wanted]

    async def _configure(self) -> None:
        names = [name for name in self.found.config if name != "config.yaml"]
        if names:
            await self._pipe(CONFIG, names, "config", "configuration")
        if "config.yaml" in self.found.config:
            text = merged(self.here, self.there)
            await self.target.write(f"{self._stage['config']}/config.yaml", text or b"", mode=0o600)

    async def _pipe(self, top: str, names: Sequence[str], stage: str, what: str) -> None:
        sender = [*PACK, top, "--", *(f"./{name}" for name in names)]
        await self.transfer.pipe(sender, [*UNPACK, self._stage[stage]], what=f"k3s {what}")


def _together(names: Iterable[str]) -> list[str]:
    """All manifests as the one directory that they are in."""
    return list(dict.fromkeys("manifests" if is_manifest(name) else name for name in names))
