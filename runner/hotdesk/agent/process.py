"""One started process with its streams: a session of its own, both pipes drained with back-pressure, the exit known from the process.

What the runner asked for as one request is one ``Process``: a command (fork and exec) or a function (a fork that stays Python).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without its enums, which are slow to import and to use
import errno
import fcntl
import os
import termios
from struct import Struct
from time import monotonic

from hotdesk.agent.command import Command
from hotdesk.agent.frames import CHUNK, WINDOW
from hotdesk.agent.loop import READ, WRITE
from hotdesk.agent.prctl import PR_SET_PDEATHSIG, control_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from hotdesk.agent.main import Agent

SILENCE = 0.15
"""Seconds without a byte after the exit that end a stream that somebody else still holds open."""
DRAIN = 1.0
"""Seconds after the exit when the streams are ended in any case."""
SMALL, CHATTY, REST = 16384, 8, 0.002
"""A stream that gives fewer than SMALL bytes CHATTY times running is read every REST seconds: a line at a time would cost a frame a line."""
SIZE = Struct("=i")
_OURS = (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT, _signal.SIGCHLD)
_IGNORED = [number for number in _signal.valid_signals() if _signal.getsignal(number) == _signal.SIG_IGN]
RESET = tuple(int(number) for number in (*_OURS, *_IGNORED))


class Process:
    """A child of the agent and everything it starts, until it has ended and its streams are drained.

    Events to the runner: ``out`` {stream} + body, ``took`` {n} (bytes of stdin), then one of
    ``exit`` {rc, signal, seconds} and ``failed`` {errno, strerror, filename}.
    """

    def __init__(self, agent: Agent, ident: int, task: str, mark: str) -> None:
        self.agent, self.id, self.task, self.mark = agent, ident, task, mark
        self.pid = 0
        self.status: int | None = None
        self.began, self.ended = monotonic(), 0.0
        self.error: dict[str, Any] | None = None
        self.on_exit: Callable[[int], None] | None = None
        """Called with the status (as from waitpid) as soon as the kernel says it has ended."""
        self.on_end: Callable[[], None] | None = None
        self.leashed = False  # it goes on when the run finishes, and only then
        self._streams: dict[int, str] = {}
        self._paused: set[int] = set()
        self._resting: set[int] = set()
        self._small: dict[int, int] = {}
        self._unread: dict[str, int] = {}
        self._owed: dict[int, int] = {}
        self._report = b""
        self._stdin = -1
        self._input: list[bytes] = []
        self._quiet: Any = None
        self._late: Any = None
        self._eof = self._finished = self._discarding = False

    def start(self, child: Callable[[int], None], *, stdin: int | None, stdout: int | None, result: bool) -> None:
        """Fork and let ``child(report)`` go on in the fork; it execs, or never returns. A command that may is spawned instead. Raises OSError.

        ``stdin`` None: a pipe fed by ``feed``. ``stdout`` None: a pipe that is read here. With ``result`` the pipe ``report`` is a
        stream of the same name; without, it is closed by exec and carries the reason when exec fails.
        """
        pipes: list[int] = []
        pid, report, guardian, guarded = 0, (-1, -1), self.agent.guardian, False
        try:
            given = self._pipe(pipes) if stdin is None else (stdin, -1)
            out = self._pipe(pipes) if stdout is None else (-1, stdout)
            err = self._pipe(pipes)
            guarded = guardian.expect(self.id)
            if guarded and isinstance(child, Command) and child.quick:
                pid = child.spawn(given[0], out[1], err[1], RESET)
            if not pid:
                report = self._pipe(pipes)
                pid = _fork()
        except OSError:
            guardian.forget(self.id)
            for fd in pipes:
                os.close(fd)
            raise
        if pid == 0:
            guardian.let_go()
            _in_child(child, (given[0], out[1], err[1], report[1]), keep_open=result, leave=result or not guarded)
        if guarded:
            guardian.note(self.id, pid)
        self.pid = pid
        mine = [fd for fd in (given[1], out[0], err[0], report[0]) if fd in pipes]
        for fd in pipes:
            if fd in mine:
                os.set_blocking(fd, False)
            else:
                os.close(fd)
        self._stdin = given[1] if stdin is None else -1
        if stdout is None:
            self._add(out[0], "out")
        self._add(err[0], "err")
        if report[0] >= 0:
            self._add(report[0], "result" if result else "exec")

    @staticmethod
    def _pipe(pipes: list[int]) -> tuple[int, int]:
        ends = os.pipe()
        pipes.extend(ends)
        return ends

    # --- output

    def _add(self, fd: int, name: str) -> None:
        self._streams[fd] = name
        self._unread[name] = 0
        self._watch(fd)

    def _read(self, fd: int) -> None:
        name = self._streams[fd]
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(fd)
            self._maybe_end()
        else:
            self._take(fd, name, data)

    def _take(self, fd: int, name: str, data: bytes) -> None:
        if name == "exec":
            self._report += data
        elif self._discarding:
            self._owed[fd] = 0
        else:
            self._unread[name] += len(data)
            self._owed[fd] = self._owed.get(fd, 0) - len(data)
            self.agent.send({"id": self.id, "ev": "out", "stream": name}, data)
            if self._unread[name] >= WINDOW or self.agent.congested:
                self._pause(fd)
            elif self.status is not None:
                self._wait_for_silence()
            else:
                self._rest(fd, len(data))

    def _rest(self, fd: int, count: int) -> None:
        self._small[fd] = self._small.get(fd, 0) + 1 if count < SMALL else 0
        if self._small[fd] > CHATTY:
            self.agent.loop.forget(fd)
            self._resting.add(fd)
            self.agent.loop.later(REST, lambda: self._wake(fd))

    def _wake(self, fd: int) -> None:
        if fd in self._resting:
            self._resting.discard(fd)
            self._watch(fd)

    def _pause(self, fd: int) -> None:
        self.agent.loop.forget(fd)
        self._paused.add(fd)
        if self._quiet is not None:
            self._quiet.cancel()

    def acknowledge(self, name: str, count: int) -> None:
        """The runner took ``count`` bytes of a stream."""
        if name in self._unread:
            self._unread[name] -= count
            self.resume()

    def resume(self) -> None:
        """Go on reading what was paused and may be read again."""
        if self.agent.congested or not self._paused:
            return
        for fd in list(self._paused):
            if self._unread[self._streams[fd]] < WINDOW:
                self._paused.discard(fd)
                self._watch(fd)
        if self.status is not None and not self._paused:
            self._wait_for_silence()

    def _watch(self, fd: int) -> None:
        self.agent.loop.watch(fd, READ, lambda: self._read(fd))

    def discard(self) -> None:
        """Nobody wants its output any more; it is read all the same, so that nothing blocks."""
        self._discarding = True
        for name in self._unread:
            self._unread[name] = 0
        self.resume()

    def _drop(self, fd: int) -> None:
        self.agent.loop.forget(fd)
        self._paused.discard(fd)
        self._resting.discard(fd)
        del self._streams[fd]
        os.close(fd)

    # --- input

    def feed(self, data: bytes) -> None:
        """More for its stdin."""
        if self._stdin >= 0:
            self._input.append(data)
            self._write()

    def end_input(self) -> None:
        self._eof = True
        self._write()

    def _write(self) -> None:
        fd, taken = self._stdin, 0
        if fd < 0:
            return
        try:
            while self._input:
                sent = os.write(fd, self._input[0])
                taken += sent
                rest = self._input[0][sent:]
                if rest:
                    self._input[0] = rest
                else:
                    del self._input[0]
        except BlockingIOError:
            self.agent.loop.watch(fd, WRITE, self._write)
        except OSError:  # it reads no more: not our error, its exit code tells
            self._input.clear()
            self._eof = True
        if taken:
            self.agent.send({"id": self.id, "ev": "took", "n": taken})
        if not self._input:
            self.agent.loop.forget(fd)
            if self._eof:
                self.close_input()

    def close_input(self) -> None:
        if self._stdin >= 0:
            self.agent.loop.forget(self._stdin)
            os.close(self._stdin)
            self._stdin = -1

    # --- the end

    def exited(self, status: int) -> None:
        """The kernel says it has ended; ``status`` as from waitpid."""
        self.status, self.ended = status, monotonic()
        if self.on_exit is not None:
            self.on_exit(status)
        self.close_input()
        for fd in list(self._resting):
            self._wake(fd)
        for fd in self._streams:  # what is in the pipe now may be its own and is never cut off
            self._owed[fd] = _readable(fd)
        self._wait_for_silence()
        self._late = self.agent.loop.later(DRAIN, self._overdue)
        self._maybe_end()

    def _wait_for_silence(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = self.agent.loop.later(SILENCE, self._silent)

    def _silent(self) -> None:
        if self._paused:
            return
        if any(map(_readable, self._streams)):  # it was not silent, we were late: frozen, or on a busy PC
            self._wait_for_silence()
        else:
            self._end()

    def _overdue(self) -> None:
        # A slow runner is waited for; a background process that writes for ever is not.
        if self._paused or any(self._owed[fd] > 0 for fd in self._streams):
            self._late = self.agent.loop.later(DRAIN, self._overdue)
        else:
            self._end()

    def _maybe_end(self) -> None:
        if self.status is not None and not self._streams:
            self._end()

    def _end(self) -> None:
        if self._finished:
            return
        self._finished = True
        for timer in (self._quiet, self._late):
            if timer is not None:
                timer.cancel()
        for fd in list(self._streams):
            self._drop(fd)
        if self._report:
            number, _, filename = self._report.partition(b" ")
            self.error = os_error(OSError(int(number), os.strerror(int(number)), os.fsdecode(filename)))
        if self.on_end is not None:
            self.on_end()
        self.agent.ended(self)

    def outcome(self) -> dict[str, Any]:
        """The last event of this request."""
        if self.error is not None:
            return {"id": self.id, "ev": "failed", **self.error}
        status = self.status or 0
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        code = os.WEXITSTATUS(status) if number is None else 128 + number
        return {"id": self.id, "ev": "exit", "rc": code, "signal": number, "seconds": round(self.ended - self.began, 6)}


def _fork() -> int:
    # Signals wait until the child has its default dispositions, so that a TERM sent right now ends it.
    old = _signal.pthread_sigmask(_signal.SIG_BLOCK, RESET)
    pid = -1
    try:
        pid = os.fork()
        return pid
    finally:
        if pid != 0:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, old)


def spawn(child: Callable[[int], Any], null: int, out: int) -> int:
    """Fork for something that is no request, with ``out`` as its stdout; ``child`` execs. Returns its pid."""
    pid = _fork()
    if pid == 0:
        _in_child(child, (null, out, null, null), keep_open=False)
    return pid


def _readable(fd: int) -> int:
    return int(SIZE.unpack(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0])


def os_error(exc: OSError) -> dict[str, Any]:
    """An OSError as an event's fields."""
    return {
        "error": "os",
        "errno": exc.errno or errno.EIO,
        "strerror": exc.strerror or str(exc),
        "filename": exc.filename if isinstance(exc.filename, (str, bytes)) else None,
    }


