"""What an agent may say: every event with its fields, the answers of called functions, and how their errors are raised here.

An agent belongs to its PC, not to us: what does not fit here breaks its link, and nothing of it is used.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from hotdesk.agent.frames import Decoder, FrameError
from hotdesk.connections import bounds
from hotdesk.connections.answers import AgentInfo
from hotdesk.errors import TaskError
from hotdesk.shapes import misfit

ERRORS: dict[str, dict[str, Any]] = {
    "os": {"errno": int, "strerror": str, "filename": (str, bytes, None)},
    "failed": {"msg": str, "data": {str: object}},
    "fault": {"msg": str, "traceback": str},
}
"""``agent.calls.error``, ``agent.process.os_error``."""
EVENTS: dict[str, dict[str, Any]] = {
    "hello": {
        "python": [int, int, int],
        **{name: kind for name, kind in get_type_hints(AgentInfo).items() if name not in ("python", "magic")},
        "magic?": int,
    },
    "pong": {"id": int},
    "out": {"id": int, "stream": str},
    "took": {"id": int, "n": int},
    "exit": {"id": int, "rc": int, "signal": (int, None), "seconds": float},
    "failed": {"id": int, "error": str},
    "stopped": {"id": int, "left": [[int, int]], "interrupted?": [str]},
    "lock": {"id": int, "held": bool, "record": {str: object}},
    "listening": {"id": int, "address": str},
}
ANSWERS = EVENTS.keys() - {"hello"}
STREAMS = ("out", "err", "result")
LONGEST = 1e9
"""Seconds that a command may say it took."""


def decoder() -> Decoder:
    """For what comes from an agent."""
    return Decoder(bounds.FRAME, bounds.modest)


def check(header: dict[str, Any], *expected: str) -> None:
    """Is this one of the ``expected`` events (none given: any but hello), with all that belongs to it? Raises FrameError."""
    event = header.get("ev")
    if type(event) is not str or event not in (expected or ANSWERS):
        asked = f" where {' or '.join(expected)} was asked for" if expected else ""
        raise FrameError(f"it says {event!r:.80}{asked}")
    if event == "out":  # nearly all there is
        if type(header.get("id")) is int and header.get("stream") in STREAMS:
            return
        raise FrameError("it sends a stream that there is not")
    said = misfit(header, EVENTS[event])
    if not said and event == "failed":
        said = error_misfit(header)
    if not said and event == "exit" and not 0 <= header["seconds"] <= LONGEST:
        said = f"it took {header['seconds']!r:.80} seconds"
    if said:
        raise FrameError(f"its {event!r}: {said}")


def error_misfit(fields: dict[str, Any]) -> str:
    """What is wrong with the fields of an error, or nothing."""
    kind = fields.get("error")
    if type(kind) is not str or kind not in ERRORS:
        return f"there is no error {kind!r:.80}"
    return misfit(fields, ERRORS[kind])


def remote_error(fields: dict[str, Any], host: str) -> Exception:
    """The exception that an agent's error fields (checked) stand for: OSError, or TaskError with data."""
    if fields["error"] == "os":
        name = fields["filename"]
        args = (fields["errno"], fields["strerror"])
        if not name:
            return OSError(*args)
        return OSError(*args, name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name)
    if fields["error"] == "failed":
        return TaskError(fields["msg"], data={name: value for name, value in fields["data"].items() if name != "msg"})
    return TaskError(f"{host}: {fields['msg']}", data={"exception": fields["traceback"]})
