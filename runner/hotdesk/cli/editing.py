"""A secret text in the person's editor: in a private directory, in memory where there is one, and removed in any event.

The editor needs the terminal, which no agent has: it is the one program that is started here. A run is never under way then.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hotdesk.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PREFIX = "hotdesk-vault-"
GRACE = 5.0
"""Seconds an editor has to end once we are told to."""


def edited(text: bytes, *, suffix: str = "") -> bytes:
    """``text`` as ``$EDITOR`` leaves it. Blocking. Raises UsageError when the editor fails, Interrupted on SIGTERM and SIGHUP."""
    command = shlex.split(os.environ.get("EDITOR") or "vi")
    with _signals(), _private_directory() as directory:
        file = directory / f"text{suffix}"
        file.touch(mode=0o600)
        file.write_bytes(text)
        try:
            rc = _run([*command, str(file)])
        except OSError as problem:
            raise UsageError(
                f"the editor {command[0]!r} cannot be started: {problem.strerror}", remedy="Set EDITOR to another one."
            ) from None
        if rc != 0:
            raise UsageError(f"the editor {command[0]!r} ended with {rc}; nothing was written")
        try:
            return file.read_bytes()
        except OSError:
            raise UsageError(f"the editor {command[0]!r} left no file; nothing was written") from None


def _run(argv: list[str]) -> int:
    with subprocess.Popen(argv) as editor:
        try:
            return editor.wait()
        except BaseException:
            editor.terminate()
            try:
                editor.wait(GRACE)
            except subprocess.TimeoutExpired:
                editor.kill()
            raise


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C is the editor's; what ends us runs the clean-up first."""

    def ended(number: int, _frame: FrameType | None) -> NoReturn:
        raise Interrupted(number)

    before = {signal.SIGINT: signal.signal(signal.SIGINT, _editors)}
    before |= {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _editors(_number: int, _frame: FrameType | None) -> None:
    """Nothing. A handler, unlike SIG_IGN, is not handed on to the editor."""


@contextlib.contextmanager
def _private_directory() -> Iterator[Path]:
    base = _memory()
    _remove_left(base)
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _memory() -> Path:
    """A directory that is on no disk, if this machine has one: $XDG_RUNTIME_DIR (ours alone), /dev/shm, else where temporary files go."""
    for name in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):
        path = Path(name)
        if path.is_absolute() and path.is_dir() and os.access(path, os.W_OK | os.X_OK):
            found = path.stat()
            if found.st_uid == os.getuid() or found.st_mode & stat.S_ISVTX:
                return path
    return Path(tempfile.gettempdir())


def _remove_left(base: Path) -> None:
    """What a ``kill -9`` left behind: the pid in the name is no process any more."""
    for left in base.glob(f"{PREFIX}*-*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdigit() and not Path("/proc", pid).exists() and left.lstat().st_uid == os.getuid():
                shutil.rmtree(left, ignore_errors=True)
