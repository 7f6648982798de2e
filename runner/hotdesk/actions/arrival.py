"""A file that comes from a host, put in its place on the control node: whole or not at all, and never through a link on the way.

What lies below the destination may have come from that host before (a mirror keeps symbolic links), so below it no link is followed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hotdesk.aio import in_thread, or_undo
from hotdesk.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(slots=True)
class Place:
    """An open folder, and the name of a file in it. Close it."""

    folder: int
    name: str
    path: Path

    @classmethod
    async def of(cls, base: Path, parts: Sequence[str]) -> Place:
        """``base`` (the user's: links in it are followed) / ``parts`` (the last one is the file's name); folders are made as needed.

        Raises TaskError when a link is in the way, OSError for anything else.
        """
        folder = await or_undo(in_thread(_open, base, parts[:-1]), os.close)
        return cls(folder, parts[-1], base.joinpath(*parts))

    def close(self) -> None:
        os.close(self.folder)

    async def is_directory(self) -> bool:
        return await in_thread(self._is_directory)

    def _is_directory(self) -> bool:
        with suppress(FileNotFoundError):
            return stat.S_ISDIR(os.stat(self.name, dir_fd=self.folder, follow_symlinks=False).st_mode)
        return False

    async def digest(self, algorithm: str) -> str | None:
        """Of the file that is there; None when there is none (or a link, or a FIPS system has no such algorithm)."""
        return await in_thread(self._digest, algorithm)

    def _digest(self, algorithm: str) -> str | None:
        try:
            fd = os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.folder)
        except OSError as exc:
            if exc.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                return None
            raise
        with os.fdopen(fd, "rb") as stream:
            try:
                return hashlib.file_digest(stream, algorithm).hexdigest()
            except ValueError:
                return None

    async def save(self, stream: AsyncGenerator[bytes, None], size: int) -> str:
        """The first ``size`` bytes of ``stream`` become the file; their SHA-1. What comes after them is not taken.

        Raises TaskError when there is no room for that many. Nothing is left when it breaks off.
        """
        if size > await in_thread(_room, self.folder):
            raise TaskError(f"there is no room here for the {size} bytes of {self.path}")
        temporary = f".hotdesk-{secrets.token_hex(8)}"
        file = await or_undo(in_thread(self._create, temporary), lambda made: self._discard(made, temporary))
        known, left = hashlib.sha1(), size
        try:
            async for chunk in stream:
                piece = chunk[:left]
                left -= len(piece)
                known.update(piece)
                await in_thread(_write, file, piece)
                if len(piece) < len(chunk):
                    break
            await in_thread(self._publish, file, temporary)
        except BaseException:
            self._discard(None, temporary)
            raise
        finally:
            os.close(file)
            await stream.aclose()
        return known.hexdigest()

    def _create(self, name: str) -> int:
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.folder)

    def _discard(self, file: int | None, name: str) -> None:
        if file is not None:
            os.close(file)
        with suppress(OSError):
            os.unlink(name, dir_fd=self.folder)

    def _publish(self, file: int, name: str) -> None:
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(file, 0o666 & ~umask)
        os.rename(name, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)


def _open(base: Path, parts: Sequence[str]) -> int:
    base.mkdir(parents=True, exist_ok=True)
    folder, reached = os.open(base, _FOLDER), base
    for part in parts:
        reached = reached / part
        try:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        except OSError as exc:
            if exc.errno in (errno.ELOOP, errno.ENOTDIR) and reached.is_symlink():
                raise TaskError(
                    f"{reached} is a symbolic link: a file of a host is not put through it", remedy="Remove the link."
                ) from None
            raise OSError(exc.errno, exc.strerror, str(reached)) from None
        finally:
            os.close(folder)
        folder = inner
    return folder


def _room(folder: int) -> int:
    """Bytes that a file put there may have."""
    found = os.fstatvfs(folder)
    return found.f_bavail * found.f_frsize


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
