"""Free space of file systems, looked at from a fork of the agent with a thread per mount, so that a dead mount holds nobody up.

One formula everywhere: free = ``f_bavail * f_frsize`` (statvfs(3)), what an unprivileged writer can still use.
"""

from __future__ import annotations

import errno
import os
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generator, Iterator

    from hotdesk.agent.calls import Failed

DEADLINE = 5.0
"""Seconds after which a mount counts as not answering."""
WORTH_TELLING = 0.01
"""Share of a file system by which its free space must have changed since it was last told."""
DEAD = (errno.EIO, errno.ENODEV, errno.ENOTCONN, errno.ESHUTDOWN, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN)
"""What a mount says whose disk, server or daemon is gone."""


def mounts() -> list[tuple[str, str, str]]:
    """(mount point, device, type) of every mount, in the order of /proc/self/mountinfo (proc(5))."""
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            left, _, right = os.fsdecode(line).partition(" - ")
            kind, device = right.split(" ")[:2]
            found.append((_plain(left.split(" ")[4]), _plain(device), kind))
    return found


def _plain(text: str) -> str:
    """Without the octal escapes for blank, tab, newline and backslash."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, sign)
    return text


def mount_of(path: str, table: list[tuple[str, str, str]]) -> tuple[str, str]:
    """(mount point, device) of an absolute path; of mounts on the same point the last counts."""
    best = ("/", "")
    for point, device, _ in table:
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(best[0]):
            best = (point, device)
    return best


def nearest(path: str) -> str:
    """The real path of ``path`` or of its nearest existing parent. OSError for what is there but dead: its parent says nothing about it."""
    path = os.path.abspath(os.path.expanduser(path))
    while path != "/":
        try:
            os.stat(path)
            break
        except OSError as exc:
            if exc.errno in DEAD:
                raise
        path = os.path.dirname(path)
    return os.path.realpath(path)


def _sample(path: str) -> dict[str, Any]:
    real = nearest(path)
    space = os.statvfs(real)
    try:
        mount, device = mount_of(real, mounts())
    except OSError:
        mount, device = real, ""
    unit = space.f_frsize
    return {"mount": mount, "device": device, "total": space.f_blocks * unit, "free": space.f_bavail * unit}


class Probe(threading.Thread):
    """Measures one path whenever it is asked; never asked again while it has not answered."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.value: dict[str, Any] | None = None
        self.error = ""
        self._over = False
        self._asked = threading.Event()
        self._answered = threading.Event()
        self._answered.set()
        self.start()

    def ask(self) -> None:
        if self._answered.is_set():
            self._answered.clear()
            self._asked.set()

    def answered(self, timeout: float) -> bool:
        return self._answered.wait(timeout)

    def end(self) -> None:
        """No more questions. A thread that hangs in the kernel is left to the end of the process."""
        self._over = True
        self._asked.set()
        if self._answered.is_set():
            self.join(1.0)

    def run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._over:
                return
            try:
                self.value, self.error = _sample(self.path), ""
            except OSError as exc:
                self.error = str(exc)
            self._answered.set()


def measure(paths: list[str]) -> list[dict[str, Any]]:
    """The file systems of ``paths``, each once, in their order, with the paths that are on it."""
    probes = [Probe(path) for path in paths]
    try:
        return _gather(probes)
    finally:
        for probe in probes:
            probe.end()


def _gather(probes: list[Probe]) -> list[dict[str, Any]]:
    for probe in probes:
        probe.ask()
    until = time.monotonic() + DEADLINE
    found: dict[str, dict[str, Any]] = {}
    for probe in probes:
        if not probe.answered(max(0.0, until - time.monotonic())):
            raise _failed("the file system of {} does not answer".format(probe.path))
        if probe.error or probe.value is None:
            raise _failed("the file system of {} cannot be measured: {}".format(probe.path, probe.error))
        state = found.setdefault(probe.value["mount"], {**probe.value, "paths": []})
        state["paths"].append(probe.path)
    return list(found.values())


def _failed(text: str) -> Failed:
    from hotdesk.agent.calls import Failed

    return Failed(text)


def level(free: int, limits: dict[str, int]) -> str:
    """ "minimum", "warning" or "ok"."""
    if free < limits.get("minimum", 0):
        return "minimum"
    return "warning" if free < limits.get("warning", 0) else "ok"


def watch(thresholds: dict[str, dict[str, int]], interval: float) -> Generator[dict[str, Any], None, None]:
    """For ever: {state, level} whenever a path's level is another than before ("ok" at the start is not worth a word), or its free space has
    changed by ``WORTH_TELLING``."""
    probes = {path: Probe(path) for path in thresholds}
    try:
        yield from _crossings(probes, thresholds, interval)
    finally:
        for probe in probes.values():
            probe.end()


def _crossings(
    probes: dict[str, Probe], thresholds: dict[str, dict[str, int]], interval: float
) -> Iterator[dict[str, Any]]:
    known = {path: "ok" for path in thresholds}
    told = {}  # type: dict[str, int]
    missed = {path: 0 for path in thresholds}
    while True:
        began = time.monotonic()
        for probe in probes.values():
            probe.ask()
        for path, probe in probes.items():
            left = began + min(DEADLINE, max(interval, 1.0)) - time.monotonic()
            if probe.answered(max(0.0, left)) and not probe.error:
                missed[path] = 0
                assert probe.value is not None
                now = level(probe.value["free"], thresholds[path])
            else:
                missed[path] += 1
                now = "failed" if missed[path] >= 3 else known[path]
            last = probe.value or {"mount": path, "device": "", "total": 0, "free": 0}
            moved = abs(last["free"] - told.setdefault(path, last["free"]))
            if now != known[path] or moved > last["total"] * WORTH_TELLING:
                known[path], told[path] = now, last["free"]
                yield {"state": {**last, "paths": [path]}, "level": now}
        time.sleep(max(0.0, began + interval - time.monotonic()))
