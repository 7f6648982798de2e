"""A command on an embedded PC: a child process and an SSH channel, joined byte for byte with back-pressure both ways.

asyncssh's own ``redirect()`` loses the tail of the output now and then, and its stream objects halve the rate; so the two are joined
by their callbacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from hotdesk.connections.library import asyncssh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SESSION_MARK = "HOTDESK_DEMO_SESSION"
LINGER = 8.0
"""Seconds that a command whose client has vanished gets to notice the end of its stdin and clean up (an agent does)."""
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
_numbers = itertools.count(1)


class CommandSession(asyncssh.SSHServerSession[bytes]):
    """The channel's side."""

    def __init__(self, environment: Mapping[str, str], home: Path, group: asyncio.TaskGroup) -> None:
        self._mark = f"{os.getpid()}-{next(_numbers)}"
        self._environment = {**environment, SESSION_MARK: self._mark}
        self._home = home
        self._group = group
        self._argv: list[str] = []
        self._closed = asyncio.Event()
        self._eof = False
        self._early: list[bytes] = []
        self.child: Child | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self.channel = chan

    def pty_requested(self, term_type: str, term_size: object, term_modes: object) -> bool:
        return False

    def shell_requested(self) -> bool:
        self._argv = ["/bin/sh", "-l"]
        return True

    def exec_requested(self, command: str) -> bool:
        self._argv = ["/bin/sh", "-c", command]
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        found = [path for path in SFTP_SERVERS if Path(path).exists()]
        self._argv = found[:1]
        return subsystem == "sftp" and bool(found)

    def session_started(self) -> None:
        self._group.create_task(self._run())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self.child is None:
            self._early.append(data)
        else:
            self.child.feed(data)

    def eof_received(self) -> bool:
        self._eof = True
        if self.child is not None:
            self.child.end_input()
        return True  # half-open: the command may still have a lot to say

    def pause_writing(self) -> None:
        if self.child is not None:
            self.child.hold(True)

    def resume_writing(self) -> None:
        if self.child is not None:
            self.child.hold(False)

    def signal_received(self, signal: str) -> None:
        if self.child is not None:
            self.child.kill_group(signal)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
        if self.child is not None:
            self.child.end_input()
            self.child.over.set()

    async def _run(self) -> None:
        """Start the command and see it to its end; a vanished client's command is ended after ``LINGER``."""
        loop = asyncio.get_running_loop()
        try:
            transport, child = await loop.subprocess_exec(
                lambda: Child(self.channel),
                *self._argv,
                cwd=self._home,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as exc:
            self.channel.write_stderr(f"cannot start: {exc}\n".encode())
            self.channel.exit(127)
            return
        self.child = child
        try:
            for data in self._early:
                child.feed(data)
            if self._eof or self._closed.is_set():
                child.end_input()
            if self._closed.is_set():
                child.over.set()
            await self._until_ended(child)
        finally:
            if child.returncode is None:
                kill_marked(SESSION_MARK, self._mark)
            transport.close()
        if not self._closed.is_set():
            child.report()

    async def _until_ended(self, child: Child) -> None:
        await child.over.wait()
        if not child.drained.is_set():  # the client has gone
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await child.exited.wait()


class Child(asyncio.SubprocessProtocol):
    """The process's side."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = channel
        self.exited = asyncio.Event()
        self.drained = asyncio.Event()
        """The process has ended and both its pipes are at their end."""
        self.over = asyncio.Event()
        """``drained``, or nobody is there any more to take what it says."""
        self.returncode: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def feed(self, data: bytes) -> None:
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)

    def end_input(self) -> None:
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.close()

    def hold(self, on: bool) -> None:
        """Stop or resume reading the process's output."""
        for fd in (1, 2):
            pipe = self._transport.get_pipe_transport(fd)
            if isinstance(pipe, asyncio.ReadTransport) and not pipe.is_closing():
                (pipe.pause_reading if on else pipe.resume_reading)()

    def pause_writing(self) -> None:
        self._channel.pause_reading()

    def resume_writing(self) -> None:
        # Not from within: asyncio's pipe calls this while it empties its buffer, and a close that arrives then loses what is written now.
        asyncio.get_running_loop().call_soon(self._channel.resume_reading)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self._channel.is_closing():
            self._channel.write(data, None if fd == 1 else asyncssh.EXTENDED_DATA_STDERR)

    def process_exited(self) -> None:
        self.returncode = self._transport.get_returncode()
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.drained.set()
        self.over.set()

    def report(self) -> None:
        """Tell the client how the process ended, as sshd does."""
        code = self.returncode or 0
        if code < 0:
            self._channel.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            self._channel.exit(code)

    def kill_group(self, name: str) -> None:
        number = getattr(signal, f"SIG{name}", None)
        if number is not None and self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._transport.get_pid(), number)


def marked(name: str, value: str) -> Iterator[int]:
    """The processes whose environment says ``name=value``: those of every session and group, setsid or not."""
    wanted = f"{name}={value}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)


def kill_marked(name: str, value: str) -> int:
    """Send KILL to all of them; how many there were."""
    count = 0
    for pid in marked(name, value):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count
