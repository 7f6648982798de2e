"""The work that the peers are given: hotdesk's own matrix has the same, but for the copy of a big file, where it has transfers by rsync."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.lab.machine import STATE
from tests.lab.network import SWITCH
from tests.matrix.works import WORKS, Work

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.lab import PC
    from tests.matrix.scene import Scene

SIZE = 50 << 20
"""Bytes of the file that is copied; nothing makes them fewer (Mitogen compresses)."""
RATE = "4mbit"
"""What the network carries to a PC meanwhile, so that the fault meets the copy on its way."""
SOURCE = STATE / "big-file"
TARGET = "/var/tmp/MARK/big"
OLD = "old\n"


def _prepare(scene: Scene) -> None:
    if not SOURCE.exists():
        part = SOURCE.with_suffix(f".{scene.mark}")
        part.write_bytes(os.urandom(SIZE))
        part.replace(SOURCE)
    for pc in scene.lab:
        pc.run("sh", "-c", f"mkdir -m 777 /var/tmp/{scene.mark} && cat >{scene.written(TARGET)}", stdin=OLD.encode())
        pc.run("chown", "ada:", scene.written(TARGET))
    for pc in [scene.faulted] if scene.fault.one_host else scene.lab:
        _tc("replace", pc, "tbf", "rate", RATE, "burst", "64kb", "latency", "100ms")


def _begun(scene: Scene, pc: PC) -> bool:
    """A new file on the PC has begun to grow, wherever the peer puts it; on a PC that is not hit it may have come already."""
    if scene.fault.one_host and pc is not scene.faulted:
        return True
    return bool(_partial(scene, pc)) or _size(scene, pc) not in (len(OLD), SIZE)


def _after(scene: Scene) -> Iterable[str]:
    """What the file is: one line for each PC where it is neither the old nor the new one, or where parts of it lie about."""
    for pc in [scene.faulted] if scene.fault.one_host else scene.lab:
        size, parts = _size(scene, pc), _partial(scene, pc)
        if size not in (len(OLD), SIZE):
            yield f"{pc.name}: half a file, {size} bytes"
        if parts:
            yield f"{pc.name}: a part stays: {' '.join(parts)}"


def _size(scene: Scene, pc: PC) -> int:
    return int(pc.run("stat", "-c", "%s", scene.written(TARGET), check=False) or 0)


def _partial(scene: Scene, pc: PC) -> list[str]:
    """Big files that have been made since the scene began, where a peer's own directories and the target are."""
    where = ["/home/ada", "/tmp", f"/var/tmp/{scene.mark}"]
    fresh = ["-newer", scene.folder, "-type", "f", "-size", "+200k", "-printf", "%p\n"]
    found = pc.run("find", *where, *fresh, check=False).splitlines()
    return [path for path in found if path != scene.written(TARGET)]


def _clean(scene: Scene) -> None:
    for pc in scene.lab:
        _tc("del", pc)
        pc.run("sh", "-c", f"rm -rf /var/tmp/{scene.mark} /home/ada/.ansible /root/.ansible /tmp/*")


def _tc(verb: str, pc: PC, *words: str) -> None:
    queue = ["tc", "-n", SWITCH, "qdisc", verb, "dev", f"p{pc.number}", "root", *words]
    subprocess.run(queue, check=False, capture_output=True)


BIG_FILE = Work(
    name="big-file",
    task=f"ansible.builtin.copy:\n  src: {SOURCE}\n  dest: {TARGET}\n  mode: '0644'\n",
    signs=(),
    prepare=_prepare,
    begun=_begun,
    after=_after,
    clean=_clean,
)
SHARED = ("command", "shell-pipe", "term-ignoring", "nohup", "daemons", "sudo")
PEERS_WORKS = {work.name: work for work in (*(work for work in WORKS if work.name in SHARED), BIG_FILE)}
"""By name. Left out: other ways to be root, what only hotdesk has (``hotdesk.sync.folder``), and what pyinfra has not (``validate``)."""
