"""What the kernel says about the processes of this PC: the files of /proc, as proc(5) describes them."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Container, Iterable

_TICKS = os.sysconf("SC_CLK_TCK")
_BLOCK = 1 << 16
_MARK = b"HOTDESK_REQUEST="


class Stat:
    """One line of /proc/PID/stat."""

    __slots__ = ("born", "name", "pid", "ppid", "session", "threads", "zombie")

    def __init__(self, pid: int, line: bytes) -> None:
        fields = line[line.rindex(b")") + 2 :].split(None, 20)
        self.pid = pid
        self.name = line[line.index(b"(") + 1 : line.rindex(b")")]
        self.ppid, self.session, self.born = int(fields[1]), int(fields[3]), int(fields[19])
        self.threads = int(fields[17])
        # A process whose first thread has ended looks like one that is dead; it lives as long as it has others.
        self.zombie = fields[0] in (b"Z", b"X") and self.threads < 2


def read(path: str) -> bytes:
    """A file's content; empty when it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        data = more = os.read(fd, _BLOCK)
        while more:
            more = os.read(fd, _BLOCK)
            data += more
        return data
    except OSError:
        return b""
    finally:
        os.close(fd)


def stat(pid: int) -> Stat | None:
    """A living process; None when there is none (a zombie is not alive)."""
    line = read("/proc/%d/stat" % pid)
    found = Stat(pid, line) if line else None
    return None if found is None or found.zombie else found


def numbers() -> list[str]:
    """The pids of all processes that this user may see."""
    return [name for name in os.listdir("/proc") if name.isdigit()]


def processes() -> dict[int, Stat]:
    """Every living process by pid."""
    found = {}
    for name in numbers():
        each = stat(int(name))
        if each is not None:
            found[each.pid] = each
    return found


def lists_children() -> bool:
    """Does this kernel have /proc/PID/task/TID/children?"""
    return os.path.exists("/proc/self/task/%d/children" % os.getpid())


def children(pid: int, threads: int = 1) -> list[int]:
    """The pids of what a process has started or was given, zombies included. A list may lack one whose neighbour is just being reaped by
    its parent, so only the caller's own is exact."""
    if threads == 1:
        return [int(word) for word in read("/proc/%d/task/%d/children" % (pid, pid)).split()]
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return []
    return [int(word) for task in tasks for word in read("/proc/%d/task/%s/children" % (pid, task)).split()]


def carries(pid: int, marks: Iterable[frozenset[bytes]]) -> bool:
    """Does the environment that ``pid`` was started with hold all variables of one of ``marks``?"""
    environ = read("/proc/%d/environ" % pid)
    if not environ:
        return False
    variables = set(environ.split(b"\0"))
    return any(mark <= variables for mark in marks)


def carries_any(pid: int) -> bool:
    """Is ``pid`` marked by any request of any agent?"""
    return b"\0" + _MARK in b"\0" + read("/proc/%d/environ" % pid)


def carriers(
    marks: Iterable[frozenset[bytes]], names: Iterable[str], but: Container[int] = ()
) -> tuple[list[int], list[str]]:
    """(those of ``names``, pids, that carry one of ``marks``; those that have no environment, for ever or while they exec).

    On a PC of many agents each asks this of all processes when it stops: it takes three calls of the kernel and no more for each.
    """
    signs = [(min(mark), mark) for mark in marks]
    found, silent = [], []
    for name in names:
        try:
            fd = os.open("/proc/" + name + "/environ", os.O_RDONLY)
        except OSError:
            continue
        try:
            environ = os.read(fd, _BLOCK)
        except OSError:
            continue
        finally:
            os.close(fd)
        if not environ:
            silent.append(name)
        for sign, mark in signs:
            if (sign in environ or len(environ) == _BLOCK) and int(name) not in but and carries(int(name), [mark]):
                found.append(int(name))
                break
    return found, silent


def now() -> int:
    """Clock ticks since boot, as in the ``starttime`` of /proc/PID/stat."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * _TICKS)