def _in_child(
    child: Callable[[int], None], fds: tuple[int, int, int, int], *, keep_open: bool, leave: bool = True
) -> None:
    """Turn the fork into a plain new process: own session, default signals, only its own file descriptors. Never returns."""
    try:
        os.setsid()
        if leave:  # with the agent, at once
            control_process(PR_SET_PDEATHSIG, _signal.SIGKILL)
        _signal.set_wakeup_fd(-1)
        for number in RESET:
            _signal.signal(number, 0)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        for wanted, fd in enumerate(fds[:3]):
            os.dup2(fd, wanted)
        if keep_open:
            close_all_but(fds[3])
        child(fds[3])
    except BaseException as exc:
        code = exc.errno if isinstance(exc, OSError) and exc.errno else errno.EIO
        name = exc.filename if isinstance(exc, OSError) and isinstance(exc.filename, (str, bytes)) else ""
        if not keep_open:
            os.write(fds[3], b"%d %s" % (code, os.fsencode(name)))
    finally:
        os._exit(127)


def close_all_but(*keep: int) -> None:
    """Close every file descriptor but 0, 1, 2 and those given."""
    try:
        found = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        found = list(range(3, 1024))
    for fd in found:
        if fd > 2 and fd not in keep:
            try:
                os.close(fd)
            except OSError:
                pass
