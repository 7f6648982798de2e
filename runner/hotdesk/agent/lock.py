"""A PC's lock: flock(2) on a file that any user can open, held as long as the agent lives.

The record of the holder stands in the file only while the lock is held; who does not get the lock writes nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os

from hotdesk.agent.frames import from_text, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hotdesk.agent.main import Agent

FOLDERS = ("/run/lock", "/var/lock", "/tmp")
TRIES, PAUSE = 50, 0.02
"""How often, and after how many seconds, a lock is asked for again whose holder has no record: it has just taken it, or is letting go."""
OWN_FOLDER = "HOTDESK_LOCKS"  # set in the environment of an embedded PC: several of those are one machine


def path_of(name: str) -> str:
    """Where the lock file is, or is to be: an existing one anywhere counts, so that users with different rights meet at one file."""
    if not name or "/" in name or "\0" in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), name)
    own = os.environ.get(OWN_FOLDER)
    candidates = [os.path.join(folder, "hotdesk-{}.lock".format(name)) for folder in ([own] if own else FOLDERS)]
    for path in candidates:
        if os.path.exists(path):
            return path
    for path in candidates:
        # Only a folder in which everybody may create the file serves: the first to come may be root, the next may not.
        try:
            if os.stat(os.path.dirname(path)).st_mode & 0o002:
                return path
        except OSError:
            continue
    return candidates[-1]


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # Without O_CREAT first: in a sticky folder fs.protected_regular forbids O_CREAT on another user's file (proc(5)).
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    try:
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    os.fchmod(fd, 0o666)  # whatever the umask is
    return fd


def take(agent: Agent, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """{held, record}: ours when it is held now, else the holder's."""
    fd = _open(path_of(name))
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        found = os.pread(fd, 4096, 0)
        os.close(fd)
        if exc.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        return {"held": False, "record": _record(found)}
    mine = {"run": agent.run, "pid": agent.pid, **record}
    os.ftruncate(fd, 0)
    os.pwrite(fd, to_text(mine), 0)
    agent.locks[name] = fd
    return {"held": True, "record": mine}


def _record(text: bytes) -> dict[str, Any]:
    try:
        found = from_text(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def release(agent: Agent, name: str) -> None:
    """Empty the record, then let go. The file stays: removing it would let two holders stand on two files of one name."""
    fd = agent.locks.pop(name, None)
    if fd is not None:
        os.ftruncate(fd, 0)
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def release_all(agent: Agent) -> None:
    for name in list(agent.locks):
        release(agent, name)


def operate(agent: Agent, header: dict[str, Any], tries: int = TRIES) -> None:
    """{do: "take" or "release", name, record}: answers ``lock`` {held, record}."""
    if header["do"] == "take":
        found = take(agent, header["name"], header["record"])
        if found["held"] or found["record"] or not tries:
            agent.send({"id": header["id"], "ev": "lock", **found})
        else:
            agent.loop.later(PAUSE, lambda: operate(agent, header, tries - 1))
    else:
        release(agent, header["name"])
        agent.send({"id": header["id"], "ev": "lock", "held": False, "record": {}})
