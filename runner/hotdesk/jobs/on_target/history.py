"""What a PC remembers of its syncs: whose work it holds, and how each sync that wrote to it ended. Runs there; Python 3.8 or newer."""

from __future__ import annotations

import errno
import fcntl
import json
import os

from hotdesk.jobs.on_target.own_folder import own_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

EMPTY = {"pc": "", "turns": [], "sources": [], "peers": []}  # type: Dict[str, Any]


def read() -> Dict[str, Any]:
    """``revision`` (0: no sync has ever been here), ``boot`` (two PCs never share it), and what was written (see hotdesk.jobs.history)."""
    return {**_stored(), "boot": _boot()}


def write(content: Dict[str, Any], seen: int) -> int:
    """Put this in the place of what had the revision ``seen``; gives its own. OSError (ESTALE) when another sync was quicker."""
    path = own_path("history.json")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = _stored()["revision"]
        if now != seen:
            raise OSError(errno.ESTALE, "another sync has changed it meanwhile", path)
        document = {"revision": now + 1, **{name: content[name] for name in EMPTY}}
        descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return int(now) + 1


def _stored() -> Dict[str, Any]:
    try:
        with open(own_path("history.json"), encoding="utf-8") as file:
            found = json.load(file)
        return {name: found[name] for name in ("revision", *EMPTY)}
    except FileNotFoundError:
        return {"revision": 0, **EMPTY}
    except (ValueError, KeyError, TypeError) as exc:
        raise OSError(errno.EINVAL, "it is not a history ({!r})".format(exc), own_path("history.json")) from None


def _boot() -> str:
    """This boot of this PC; a container is a PC of its own."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip() + " " + os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
