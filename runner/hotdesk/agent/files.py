"""Reading and writing whole files in a fork of the agent."""

from __future__ import annotations

import os
import stat

SUFFIX = ".hotdesk"
"""What the name of a temporary file ends in: ``.NAME.<8 hex digits>.hotdesk``."""
CHUNK = 1 << 18


def about_to_make(path: str) -> None:
    """Note a temporary file; a fork gets the agent's own (``calls``)."""


def temporary(path: str) -> str:
    """A new name beside ``path``, hidden and recognisable; long names are cut to what a file system takes."""
    folder, name = os.path.split(path)
    short = os.fsdecode(os.fsencode(name)[:200])
    return os.path.join(folder, ".{}.{}{}".format(short, os.urandom(4).hex(), SUFFIX))


def write(path: str, mode: int | None) -> None:
    """stdin (pieces with their length before them, a zero at the end) to ``path``, all or nothing. Raises OSError."""
    try:
        path = os.path.realpath(path) if os.path.islink(path) else path
        old = os.stat(path)
    except FileNotFoundError:
        old = None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(21, os.strerror(21), path)
    name = temporary(path)
    about_to_make(name)
    try:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, path)
    try:
        _take(fd)
        _dress(fd, old, mode)
        os.fsync(fd)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(os.path.dirname(path) or ".")


def _take(fd: int) -> None:
    while True:
        size = int.from_bytes(_exactly(4), "big")
        if not size:
            return
        rest = memoryview(_exactly(size))
        while rest:
            rest = rest[os.write(fd, rest) :]


def _exactly(count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = os.read(0, count - len(data))
        if not more:
            raise EOFError("the data ended before the file did")
        data += more
    return data


def _dress(fd: int, old: os.stat_result | None, mode: int | None) -> None:
    """Owner and mode as the file that is replaced had them, or as a new file would get."""
    if old is not None:
        try:
            os.fchown(fd, old.st_uid, old.st_gid)
        except PermissionError:
            pass
    if mode is None:
        mask = os.umask(0o077)
        mode = stat.S_IMODE(old.st_mode) if old is not None else 0o666 & ~mask
    os.fchmod(fd, mode)


def _sync_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError:
        pass  # some file systems cannot; the rename stands all the same
    finally:
        os.close(fd)


def read(path: str) -> int:
    """The file's content on stdout; returns its bytes. Raises OSError."""
    fd = os.open(path, os.O_RDONLY)
    total = 0
    try:
        while True:
            data = os.read(fd, CHUNK)
            if not data:
                return total
            total += len(data)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(1, rest) :]
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, path)
    finally:
        os.close(fd)
