"""A connection without a PC, for tests of the layers above: an agent that answers from a script, speaking the real frames.

The same contract suite (tests/contract/test_connection.py) holds it to the real ones. Commands are answered by ``Script.on_run``;
called functions really run (in this process; they are standard library only); files and locks are dicts.
"""

from __future__ import annotations

import asyncio
import marshal
import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from hotdesk.agent import calls
from hotdesk.agent.frames import Decoder, pack
from hotdesk.agent.process import os_error
from hotdesk.aio import owned
from hotdesk.connections.answers import Completed
from hotdesk.connections.base import Channel, Connection, Endpoint
from hotdesk.errors import LinkLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_COMMAND = re.compile(r'" ([0-9a-f]{32}) (\d+)')
_DEFAULT_DISK = {"mount": "/", "device": "fake", "total": 100 << 30, "free": 80 << 30}


@dataclass(slots=True)
class Script:
    """What the fake PC does. Change it at any time; what was asked stands in ``asked``."""

    on_run: Callable[[list[str | bytes], dict[str, Any]], Completed | Awaitable[Completed]] | None = None
    """(argv, the whole request) -> the outcome, at once or awaited; may raise OSError. None: rc 0, no output."""
    files: dict[str, bytes] = field(default_factory=dict)
    disks: list[dict[str, Any]] = field(default_factory=lambda: [dict(_DEFAULT_DISK)])
    locks: dict[str, dict[str, Any]] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    """Overrides of AgentInfo's fields."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Every request in its order (its op, argv or function, task, ...)."""
    stopped: list[str | int] = field(default_factory=list)
    """Tasks (stop) and request ids (cancel) that were ended."""


class FakeConnection(Connection):
    """``FakeConnection(Script(on_run=...))``; ``lose()`` cuts it."""

    def __init__(self, script: Script | None = None, endpoint: Endpoint | None = None) -> None:
        self.endpoint = endpoint or Endpoint(host="fake", kind="local")
        self.script = script or Script()
        self._channels: list[_FakeChannel] = []
        self._closed = False

    async def open(self, command: str) -> Channel:
        if self._closed:
            raise LinkLost(f"{self.endpoint.host}: the connection is closed")
        channel = _FakeChannel(self.script, command)
        self._channels.append(channel)
        return channel

    @property
    def closed(self) -> bool:
        return self._closed

    def lose(self) -> None:
        """The cable is cut: every channel ends without a status."""
        self._closed = True
        for channel in self._channels:
            channel.end(None)

    async def aclose(self) -> None:
        self.lose()
        for channel in self._channels:
            await channel.aclose()


