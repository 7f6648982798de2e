"""Temporary files and directories."""

from __future__ import annotations

import os
import tempfile

from hotdesk.actions.on_target.attributes import full_path
from hotdesk.actions.on_target.refusal import Refused, answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@answers
def make(*, state: str, path: str | None, prefix: str, suffix: str, check: bool) -> dict[str, Any]:
    """A new file or directory; check mode never comes here (the action is skipped)."""
    for name, part in (("prefix", prefix), ("suffix", suffix)):
        if part and os.sep in part:
            raise Refused("%s must be a valid file name component: it holds a path" % name)
    folder = full_path(path) if path else None
    try:
        if state == "directory":
            made = tempfile.mkdtemp(prefix=prefix, suffix=suffix or "", dir=folder)
        else:
            handle, made = tempfile.mkstemp(prefix=prefix, suffix=suffix or "", dir=folder)
            os.close(handle)
    except OSError as problem:
        raise Refused("cannot make a temporary %s: %s" % (state, problem))
    info = os.lstat(made)
    return {
        "changed": True, "path": made, "state": state, "mode": "0%03o" % (info.st_mode & 0o7777), "uid": info.st_uid,
        "gid": info.st_gid, "size": info.st_size,
    }  # fmt: skip
