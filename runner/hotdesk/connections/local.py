"""The control node itself: channels are child processes in sessions of their own, watched by pidfd, without asyncio's child watcher."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shlex
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from hotdesk.connections.base import Channel, Connection, Endpoint
from hotdesk.errors import LinkLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PIPE = 1 << 20
"""Bytes a pipe is asked to hold: fewer turns of the loop for bulk data."""
_AHEAD = 120 * 1024
"""Bytes of one read: two of rsync's writes. More than 128 KiB would be a fresh mapping of memory each time (mallopt(3))."""
_BULK = 32768
_DEFAULTS = {
    signal.SIGPIPE,
    signal.SIGCHLD,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGXFSZ,
}


class FdStream:
    """One file descriptor that does not block, read or written by one coroutine at a time; owns it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._waiter: asyncio.Future[None] | None = None
        self._watched = self._over = False
        self._ahead = b""
        os.set_blocking(fd, False)

    async def read(self, limit: int) -> bytes:
        """The next bytes; b"" at end of file or after ``close``. A cancelled read loses nothing."""
        if not self._ahead and not self._over and self.fd >= 0:
            loop = asyncio.get_running_loop()
            if not self._watched:
                loop.add_reader(self.fd, self._take)
                self._watched = True
            self._waiter = loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data, self._ahead = self._ahead[:limit], self._ahead[limit:]
        return data

    def _take(self) -> None:
        """Read one piece ahead. Between two reads the descriptor stays watched: to say so each time costs more than the reading."""
        if not self._ahead:
            try:
                self._ahead = os.read(self.fd, _AHEAD)
            except BlockingIOError:
                return
            except OSError:  # a reset peer has nothing more to say
                self._ahead = b""
            self._over = not self._ahead
            if self._waiter is not None:
                _wake(self._waiter)
            if not self._over:
                return
        self._watched = False
        asyncio.get_running_loop().remove_reader(self.fd)

    async def write(self, data: bytes) -> None:
        """All of ``data``. Raises BrokenPipeError when nobody reads."""
        rest = memoryview(data)
        if len(rest) >= _BULK:  # a source and a sink that are always ready must not keep the loop to themselves
            await asyncio.sleep(0)
        while rest:
            if self.fd < 0:
                raise BrokenPipeError("closed")
            try:
                rest = rest[os.write(self.fd, rest) :]
            except BlockingIOError:
                await self._writable()

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        loop.add_writer(self.fd, _wake, waiter)
        try:
            await waiter
        finally:
            if self.fd >= 0:  # close() has removed it already, and the number may be another's by now
                loop.remove_writer(self.fd)
            self._waiter = None

    def close(self) -> None:
        if self.fd < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.fd)
        loop.remove_writer(self.fd)
        os.close(self.fd)
        self.fd, self._ahead = -1, b""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class FdChannel(Channel):
    """A channel on file descriptors: a child's pipes, or what a remote shell handed over. ``stderr`` may be missing."""

    def __init__(self, stdin: int, stdout: int, stderr: int | None = None) -> None:
        self._stdin, self._stdout = FdStream(stdin), FdStream(stdout)
        self._stderr = FdStream(stderr) if stderr is not None else None
        self.end: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """Its exit status, once it has one."""

    async def read(self, limit: int = 65536) -> bytes:
        return await self._stdout.read(limit)

    async def read_stderr(self, limit: int = 65536) -> bytes:
        return await self._stderr.read(limit) if self._stderr is not None else b""

    async def write(self, data: bytes) -> None:
        try:
            await self._stdin.write(data)
        except OSError as exc:
            raise LinkLost("the other end no longer reads") from exc

    async def write_eof(self) -> None:
        self._stdin.close()

    def ended(self, status: int | None) -> None:
        """The other end is gone with this status."""
        if not self.end.done():
            self.end.set_result(status)

    async def wait(self) -> int | None:
        return await asyncio.shield(self.end)

    async def aclose(self) -> None:
        for stream in (self._stdin, self._stdout, self._stderr):
            if stream is not None:
                stream.close()


class _Child:
    """A child process, reaped when it ends, whoever waits."""

    def __init__(self, pid: int, on_exit: Callable[[int], None]) -> None:
        self.pid, self._on_exit = pid, on_exit
        self.status: int | None = None
        self._pidfd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._exited)

    def _exited(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        try:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # SIGCHLD was ignored when we came to be: nobody can know
            self.status = 255
        self._on_exit(self.status if self.status >= 0 else 128 - self.status)

    def signal(self, number: signal.Signals) -> None:
        if self.status is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class LocalConnection(Connection):
    """Channels to this PC. Each command is a child in a session of its own, so a terminal's Ctrl-C does not reach it."""

    def __init__(self, endpoint: Endpoint | None = None, directory: Path | None = None) -> None:
        """``directory``: where commands start, if it can be entered."""
        self.endpoint = endpoint or Endpoint(host="localhost", kind="local")
        self._enter = f"cd -- {shlex.quote(str(directory))} 2>/dev/null\n" if directory is not None else ""
        self._closed = False
        self._children: dict[_Child, FdChannel] = {}

    async def open(self, command: str) -> Channel:
        if self._closed:
            raise LinkLost("the local connection is closed")
        fds: list[int] = []
        try:
            for _ in range(3):
                fds += os.pipe()
            pid = _spawn(self._enter + command, fds[0], fds[3], fds[5])
        except OSError as exc:
            for fd in fds:
                os.close(fd)
            raise LinkLost(f"{self.endpoint.host}: cannot start a process: {exc}") from exc
        for fd in (fds[0], fds[3], fds[5]):
            os.close(fd)
        channel = FdChannel(fds[1], fds[2], fds[4])

        def ended(status: int) -> None:
            self._children.pop(child, None)
            channel.ended(status)

        child = _Child(pid, ended)
        self._children[child] = channel
        return channel

    @property
    def closed(self) -> bool:
        return self._closed

    async def aclose(self) -> None:
        """Close every channel; children that do not leave by themselves within 1 s are told, then killed."""
        self._closed = True
        for channel in list(self._children.values()):
            await channel.aclose()
        for number, patience in ((None, 0.5), (signal.SIGTERM, 1.0), (signal.SIGKILL, 0.5)):
            for child in list(self._children):
                if number is not None:
                    child.signal(number)
            if self._children:
                await asyncio.wait([channel.end for channel in self._children.values()], timeout=patience)


def _spawn(command: str, stdin: int, stdout: int, stderr: int) -> int:
    for fd in (stdin, stdout):
        # More than /proc/sys/fs/pipe-max-size, or the user's share is used up: the default will do.
        with suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE)
    actions = [(os.POSIX_SPAWN_DUP2, fd, wanted) for wanted, fd in enumerate((stdin, stdout, stderr))]
    return os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", command],
        os.environ,
        file_actions=actions,
        setsid=True,
        setsigmask=[],
        setsigdef=_DEFAULTS,
    )
