"""A fork of the agent that does one call after another, as long as none leaves anything behind in it.

Most calls take less time than the fork for them: some hundred pages that each fork shares with the agent and copies one by one. So a fork
that has done a call of the runner's own code stays for the next one (``docs/adr/0020``). It goes, and another one is made, when a call

- started a process or a thread, or changed what is the process's own: environment, folder, umask, user, signals, open files;
- failed, was stopped, or may have been (``doom``);
- is of a module that was not there yet when it was forked; and after ``IDLE`` seconds without a call.

Like every fork for a call it leads a session of its own, and dies with the agent. What comes on its pipe ``result`` has a head: the length,
and whether the call is over and the fork stays.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without its enums
import _thread
import marshal
import os
import sys
from struct import Struct
from time import monotonic

from hotdesk.agent import calls, process
from hotdesk.agent.frames import CHUNK, pack
from hotdesk.agent.note import Note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn

    from hotdesk.agent.main import Agent

    Work = tuple[str, str, list[Any], dict[str, Any], dict[str, str]]
    """Module, function, its arguments, its keyword arguments, the marks that its processes carry."""

IDLE = 10.0
"""Seconds without a call after which it ends."""
LONGEST = 61440
"""Bytes of a request: what an empty pipe takes at once (pipe(7): 65,536)."""
HEAD = Struct(">I?")
SIZE = Struct(">I")
LEAVING = {
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.exec", "os.system", "pty.spawn"),
    *("os.chdir", "os.putenv", "os.unsetenv", "resource.setrlimit", "resource.prlimit"),
}
"""Audit events (https://docs.python.org/3/library/audit_events.html) of what outlives the call."""
SIGNALS = (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGINT, _signal.SIGCHLD, _signal.SIGPIPE, _signal.SIGALRM)


class Standby:
    """The fork, as the agent sees it."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.note = Note()
        self.modules = {name for name in sys.modules if name.startswith("hotdesk_call_")}
        self.pid = 0
        self.requests = -1
        self.streams: dict[int, str] = {}
        self.turn: Turn | None = None
        self._doomed = False
        self._rested = 0.0

    def doom(self, roots: list[process.Process]) -> None:
        """The processes of ``roots`` are being ended: if it is one of them, nobody else's call may be in it."""
        self._doomed = self._doomed or self.turn in roots

    def send(self, work: bytes) -> bool:
        """Give it a call; False when it cannot have one."""
        data = SIZE.pack(len(work)) + work
        try:
            return os.write(self.requests, data) == len(data)
        except OSError:
            return False

    def rest(self) -> None:
        """Its call is over, and it is here for the next one."""
        self.turn = None
        self._rested, first = monotonic(), not self._rested
        if self._doomed:
            self.end()
        elif first:
            self.agent.loop.later(IDLE, self._look)

    def _look(self) -> None:
        left = self._rested + IDLE - monotonic()
        if self.agent.standby is not self:
            return
        if self.turn is None and left <= 0:
            self.end()
        else:
            self.agent.loop.later(max(left, 1.0), self._look)

    def end(self) -> None:
        """It does nothing now, and will not."""
        try:
            os.kill(self.pid, _signal.SIGKILL)  # not reaped yet, or its end would be known
        except OSError:
            pass
        for fd in self.streams:
            os.close(fd)
        self.forget()

    def forget(self) -> None:
        """It has ended."""
        os.close(self.requests)
        if self.agent.standby is self:
            self.agent.standby = None


class Turn(process.Process):
    """One call in it."""

    def __init__(self, agent: Agent, header: dict[str, Any], standby: Standby) -> None:
        super().__init__(agent, header["id"], header["task"], agent.mark(header["id"]))
        self._standby = standby
        self._pieces = bytearray()
        standby.turn = self
        self.on_exit = lambda status: calls.put_away(agent, standby.note, status)

    def start(self, child: Callable[[int], None], *, stdin: int | None, stdout: int | None, result: bool) -> None:
        """Fork it for its first call; it has got every later one already."""
        standby = self._standby
        if standby.pid:
            self.pid = standby.pid
            for fd, name in standby.streams.items():
                self._add(fd, name)
        else:
            super().start(child, stdin=stdin, stdout=stdout, result=result)
            standby.pid, standby.requests, standby.streams = self.pid, self._stdin, dict(self._streams)
            self._stdin = -1

    def _take(self, fd: int, name: str, data: bytes) -> None:
        if name != "result":
            super()._take(fd, name, data)
            return
        self._pieces += data
        while len(self._pieces) >= HEAD.size:
            size, over = HEAD.unpack_from(self._pieces)
            if len(self._pieces) < HEAD.size + size:
                return
            piece = bytes(self._pieces[HEAD.size : HEAD.size + size])
            del self._pieces[: HEAD.size + size]
            super()._take(fd, name, piece)
            if over:
                self._over()

    def _over(self) -> None:
        for fd, name in self._streams.items():
            self.agent.loop.forget(fd)
            if name != "result" and (printed := _waiting(fd)) and not self._discarding:
                self.agent.send({"id": self.id, "ev": "out", "stream": name}, printed)
        self._streams.clear()
        self._standby.rest()
        self.status, self.ended = 0, monotonic()
        calls.put_away(self.agent, self._standby.note, 0)
        self._end()

    def exited(self, status: int) -> None:
        """It has ended with this call: killed, or because the call left something behind."""
        self._standby.forget()
        super().exited(status)


def _waiting(fd: int) -> bytes:
    try:
        return os.read(fd, CHUNK)
    except BlockingIOError:
        return b""


def start(agent: Agent, header: dict[str, Any], kwargs: dict[str, Any], marks: dict[str, str]) -> bool:
    """Begin a call of a module that is in the agent; False when it needs a fork of its own: the other one is busy, or it is too long."""
    work: Work = (header["module"], header["function"], header["args"], kwargs, marks)
    text = marshal.dumps(work)
    standby: Standby | None = agent.standby
    if len(text) > LONGEST or (standby is not None and standby.turn is not None):
        return False
    if standby is not None and not (header["module"] in standby.modules and standby.send(text)):
        standby.end()
        standby = None
    if standby is None:
        standby = agent.standby = Standby(agent)
    note = standby.note

    def child(report: int) -> None:
        _serve(report, note, work)

    try:
        agent.begin(Turn(agent, header, standby), child, stdin=None, stdout=None, result=True)
    except OSError:
        agent.standby = None
        raise
    return True


# --- in the fork


def _serve(report: int, note: Note, work: Work) -> NoReturn:
    """Do ``work``, and what comes on stdin, as long as nothing is left behind."""
    requests = os.dup(0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    left: list[str] = []
    sys.addaudithook(lambda event, _: left.append(event) if event in LEAVING else None)
    while True:
        own = {name: os.environ.get(name) for name in work[4]}
        os.environ.update(work[4])
        left.clear()
        _do(report, note, work, left, requests)
        for name, value in own.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        work = marshal.loads(_read(requests, *SIZE.unpack(_read(requests, SIZE.size))))


def _do(report: int, note: Note, work: Work, left: list[str], requests: int) -> None:
    before = _state(requests)
    name, function, args, kwargs, _ = work

    def write(header: dict[str, Any]) -> None:
        data = memoryview(pack(header))
        stays = "result" in header and not left and _state(requests) == before
        while data:
            piece, data = data[:CHUNK], data[CHUNK:]
            calls.put(report, HEAD.pack(len(piece), stays and not data) + piece)
        if not stays and "item" not in header:
            os._exit(0)

    calls.answer(write, lambda: calls.prepared(sys.modules[name], function, note), args, kwargs)


def _state(requests: int) -> tuple[Any, ...]:
    """What is the process's own and can be changed: umask, users, groups, signals, open files, threads."""
    umask = os.umask(0o77)
    os.umask(umask)
    free = os.dup(requests)
    os.close(free)
    signals = [_signal.getsignal(each) for each in SIGNALS]
    return umask, os.getresuid(), os.getresgid(), signals, free, _thread._count()


def _read(fd: int, size: int) -> bytes:
    """That many bytes; the end of the agent is ours."""
    data = b""
    while len(data) < size:
        piece = os.read(fd, size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data
