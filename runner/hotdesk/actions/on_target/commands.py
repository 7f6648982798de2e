"""What a command needs to know of the PC before it starts: is it to run at all, where, and what its words expand to."""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import tempfile

from hotdesk.actions.on_target.hidden import hidden_directory
from hotdesk.actions.on_target.refusal import Refused, answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Match, Sequence

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})")


def expand(word: str, env: Mapping[str, str]) -> str:
    """``~`` and ``$NAME`` expanded as os.path does, with the task's environment before the agent's; unknown names stay."""

    def value(match: Match[str]) -> str:
        name = match.group(1).strip("{}")
        return env[name] if name in env else os.environ.get(name, match.group(0))

    return os.path.expanduser(_VARIABLE.sub(value, word))


@answers
def prepare(
    argv: Sequence[str] = (),
    chdir: str | None = None,
    creates: str | None = None,
    removes: str | None = None,
    expand_vars: bool = False,
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Look, without changing anything: ``{"argv", "cwd"}``, with ``skip`` and ``reason`` when there is nothing to do.

    ``creates`` and ``removes`` are glob patterns, relative to ``chdir``.
    """
    env = env or {}
    cwd = None
    if chdir:
        cwd = os.path.abspath(expand(chdir, env))
        if not os.path.isdir(cwd):
            why = "not a directory" if os.path.exists(cwd) else "no such directory"
            raise Refused("Unable to change directory before execution: %s: %r" % (why, cwd), rc=None)
    for pattern, wanted, reason in ((creates, False, "exists"), (removes, True, "does not exist")):
        if pattern and bool(glob.glob(os.path.join(cwd or "", expand(pattern, env)))) is not wanted:
            return {"argv": list(argv), "cwd": cwd, "skip": pattern, "reason": reason}
    words = [expand(word, env) for word in argv] if expand_vars else list(argv)
    return {"argv": words, "cwd": cwd}


def place_script(name: str, directory: str, payload: bytes = b"") -> str:
    """Put a script into a fresh directory that only we can enter (below ``directory``, else the system's); return its path.

    ``directory`` serves only when nobody else can exchange what we put there.
    """
    parent = os.path.expanduser(directory)
    os.umask(0o077)
    try:
        os.makedirs(parent, exist_ok=True)
        home = hidden_directory(parent if ours(parent) else tempfile.gettempdir(), "hotdesk-")
    except OSError:
        home = hidden_directory(tempfile.gettempdir(), "hotdesk-")
    path = os.path.join(home, name)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    with os.fdopen(handle, "wb") as stream:
        stream.write(payload)
    return path


def ours(directory: str) -> bool:
    """May nobody else rename what lies in ``directory``, or the directory itself?

    Each directory on the real way must belong to us or root, and be writable for nobody else or sticky (as /tmp is). A link that another
    has planted on the way leads to one that is not ours, or is itself in such a directory.
    """
    path = os.path.abspath(directory)
    while True:
        found = os.lstat(path)
        if found.st_uid not in (0, os.geteuid()):
            return False
        if stat.S_ISLNK(found.st_mode):
            if not ours(os.path.realpath(path)):
                return False
        elif found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def remove_script(path: str) -> None:
    """Take the script and its directory away again."""
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)
