"""Calls of functions on a PC: the request, and the calls that go on in the background."""

from __future__ import annotations

import hashlib
import marshal
from functools import lru_cache
from importlib.util import MAGIC_NUMBER
from typing import TYPE_CHECKING, Any

from hotdesk.connections import protocol
from hotdesk.connections.streams import Answer
from hotdesk.errors import LinkLost, TaskError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from hotdesk.connections.wire import Exchange, Wire


MAGIC = int.from_bytes(MAGIC_NUMBER, "little")


@lru_cache(maxsize=64)
def called_module(text: str) -> tuple[str, str]:
    """(the name of the module that a text is on a PC, the text's hash)"""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"hotdesk_call_{digest[:12]}", digest


@lru_cache(maxsize=64)
def _compiled(text: str, name: str) -> bytes:
    return marshal.dumps(compile(text, f"<{name}>", "exec", dont_inherit=True))


def called(
    wire: Wire, sources: set[str], module: str, function: str, args: Any, kwargs: Any, *, magic: int = 0
) -> dict[str, Any]:
    """The header of a call of ``function``; the text of ``module`` is sent when it is not among ``sources``, the hashes that the agent has.

    Its code is sent instead to an agent whose bytecode is ours (``magic``): to compile it there takes longer than most calls."""
    name, digest = called_module(module)
    if digest not in sources:
        code = magic == MAGIC
        body = _compiled(module, name) if code else module.encode("utf-8")
        wire.post({"op": "source", "id": 0, "hash": digest, "code": code}, body)
        sources.add(digest)
    named = {"module": name, "hash": digest, "function": function}
    return {"op": "call", **named, "args": args, "kwargs": kwargs}


def with_parts(
    wire: Wire, sources: set[str], header: dict[str, Any], parts: Iterable[tuple[str, bytes]]
) -> dict[str, Any]:
    """``header`` of a call that works with ``parts`` (hash, content); each is sent when the agent does not have it.
    Their hashes are its argument ``parts``."""
    hashes = []
    for digest, data in parts:
        hashes.append(digest)
        if digest not in sources:
            wire.post({"op": "source", "id": 0, "hash": digest}, data)
            sources.add(digest)
    return {**header, "parts": hashes, "kwargs": {**header["kwargs"], "parts": hashes}}


async def begun(wire: Wire, header: dict[str, Any], abandon: Callable[[Exchange], Awaitable[None]]) -> Any:
    """For ``Link.begin``: the first item. What comes behind it is nobody's, and the agent stops the rest if we do not get so far."""
    items: list[Any] = []
    answer = Answer(wire.host, items.append)
    with wire.exchange(header["task"]) as exchange:
        try:
            await wire.send({**header, "id": exchange.id, "stdin": True})
            while not items:
                found, body = await exchange.next()
                if found["ev"] == "failed":
                    raise protocol.remote_error(found, wire.host)
                if found["ev"] == "exit":
                    answer.value(found)
                    raise TaskError(f"{wire.host}: the function ended before it said that it had begun")
                if found["ev"] == "out":
                    answer.take(found["stream"], body)
            return items[0]
        except LinkLost:
            raise
        except BaseException:
            await abandon(exchange)
            raise
