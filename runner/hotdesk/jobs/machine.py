"""A PC as actions and sync jobs see it. Every verb says whether it reads or changes (R11).

``change=True`` means: this alters the machine. In check mode such a call raises CheckModeError before anything is sent; it is
announced as ``events.Changed``, which is what the audit log and "interrupted while ..." are folded from. Reading verbs are free.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import shlex
import time
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from hotdesk.errors import CheckModeError, Stalled, TaskError, TimedOut
from hotdesk.events import Changed, JobDone, Output, Progressed, Transferred, Warned
from hotdesk.shapes import expect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from types import ModuleType

    from hotdesk.connections.link import AgentInfo, Completed, DiskState, Link
    from hotdesk.events import Event
    from hotdesk.results import JobChange, Progress

PROGRESS_INTERVAL = 0.2
"""Seconds between two Progressed events of one machine; the last one (nothing left: eta 0) always gets through."""
LONGEST_READ = 32 << 20
"""Bytes of the longest file that ``read`` gives; ``stream`` has no limit."""
STALL_TIMEOUT = 600.0
"""Seconds; the default of ``hotdesk_stall_timeout``."""
DETAIL_LIMIT = 500
"""Characters of a command that an event carries."""
CENSORED = "(hidden: no_log)"


class Sent(Protocol):
    """What ``execute`` sends."""

    @property
    def module(self) -> str:
        """Its name, for events."""

    @property
    def parts(self) -> tuple[tuple[str, bytes], ...]:
        """(hash, content)"""


def _silent(_event: Event) -> None:
    """Nobody listens."""


class Machine:
    """One PC, as one user, within one task.

    ``task`` is the task's id in events; ``mark`` goes to the processes it starts (HOTDESK_TASK) and must be unique for a task on a
    host, since a stop ends everything that carries it; ``for_host`` is the host whose task this is (it differs from ``host`` for a
    delegate, the source of a job and the control node).
    """

    def __init__(
        self,
        link: Link,
        *,
        host: str,
        task: str = "",
        mark: str = "",
        for_host: str = "",
        check: bool = False,
        environment: Mapping[str, str] | None = None,
        emit: Callable[[Event], None] = _silent,
        stall_timeout: float = STALL_TIMEOUT,
        no_log: bool = False,
        live_output: bool = False,
    ) -> None:
        self.link = link
        self.host = host
        """Its inventory name ("localhost" for the control node when it is not in the inventory)."""
        self.task = task
        self.for_host = for_host or host
        self.mark = mark or f"{task}@{self.for_host}"
        self.check = check
        self.info: AgentInfo = link.info
        self.environment: Mapping[str, str] = dict(environment or {})
        self.stall_timeout = stall_timeout
        self.warnings: list[str] = []
        """What ``warn`` was given, for the task's result."""
        self._emit = emit
        self.no_log = no_log
        self._live_output = live_output and not no_log
        self._reported = 0.0
        self._stall_scopes: set[asyncio.Timeout] = set()
        self._heard_at = 0.0

    async def run(
        self,
        argv: Sequence[str | bytes],
        *,
        change: bool,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | None = None,
        umask: int | None = None,
        timeout: float | None = None,
        on_output: Callable[[str, bytes], None] | None = None,
        stall: bool = False,
    ) -> Completed:
        """Run a command. The task's ``environment:`` is added under ``env``. ``timeout`` (seconds) raises TimedOut naming the command;
        ``stall=True`` puts it under the stall limit."""
        shown = CENSORED if self.no_log else display(argv)
        if change:
            self.announce("run", shown)
        lines = _Lines(self._say_line) if change and self._live_output else None

        def heard(stream: str, chunk: bytes) -> None:
            self.heard()
            if lines is not None:
                lines.feed(stream, chunk)
            if on_output is not None:
                on_output(stream, chunk)

        async with self.limit(timeout, shown), self.stalling(shown if stall else None):
            done = await self.link.run(
                argv,
                task=self.mark,
                env={**self.environment, **(env or {})} or None,
                cwd=cwd,
                stdin=stdin,
                umask=umask,
                on_output=heard if (stall or lines is not None or on_output is not None) else None,
            )
        if lines is not None:
            lines.flush()
        return done

    async def call(
        self,
        module: ModuleType,
        function: str,
        *args: Any,
        change: bool,
        on_item: Callable[[Any], None] | None = None,
        payload: bytes | None = None,
        answers: Any = object,
        **kwargs: Any,
    ) -> Any:
        """Run a function of a stdlib-only module on that PC (see Link.call). The module's source text is what is sent.

        ``answers`` is the shape (``hotdesk.shapes``) that its value must have, since a PC can answer anything; else TaskError.
        """
        what = f"{module.__name__.rpartition('.')[2]}.{function}"
        if change:
            self.announce("call", what)
        found = await self.link.call(
            source_text(module),
            function,
            *args,
            task=self.mark,
            on_item=on_item,
            payload=payload,
            stays=module.__name__.startswith("hotdesk.actions.on_target."),
            **kwargs,
        )
        return expect(found, answers, self.host, what)

    async def execute(self, module: ModuleType, function: str, payload: Sent, /, **kwargs: Any) -> Completed:
        """Run a function that ends as a program does, with what it works with (see Link.execute); the task's ``environment:`` is its own.
        It is told of check mode and has to keep to it."""
        if not self.check:
            self.announce("module", payload.module)
        return await self.link.execute(
            source_text(module), function, parts=payload.parts, task=self.mark, environment=self.environment, **kwargs
        )

    async def begin(
        self, module: ModuleType, function: str, *args: Any, change: bool, answers: Any, name: str, **kwargs: Any
    ) -> Any:
        """Begin a function that goes on in the background, under the mark ``name``; what it says first (see Link.begin)."""
        what = f"{module.__name__.rpartition('.')[2]}.{function}"
        if change:
            self.announce("call", what)
        found = await self.link.begin(source_text(module), function, *args, task=f"{self.mark}/{name}", **kwargs)
        return expect(found, answers, self.host, what)

    async def read(self, path: str, *, limit: int = LONGEST_READ) -> bytes:
        """A whole file. Raises OSError (FileNotFoundError, PermissionError, ...), and TaskError when it has more than ``limit`` bytes."""
        data = bytearray()
        async with aclosing(self.stream(path)) as stream:
            async for chunk in stream:
                data += chunk
                if len(data) > limit:
                    raise TaskError(f"{self.host}: {path} is longer than {limit >> 20} MiB, and is not read whole")
        return bytes(data)

    def stream(self, path: str) -> AsyncGenerator[bytes, None]:
        """A file in chunks."""
        return self.link.get(path, task=self.mark)

    async def write(self, path: str, data: bytes | AsyncIterator[bytes], *, mode: int | None = None) -> None:
        """Change: write a file atomically."""
        self.announce("write", CENSORED if self.no_log else path)
        await self.link.put(path, data, task=self.mark, mode=mode)

    async def lend(self, path: str, data: bytes | AsyncIterator[bytes], *, mode: int) -> None:
        """Write a file that is there only for as long as something reads it, also in check mode. Whoever lends it has made its folder, says
        that it is ``temporary`` and removes it."""
        await self.link.put(path, data, task=self.mark, mode=mode)

    def temporary(self, path: str) -> None:
        """What ``path`` names is gone from this PC at the end of the run, also when the run is killed (see Link.temporary)."""
        self.link.temporary(path)

    async def disks(self, paths: Sequence[str]) -> list[DiskState]:
        """The file systems that ``paths`` are, or would be, on."""
        return await self.link.disks(paths)

    def report(self, progress: Progress) -> None:
        """Show how far it is; also feeds the stall watch."""
        self.heard()
        if self.no_log and progress.message:
            progress = replace(progress, message="")
        now = time.monotonic()
        if now - self._reported < PROGRESS_INTERVAL and progress.eta != 0:
            return
        self._reported = now
        self._emit(Progressed(task=self.task, host=self.for_host, progress=progress))

    def warn(self, text: str) -> None:
        """A warning in the task's result, repeated at the end of the run."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._emit(Warned(text=CENSORED if self.no_log else text, host=self.for_host))

    def transferred(self, source: str, what: str, *, size: int, files: int, seconds: float) -> None:
        """Say that a bulk transfer from ``source`` has ended here: ``size`` bytes."""
        what = CENSORED if self.no_log else what
        self._emit(
            Transferred(
                task=self.task, host=self.for_host, source=source, what=what, bytes=size, files=files, seconds=seconds
            )
        )

    def done(self, job: str, changes: Sequence[JobChange], total: int) -> None:
        """Say what a job has done here; with ``no_log`` no more than how much."""
        self._emit(
            JobDone(
                task=self.task, host=self.for_host, job=job, changes=() if self.no_log else tuple(changes), total=total
            )
        )

    def announce(self, verb: str, detail: str) -> None:
        """Say that something is about to be changed here. Raises CheckModeError in check mode: every changing verb passes by."""
        if self.check:
            raise CheckModeError(
                f"{verb} ({detail}) would change {self.host}, and this is check mode; nothing was sent",
                remedy="This is a fault of the action or job: it must not change anything in check mode.",
            )
        self._emit(Changed(host=self.host, task=self.task, verb=verb, detail=detail))

    def heard(self) -> None:
        """There was a sign of life: the stall watches of this machine start anew (looked at no more than once a second)."""
        now = asyncio.get_running_loop().time()
        if self._stall_scopes and now - self._heard_at >= min(1.0, self.stall_timeout / 10):
            self._heard_at = now
            for scope in self._stall_scopes:
                if not scope.expired():
                    scope.reschedule(now + self.stall_timeout)

    @asynccontextmanager
    async def limit(self, seconds: float | None, what: str) -> AsyncIterator[None]:
        """At most ``seconds`` for the body, then TimedOut naming ``what``."""
        try:
            async with asyncio.timeout(seconds or None) as scope:
                yield
        except TimeoutError as exc:
            if not scope.expired():
                raise
            raise TimedOut(f"Timed out after {seconds:g} second(s): {what}", data={"timeout": seconds}) from exc

    @asynccontextmanager
    async def stalling(self, what: str | None) -> AsyncIterator[None]:
        """The body may take any time as long as ``heard`` is called within each ``stall_timeout``; else Stalled. None: no watch."""
        if what is None or self.stall_timeout <= 0:
            yield
            return
        try:
            async with asyncio.timeout(self.stall_timeout) as scope:
                self._stall_scopes.add(scope)
                yield
        except TimeoutError as exc:
            if not scope.expired():
                raise
            raise Stalled(
                f"nothing was heard for {self.stall_timeout:g} seconds: {what}",
                remedy="Raise hotdesk_stall_timeout if it may be silent for that long.",
            ) from exc
        finally:
            self._stall_scopes.discard(scope)

    def _say_line(self, stream: Any, line: str) -> None:
        self._emit(Output(task=self.task, host=self.for_host, stream=stream, line=line))


class _Lines:
    """Cuts a command's output into lines, one buffer a stream; a line is given up at 8 KiB, if it can be before a word."""

    LONGEST = 8192

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._rest: dict[str, bytes] = {}

    def feed(self, stream: str, chunk: bytes) -> None:
        *whole, rest = (self._rest.get(stream, b"") + chunk).split(b"\n")
        for line in whole:
            self._say(stream, line.decode(errors="replace"))
        if len(rest) > self.LONGEST:
            head, _, tail = rest.rpartition(b" ")  # half a word may be half a secret, which nobody would know as one
            head, rest = (rest, b"") if len(tail) > self.LONGEST else (head, tail)
            self._say(stream, head.decode(errors="replace"))
        self._rest[stream] = rest

    def flush(self) -> None:
        for stream, rest in self._rest.items():
            if rest:
                self._say(stream, rest.decode(errors="replace"))
        self._rest.clear()


def display(argv: Sequence[str | bytes]) -> str:
    """A command as one would type it, cut to a length that fits an event: before a word, since half a secret is not known as one."""
    text = shlex.join(a.decode(errors="backslashreplace") if isinstance(a, bytes) else a for a in argv)
    if len(text) <= DETAIL_LIMIT:
        return text
    words = text[: DETAIL_LIMIT - 3].split(" ")
    return " ".join(words[:-1]) + " ..."


@functools.cache
def source_text(module: ModuleType) -> str:
    """The text of a module (read once)."""
    return inspect.getsource(module)