class _FakeChannel(Channel):
    """The far end and the near end in one: bytes written are requests, bytes read are events."""

    def __init__(self, script: Script, command: str) -> None:
        found = _COMMAND.search(command)
        assert found is not None, f"not the start of an agent: {command}"
        self._script = script
        self._token, self._skip = found[1].encode(), int(found[2])
        self._head = b""
        self._started = False
        self._decoder = Decoder()
        self._ahead: deque[bytes] = deque([self._token])
        self._more = asyncio.Event()
        self._more.set()
        self._status: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._work: dict[int, asyncio.Task[None]] = {}
        self._input: dict[int, bytearray] = {}
        self._complete: dict[int, asyncio.Event] = {}

    # --- the near end

    async def read(self, limit: int = 65536) -> bytes:
        while not self._ahead:
            if self._status.done():
                return b""
            self._more.clear()
            await self._more.wait()
        data = self._ahead.popleft()
        if len(data) > limit:
            self._ahead.appendleft(data[limit:])
        return data[:limit]

    async def read_stderr(self, limit: int = 65536) -> bytes:
        await asyncio.wait({self._status})
        return b""

    async def write(self, data: bytes) -> None:
        if self._status.done():
            raise LinkLost("the connection is gone")
        if not self._started:
            data = self._start(data)
        for header, body in self._decoder.feed(data):
            self._dispatch(header, body)

    async def write_eof(self) -> None:
        self.end(0)

    async def wait(self) -> int | None:
        return await asyncio.shield(self._status)

    async def aclose(self) -> None:
        self.end(0)
        for task in list(self._work.values()):
            task.cancel()
            await asyncio.wait({task})

    def end(self, status: int | None) -> None:
        if not self._status.done():
            self._status.set_result(status)
        for task in self._work.values():
            task.cancel()
        self._more.set()

    # --- the far end

    def _start(self, data: bytes) -> bytes:
        """The bootstrap: skip the program, the configuration and the pack, each with its length; then say hello."""
        self._head += data
        at = self._skip
        for _ in range(2):
            if len(self._head) < at + 10:
                return b""
            at += 10 + int(self._head[at : at + 10])
        if len(self._head) < at:
            return b""
        self._started = True
        config = marshal.loads(
            self._head[self._skip + 10 : self._skip + 10 + int(self._head[self._skip : self._skip + 10])]
        )
        hello = {
            "ev": "hello",
            "python": [3, 11, 0],
            "executable": "/usr/bin/python3",
            "pid": 1,
            "uid": 1000,
            "user": "fake",
        }
        hello |= {
            "home": "/home/fake",
            "hostname": "fake",
            "machine_id": config["token"],
            "subreaper": True,
            "proc": True,
            "sees_others": True,
        }
        self._send({**hello, **self._script.info})
        return self._head[at:]

    def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        self._ahead.append(pack(header, body))
        self._more.set()

    def _dispatch(self, header: dict[str, Any], body: bytes) -> None:
        op, ident = header["op"], header["id"]
        if op not in ("ping", "input", "took", "source", "grace", "lease", "temporary"):
            self._script.asked.append(header)
        if op == "ping":
            self._send({"id": ident, "ev": "pong"})
        elif op == "source":
            self._script.files["source:" + header["hash"]] = body
        elif op == "input":
            self._input.setdefault(header["to"], bytearray()).extend(body)
            self._send({"id": header["to"], "ev": "took", "n": len(body)})
            if header.get("eof"):
                self._complete.setdefault(header["to"], asyncio.Event()).set()
        elif op in ("cancel", "stop"):
            self._stop(header)
        elif op == "lock":
            self._lock(header)
        elif op == "end":
            self.end(0)
        elif op in ("run", "call"):
            task = owned(self._perform(header, body), name=header["task"])
            self._work[ident] = task
            task.add_done_callback(lambda _: self._work.pop(ident, None))

    def _stop(self, header: dict[str, Any]) -> None:
        wanted = header["to"] if header["op"] == "cancel" else header["task"]
        self._script.stopped.append(wanted)
        for ident, task in list(self._work.items()):
            if wanted in (ident, task.get_name()):
                task.cancel()
                self._send({"id": ident, "ev": "exit", "rc": 143, "signal": 15, "seconds": 0.0})
        self._send({"id": header["id"], "ev": "stopped", "left": []})

    def _lock(self, header: dict[str, Any]) -> None:
        held = self._script.locks.get(header["name"])
        if header["do"] == "release":
            self._script.locks.pop(header["name"], None)
        elif held is None:
            self._script.locks[header["name"]] = header["record"]
        record = {} if header["do"] == "release" else held or header["record"]
        self._send(
            {"id": header["id"], "ev": "lock", "held": header["do"] == "take" and held is None, "record": record}
        )

    async def _perform(self, header: dict[str, Any], body: bytes) -> None:
        ident = header["id"]
        try:
            done = await self._run(header) if header["op"] == "run" else await self._call(header, body)
        except OSError as exc:
            self._send({"id": ident, "ev": "failed", **os_error(exc)})
            return
        for stream, data in (("out", done.stdout), ("err", done.stderr)):
            for at in range(0, len(data), 65536):
                self._send({"id": ident, "ev": "out", "stream": stream}, data[at : at + 65536])
        self._send({"id": ident, "ev": "exit", "rc": done.rc, "signal": done.signal, "seconds": done.seconds})

    async def _run(self, header: dict[str, Any]) -> Completed:
        if header["stdin"]:
            header["input"] = await self._whole_input(header["id"])
        if self._script.on_run is None:
            return Completed(rc=0, stdout=b"", stderr=b"")
        found = self._script.on_run(header["argv"], header)
        return found if isinstance(found, Completed) else await found

    async def _whole_input(self, ident: int) -> bytes:
        await self._complete.setdefault(ident, asyncio.Event()).wait()
        self._complete.pop(ident)
        return bytes(self._input.pop(ident, b""))

    async def _call(self, header: dict[str, Any], body: bytes) -> Completed:
        out = b""
        try:
            value: Any = None
            if header["module"] == "files" and header["function"] == "read":
                out = self._existing(header["args"][0])
            elif header["module"] == "files":
                data = await self._whole_input(header["id"])
                self._script.files[header["args"][0]] = _without_lengths(data)
            elif header["module"] == "disk":
                value = await self._disk(header)
            else:
                value = self._really_call(header, body)
            self._result(header["id"], {"result": value})
        except Exception as exc:
            self._result(header["id"], calls.error(exc))
        return Completed(rc=0, stdout=out, stderr=b"")

    def _existing(self, path: str) -> bytes:
        try:
            return self._script.files[str(PurePosixPath(path))]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", path) from None

    def _result(self, ident: int, header: dict[str, Any]) -> None:
        self._send({"id": ident, "ev": "out", "stream": "result"}, pack(header))

    async def _disk(self, header: dict[str, Any]) -> Any:
        if header["function"] == "measure":
            first, *others = self._script.disks
            return [{**first, "paths": header["args"][0]}, *({**other, "paths": []} for other in others)]
        thresholds, interval = header["args"]
        known: dict[str, str] = {}
        while True:
            for path, limits in thresholds.items():
                state = self._script.disks[0]
                free = state["free"]
                level = (
                    "minimum"
                    if free < limits.get("minimum", 0)
                    else "warning"
                    if free < limits.get("warning", 0)
                    else "ok"
                )
                if known.get(path, "ok") != level:
                    known[path] = level
                    self._result(header["id"], {"item": {"state": {**state, "paths": [path]}, "level": level}})
            await asyncio.sleep(interval)

    def _really_call(self, header: dict[str, Any], body: bytes) -> Any:
        space: dict[str, Any] = {"__name__": header["module"], "Failed": calls.Failed}
        exec(
            compile(self._script.files["source:" + header["hash"]], header["module"], "exec", dont_inherit=True), space
        )
        extra = {"payload": body} if header.get("payload") else {}
        value = space[header["function"]](*header["args"], **header["kwargs"], **extra)
        if not hasattr(value, "__next__"):
            return value
        while True:
            try:
                self._result(header["id"], {"item": next(value)})
            except StopIteration as end:
                return end.value


def _without_lengths(data: bytes) -> bytes:
    parts, at = [], 0
    while size := int.from_bytes(data[at : at + 4], "big"):
        parts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(parts)
