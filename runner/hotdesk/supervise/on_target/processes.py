"""The processes of runs under way here, known by the marks in the environment they were started with (``hotdesk.agent``)."""

from __future__ import annotations

import os
import pwd
import time
from typing import Any

RUN, TASK = b"HOTDESK_RUN=", b"HOTDESK_TASK="
_COMMAND = 4096


def listing() -> list[dict[str, Any]]:
    """Every process that this user may look at and that a task of another run has started: run, task, pid, group, user, seconds (since its
    start), command. proc(5) describes the files."""
    own = os.environb.get(RUN[:-1], b"")
    found = [_described(name, own) for name in os.listdir("/proc") if name.isdigit()]
    return sorted((one for one in found if one), key=lambda one: (one["run"], one["task"], one["pid"]))


def _described(pid: str, own: bytes) -> dict[str, Any]:
    """Empty for one that is gone, dead, another user's, or no run's."""
    try:
        variables = _read(pid, "environ").split(b"\0")
        run, task = _value(variables, RUN), _value(variables, TASK)
        if not run or run == own:
            return {}
        fields = _read(pid, "stat").rpartition(b") ")[2].split()
        command = _read(pid, "cmdline")[:_COMMAND].rstrip(b"\0").replace(b"\0", b" ")
        owner = os.stat("/proc/" + pid).st_uid
    except OSError:
        return {}
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return {
        "run": os.fsdecode(run), "task": os.fsdecode(task), "pid": int(pid), "group": int(fields[2]), "user": _name(owner),
        "seconds": round(max(0.0, age), 1), "command": os.fsdecode(command),
    }  # fmt: skip


def _read(pid: str, name: str) -> bytes:
    with open("/proc/" + pid + "/" + name, "rb") as stream:
        return stream.read()


def _value(variables: list[bytes], name: bytes) -> bytes:
    return next((one[len(name) :] for one in variables if one.startswith(name)), b"")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
