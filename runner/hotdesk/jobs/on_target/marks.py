"""The marks of a PC: items that are its own, which no sync takes away or brings. Runs there; Python 3.8 or newer."""

from __future__ import annotations

import errno
import fcntl
import json
import os

from hotdesk.jobs.on_target.own_folder import own_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    Mark = Dict[str, Any]


def read() -> List[Mark]:
    """All marks; none where there is no file."""
    try:
        with open(own_path("marks.json"), encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return []
    except ValueError as exc:
        raise OSError(errno.EINVAL, f"it is not a list of marks ({exc})", own_path("marks.json")) from None
    return [mark for mark in found if isinstance(mark, dict)]


def change(add: List[Mark], forget: List[Mark]) -> List[Mark]:
    """Add some and forget others, as one step even when several runs do it; gives all there are now."""
    path = own_path("marks.json")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = [mark for mark in read() if mark not in forget and mark not in add] + add
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(now, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
    return now
