"""The agent's main: reads requests from stdin, does them, answers on stdout; ends everything unfinished when its runner is gone.

A request is a frame {op, id, ...}; the table ``OPERATIONS`` says what exists. Every event that answers it carries its id.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal without its enums
import marshal
import os
from _collections import deque  # type: ignore[import-not-found]  # nothing else of an agent's start imports collections
from time import monotonic

from hotdesk.agent import elevated, proc, process, tree
from hotdesk.agent.command import prepare
from hotdesk.agent.frames import CHUNK, Decoder, FrameError, pack
from hotdesk.agent.guardian import Guardian
from hotdesk.agent.hello import hello
from hotdesk.agent.loop import READ, WRITE, Loop
from hotdesk.agent.prctl import PR_SET_CHILD_SUBREAPER, control_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

CONGESTION = 1 << 20
"""Bytes waiting for the channel above which no more is read from commands."""


class Agent:
    """One per (PC, user). ``config``: run (str), lease and grace (seconds), token (the magic word of this start)."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.run: str = config["run"]
        self.lease: float = config["lease"]
        self.grace: float = config["grace"]
        self.token: str = config["token"]
        self.pid = os.getpid()
        self.proc = os.path.exists("/proc/self/stat")
        self.subreaper = control_process(PR_SET_CHILD_SUBREAPER, 1)
        self.family = self.subreaper and proc.lists_children()
        """Is everything that we have started below us, and can we look there?"""
        self.loop = Loop(self._on_signal)
        self.null = os.open(os.devnull, os.O_RDWR)
        self.environment = dict(os.environb)  # for commands: to copy os.environb each time is slow
        self.requests: dict[int, process.Process] = {}
        self.temporary: set[bytes] = set()
        self.codes: dict[str, Any] = {}
        self.locks: dict[str, Any] = {}
        self.bulk: Any = None
        self.standby: Any = None
        self.elevated = elevated.Elevated(self)
        self.guardian = Guardian(self)
        self._roots: dict[int, process.Process] = {}
        self._finished: deque[tuple[int, int, int]] = deque(maxlen=4096)
        self._born: dict[int, int] = {}
        self._stops: set[tree.Stop] = set()
        self._decoder = Decoder()
        self._out: deque[memoryview] = deque()
        self._queued = 0
        self._heard = monotonic()
        self._ending = self._gone = False

    # --- the channel

    @property
    def congested(self) -> bool:
        return self._queued > CONGESTION

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Queue a frame for the runner."""
        data = pack(header, body)
        self._out.append(memoryview(data))
        self._queued += len(data)
        if len(self._out) == 1:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                sent = os.write(1, self._out[0])
                self._queued -= sent
                if sent == len(self._out[0]):
                    self._out.popleft()
                else:
                    self._out[0] = self._out[0][sent:]
            self.loop.forget(1)
        except BlockingIOError:
            self.loop.watch(1, WRITE, self._flush)
        except OSError:
            self._out.clear()
            self._queued = 0
            self.loop.forget(1)
            self.end()
        if self._queued <= CONGESTION // 2:
            for each in list(self.requests.values()):
                each.resume()

    def _receive(self) -> None:
        try:
            data = os.read(0, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._heard = monotonic()
        if not data:
            self.loop.forget(0)
            self.end()
            return
        try:
            for header, body in self._decoder.feed(data):
                self._dispatch(header, body)
        except FrameError:
            self.loop.forget(0)
            self.end()

    def _dispatch(self, header: dict[str, Any], body: bytes) -> None:
        try:
            OPERATIONS[header["op"]](self, header, body)
        except Exception as exc:
            from hotdesk.agent import calls

            self.send({"id": header.get("id"), "ev": "failed", **calls.error(exc)})

    # --- children

    def roots(self) -> set[int]:
        """The pids of the processes that requests under way have started."""
        return set(self._roots)

    def begin(self, started: process.Process, child: Callable[[int], None], **streams: Any) -> None:
        """Start a request's process."""
        self._born[started.id] = proc.now()
        started.start(child, **streams)
        self.requests[started.id] = started
        self._roots[started.pid] = started

    def ended(self, request: process.Process) -> None:
        """A request's process has ended and is drained."""
        self.requests.pop(request.id, None)
        self._roots.pop(request.pid, None)
        self.guardian.forget(request.id)
        self._finished.append((request.id, self._born.pop(request.id, 0), proc.now()))
        if not self._ending:  # what we end ourselves is no result: the runner shall see a lost link
            self.send(request.outcome())

    def under_way_at(self, tick: int) -> set[int]:
        """The ids of the requests that were under way at a moment (ticks since boot)."""
        found = {ident for ident, born in self._born.items() if born <= tick + 1}
        return found | {ident for ident, born, end in self._finished if born <= tick + 1 and tick <= end + 1}

    def reap(self) -> None:
        """Take note of every child that has ended, our own and adopted ones."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.elevated.pids:
                self.elevated.reaped(pid, status)
            self.guardian.reaped(pid)
            ended = self._roots.get(pid)
            if ended is not None and ended.status is None:
                ended.exited(status)

    def mark(self, ident: int) -> str:
        return "%s.%d" % (self.token[:12], ident)

    def stop(
        self,
        roots: list[process.Process],
        marks: list[frozenset[bytes]],
        grace: float,
        done: Callable[[list[tuple[int, int]], list[str]], None],
        known: dict[int, int] | None = None,
    ) -> None:
        """End processes; ``done(left, interrupted)`` afterwards (``tree.Stop``)."""
        if not roots and not marks and not known:
            done([], [])
            return

        def finished(left: list[tuple[int, int]], interrupted: list[str]) -> None:
            self._stops.discard(stop)
            done(left, interrupted)

        stop = tree.Stop(self, roots, marks, grace, finished, known or {})
        self._stops.add(stop)

    def hurry(self, grace: float) -> None:
        self.grace = grace
        for stop in list(self._stops):
            stop.hurry(grace)

    def _on_signal(self, number: int) -> None:
        if number == _signal.SIGCHLD:
            self.reap()
            for stop in list(self._stops):
                stop.step()
        else:
            self.end()

    # --- the end

    def end(self) -> None:
        """End everything unfinished, release the locks, leave. What finished requests started on purpose stays."""
        if self._ending:
            return
        self._ending = True
        roots = list(self.requests.values())
        for root in roots:
            root.discard()
        marks = [request_mark(self.mark(root.id)) for root in roots]
        self.stop(roots, marks, self.grace, self._leave)

    def _leave(self, _left: list[tuple[int, int]], _interrupted: list[str]) -> None:
        if self.locks or self.temporary or self.standby is not None:
            from hotdesk.agent import leaving

            leaving.tidy(self)
        self.guardian.dismiss()
        self._gone = True

    def serve(self) -> None:
        """Until the runner says so, hangs up, is silent for the lease, or a signal comes."""
        os.set_blocking(0, False)
        os.set_blocking(1, False)
        self.loop.watch(0, READ, self._receive)
        while not self._gone:
            self.loop.turn(1.0 if self._ending else max(0.0, self._heard + self.lease - monotonic()))
            if monotonic() - self._heard > self.lease and not self._ending:
                self._tell("nothing was heard from the runner for %g s; what was under way was ended" % self.lease)
                self.end()

    def _tell(self, text: str) -> None:
        try:
            os.write(2, b"hotdesk: " + text.encode() + b"\n")
        except OSError:
            pass


def request_mark(mark: str) -> frozenset[bytes]:
    """The variables that every process of one request carries."""
    return frozenset([b"HOTDESK_REQUEST=" + mark.encode()])


def _run(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    child, started = prepare(agent, header)
    agent.begin(started, child, stdin=None if header.get("stdin") else agent.null, stdout=None, result=False)


def _input(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    request = agent.requests.get(header["to"])
    if request is not None:
        if body:
            request.feed(body)
        if header.get("eof"):
            request.end_input()


def _took(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    request = agent.requests.get(header["to"])
    if request is not None:
        request.acknowledge(header["stream"], header["n"])


def _cancel(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    """End one request: exactly what it started, nothing else of its task."""
    root = agent.requests.get(header["to"])
    if root is None:
        if agent.bulk is not None:
            agent.bulk.cancel(header["to"])
        agent.send({"id": header["id"], "ev": "stopped", "left": [], "interrupted": []})
        return
    root.discard()
    _stop_and_tell(agent, header, [root], [request_mark(root.mark)])


def _stop(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    """End every process of a task, whoever of this run started it here; with ``orphaned`` (its agent is dead) another user's too."""
    task = header["task"]
    mark = [b"HOTDESK_RUN=" + agent.run.encode(), b"HOTDESK_TASK=" + os.fsencode(task)]

    def go(pids: list[int]) -> None:
        pids += proc.carriers([frozenset(mark)], proc.numbers())[0]
        known = {stat.pid: stat.born for stat in map(proc.stat, pids) if stat is not None}
        roots = [each for each in agent.requests.values() if each.task == task]
        _stop_and_tell(agent, header, roots, [frozenset(mark)], known)

    if header.get("orphaned"):
        agent.elevated.find(mark, go)
    else:
        go([])


