"""Reading and replacing the files that ``hotdesk vault`` works on; ``-`` is the standard input or output."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from hotdesk.errors import UsageError, nearest

STREAM = "-"


def read(name: str) -> bytes:
    """Raises UsageError."""
    if name == STREAM:
        return sys.stdin.buffer.read()
    path = Path(name)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, [one.name for one in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise UsageError(f"there is no file {name}", remedy=near) from None
    except OSError as problem:
        raise UsageError(f"cannot read {name}: {problem.strerror}") from None


def write(name: str, data: bytes) -> None:
    """Replace a file at once or not at all; its owner and mode stay, a new one is 0600. A link is followed, a device or pipe written to.

    Raises UsageError.
    """
    if name == STREAM:
        sys.stdout.buffer.write(data)
        return
    path = Path(os.path.realpath(name))
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                _keep_attributes(path, descriptor)
                stream.write(data)
                stream.flush()
                os.fsync(descriptor)
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as problem:
        raise UsageError(f"cannot write {name}: {problem.strerror}") from None


def write_edited(name: str, data: bytes) -> None:
    """As ``write``; what cannot be written there, and took somebody's time, is kept elsewhere. Raises UsageError that says where."""
    try:
        write(name, data)
    except UsageError as problem:
        descriptor, kept = tempfile.mkstemp(prefix="hotdesk-vault-kept-")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        raise UsageError(problem.message, remedy=f"What you wrote is in {kept}, encrypted.") from None


def _keep_attributes(path: Path, descriptor: int) -> None:
    try:
        before = path.stat()
    except FileNotFoundError:
        return
    if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
