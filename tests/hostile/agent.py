"""The false agent: stands where a hostile PC's Python should be, gets what an agent gets, and answers as its cell says."""

from __future__ import annotations

import os
import pwd
import sys
from typing import TYPE_CHECKING, Any

from hotdesk.agent.frames import Decoder
from tests.hostile.moves import exited, perform, returned

if TYPE_CHECKING:
    from tests.hostile.cells import Cell

HONEST: dict[str, Any] = {"run": (exited(),), "pong": returned("pong"), "call": returned({"changed": False})}


def hello() -> dict[str, Any]:
    """What an honest agent says here."""
    user = pwd.getpwuid(os.getuid())
    return {
        "ev": "hello", "python": list(sys.version_info[:3]), "executable": sys.executable, "pid": os.getpid(), "uid": os.getuid(),
        "user": user.pw_name, "home": user.pw_dir, "hostname": "evil", "machine_id": "0" * 32, "subreaper": True, "proc": True,
        "sees_others": True,
    }  # fmt: skip


def write(data: bytes) -> None:
    """All of it, on stdout. The runner that hangs up ends us."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(1, rest) :]
        except OSError:
            os._exit(0)


def read(count: int) -> bytes:
    """Just so many bytes of stdin."""
    data = b""
    while len(data) < count:
        more = os.read(0, count - len(data))
        if not more:
            os._exit(0)
        data += more
    return data


def main(cell: Cell, canary: str) -> None:
    """Be the agent of one run. The last two words of the command line are the token and the size of the bootstrap."""
    token, size = sys.argv[-2].encode(), int(sys.argv[-1])
    start = [token if move == "TOKEN" else hello() if move == "HELLO" else move for move in cell.start]
    if "TOKEN" in cell.start:
        perform(start[: start.index(token) + 1], write, canary)
        start = start[start.index(token) + 1 :]
        read(size)
        for _ in range(2):
            read(int(read(10)))
    perform(start, write, canary)
    decoder = Decoder()
    while data := os.read(0, 1 << 16):
        for header, _ in decoder.feed(data):
            answer(cell, header, canary)


def answer(cell: Cell, header: dict[str, Any], canary: str) -> None:
    """To a function its own moves come first, then those for the kind of request; what no cell speaks of is answered well."""
    op = header["op"]
    for name in (header.get("function"), op):
        if name in cell.answers:
            perform(cell.answers[name], write, canary, header["id"])
            return
    if op == "ping":
        perform([{"id": header["id"], "ev": "pong"}], write, canary)
    elif op in ("cancel", "stop", "kill"):
        perform([{"id": header["id"], "ev": "stopped", "left": []}], write, canary)
    elif op in ("run", "call"):
        perform(HONEST.get(header.get("function", op), HONEST[op]), write, canary, header["id"])
    elif op == "end":
        os._exit(0)
