"""Where hotdesk keeps files of its own on the control node (XDG Base Directory Specification 0.8).

Nothing is created by asking; ``make_private`` creates, and is not called in check mode (R8).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "hotdesk"


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_STATE_HOME/hotdesk``: run logs, history."""
    return _base("XDG_STATE_HOME", ".local/state", environ) / NAME


def run_log_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds one folder per run."""
    return state_dir(environ) / "runs"


def expanded(text: str | Path) -> Path:
    """``~`` and ``~name`` expanded; of a user that does not exist it stays as written (where Path.expanduser raises)."""
    return Path(os.path.expanduser(text))  # noqa: PTH111


def exists(path: Path) -> bool:
    """As Path.exists, and False too where we may not look, and for a name that no file can have (too long, NUL)."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path) -> bool:
    """See ``exists``."""
    return os.path.isfile(path)  # noqa: PTH113


def is_dir(path: Path) -> bool:
    """See ``exists``."""
    return os.path.isdir(path)  # noqa: PTH112


def names_in(folder: Path) -> list[str]:
    """What stands in a folder; nothing where there is none, or we may not look: for finding a name that was misspelt."""
    try:
        return os.listdir(folder)  # noqa: PTH208
    except (OSError, ValueError):
        return []


def make_private(path: Path) -> Path:
    """Create ``path`` with mode 0700 where it is missing. Raises UsageError if it is not a directory of ours alone."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as problem:
        raise UsageError(f"cannot create the directory {path}: {problem.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UsageError(
            f"{path} is not a directory of yours", remedy="Remove it, or set XDG_STATE_HOME to a directory of yours."
        )
    if found.st_mode & 0o077:
        path.chmod(0o700)
    return path


def _base(variable: str, default: str, environ: Mapping[str, str]) -> Path:
    """The specification: a path that is not absolute is ignored."""
    given = environ.get(variable, "")
    if given.startswith("/"):
        return Path(given)
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / default