def _kill(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    """End processes (and their descendants) that another agent here was not allowed to end: ``who`` is [[pid, start time], ...]."""
    _stop_and_tell(agent, header, [], [], {pid: born for pid, born in header["who"]})


def _stop_and_tell(
    agent: Agent,
    header: dict[str, Any],
    roots: list[process.Process],
    marks: list[frozenset[bytes]],
    known: dict[int, int] | None = None,
) -> None:
    def tell(left: list[tuple[int, int]], interrupted: list[str]) -> None:
        if header.get("orphaned") and "dpkg" not in interrupted:  # it may have ended before we came
            from hotdesk.agent import dpkg

            interrupted += ["dpkg"] * dpkg.unfinished()
        agent.send({"id": header["id"], "ev": "stopped", "left": left, "interrupted": interrupted})

    agent.stop(roots, marks, header["grace"], tell, known)


def _lease(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    agent.lease = header["seconds"]


def _temporary(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    agent.temporary.add(os.fsencode(header["path"]))


def _call(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    from hotdesk.agent import calls

    calls.start(agent, header, body)


def _source(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    agent.codes[header["hash"]] = marshal.loads(body) if header.get("code") else body


def _lock(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    from hotdesk.agent import lock

    lock.operate(agent, header)


def _bulk(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    from hotdesk.agent import bulk

    bulk.operate(agent, header)


def _ping(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    agent.send({"id": header["id"], "ev": "pong"})


def _grace(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    agent.hurry(header["grace"])


def _end(agent: Agent, header: dict[str, Any], body: bytes) -> None:
    if header.get("keep"):
        from hotdesk.agent import calls

        calls.release(agent)
    agent.end()


OPERATIONS = {
    "ping": _ping,
    "run": _run,
    "input": _input,
    "took": _took,
    "cancel": _cancel,
    "stop": _stop,
    "kill": _kill,
    "grace": _grace,
    "lease": _lease,
    "temporary": _temporary,
    "source": _source,
    "call": _call,
    "lock": _lock,
    "bulk": _bulk,
    "end": _end,
}


def main(config: dict[str, Any]) -> None:
    """Entered by the bootstrap once the package is in memory."""
    process.close_all_but()
    agent = Agent(config)
    agent.send(hello(agent))
    agent.serve()
    os._exit(0)
