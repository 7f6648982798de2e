"""snapd asked through its socket (its REST API), whose answers are made to be read by programs. Python 3.8 or newer."""

from __future__ import annotations

import http.client
import json
import os
import time

from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.socket_http import SocketLine
from hotdesk.jobs.on_target.stopping import Stopped, stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generator, Iterable, Iterator

SOCKET = "/run/snapd.socket"
ANSWER_LIMIT = 120.0
"""Seconds for an answer; snapd asks the store before it begins an installation."""
BUSY = 300.0
"""Seconds to wait for what snapd is just doing with the same snap."""
BEAT = 0.5
"""Seconds between two looks at a change that snapd makes."""
UNDOING = 60.0
"""Seconds that it may take snapd to undo one."""
RESTARTING = 60.0
"""Seconds that snapd may be away: it starts again when it has brought itself a newer one."""
CHUNK = 1 << 20
MOVING = ("Do", "Doing", "Abort", "Undo", "Undoing")
"""What a change says that comes to its end without a reboot or a person."""


def ask(method: str, path: str, body: Any = None, socket: str = SOCKET) -> Any:
    """What snapd answers; the id of the change that it has begun. Failed with its words, and in ``data`` their ``kind``."""
    data = None if body is None else json.dumps(body).encode()
    return _answer(socket, method, path, data, {"Content-Type": "application/json"})


def _answer(socket: str, method: str, path: str, data: Any, headers: dict[str, str]) -> Any:
    line = SocketLine(socket, ANSWER_LIMIT)
    try:
        line.request(method, path, data, headers)
        text = line.getresponse().read()
    except (OSError, http.client.HTTPException) as exc:
        raise Failed("snapd does not answer at {}: {}".format(socket, exc), kind="silent")
    finally:
        line.close()
    try:
        said = json.loads(text)
        kind, result = said["type"], said["result"]
    except (ValueError, KeyError, TypeError):
        raise Failed("snapd's answer to {} {} cannot be read".format(method, path), kind="")
    if kind == "error":
        raise Failed(str(result.get("message")).strip(), kind=result.get("kind") or "")
    return said["change"] if kind == "async" else result


def carry_out(method: str, path: str, body: Any, socket: str = SOCKET) -> Iterator[dict[str, Any]]:
    """Have snapd make a change, see ``follow``. One that it is just making to the same snap is waited for."""
    yield from follow(lambda: ask(method, path, body, socket), socket)


def install_file(file: str, name: str, mode: str, socket: str = SOCKET) -> Iterator[dict[str, Any]]:
    """Have snapd install a snap that no store vouches for, under that name and with that confinement."""
    fields = {"action": "install", "dangerous": "true", "name": name, "snap-path": name + ".snap"}
    if mode != "strict":
        fields[mode] = "true"
    yield from follow(lambda: _upload(file, fields, socket), socket)


def _upload(file: str, fields: dict[str, str], socket: str) -> Any:
    """As a form (RFC 7578)."""
    mark = "hotdesk-" + os.urandom(16).hex()
    part = '--{}\r\nContent-Disposition: form-data; name="{}"'
    head = "".join((part + "\r\n\r\n{}\r\n").format(mark, *field) for field in fields.items())
    head += (part + '; filename="{}"\r\n\r\n').format(mark, "snap", fields["snap-path"])
    tail = "\r\n--{}--\r\n".format(mark).encode()
    size = len(head.encode()) + os.path.getsize(file) + len(tail)
    headers = {"Content-Type": "multipart/form-data; boundary=" + mark, "Content-Length": str(size)}
    return _answer(socket, "POST", "/v2/snaps", _parts(head.encode(), file, tail), headers)


def _parts(head: bytes, file: str, tail: bytes) -> Iterable[bytes]:
    yield head
    with open(file, "rb") as stream:
        yield from iter(lambda: stream.read(CHUNK), b"")
    yield tail


def follow(begin: Any, socket: str) -> Iterator[dict[str, Any]]:
    """``begin`` a change and see it to its end, telling how far it is. A stop has snapd undo it; Failed says why it did not come about."""
    with stoppable():
        try:
            change, deadline = None, time.monotonic() + BUSY
            while change is None:
                try:
                    change = begin()
                except Failed as exc:
                    if exc.data.get("kind") != "snap-change-conflict" or time.monotonic() > deadline:
                        raise
                    yield {"done": 0, "total": 0, "what": str(exc)}
                    time.sleep(BEAT)
            while True:
                found = look(change, socket)
                if found["ready"]:
                    break
                yield _progress(found)
                time.sleep(BEAT)
        except Stopped:
            if change is not None:
                _abort(change, socket)
            return
    if found["status"] != "Done":
        raise Failed(_words(found), kind="")


def look(change: str, socket: str) -> dict[str, Any]:
    """How far a change is."""
    deadline = time.monotonic() + RESTARTING
    while True:
        try:
            return dict(ask("GET", "/v2/changes/" + change, None, socket))
        except Failed as exc:
            if exc.data.get("kind") != "silent" or time.monotonic() > deadline:
                raise
        time.sleep(BEAT)


def settle(limit: float = BUSY, socket: str = SOCKET) -> Generator[str, None, list[str]]:
    """Wait until snapd has brought to its end what it has begun with snaps, also for a run that was killed: until then they are half done.

    Gives what it is at, as signs of life; returns that if it is not done within ``limit`` seconds. Reads only.
    """
    deadline = time.monotonic() + limit
    while True:
        found = [one for one in ask("GET", "/v2/changes?select=in-progress", None, socket) or () if _with_snaps(one)]
        words = ["{} (snap watch {})".format(one["summary"], one["id"]) for one in found]
        if not words or time.monotonic() > deadline:
            return words
        yield ", ".join(words)
        time.sleep(BEAT)


def _with_snaps(change: dict[str, Any]) -> bool:
    """``become-operational`` is none: a device without a store never comes to the end of it."""
    kind = change["kind"]
    return change["status"] in MOVING and (kind.endswith("-snap") or kind == "auto-refresh")


def _abort(change: str, socket: str) -> None:
    """What is done of it is undone, by snapd itself and also when nobody waits for it; what is ready already stays."""
    try:
        ask("POST", "/v2/changes/" + change, {"action": "abort"}, socket)
    except Failed:
        return
    deadline = time.monotonic() + UNDOING
    while not look(change, socket)["ready"] and time.monotonic() < deadline:
        time.sleep(BEAT)


def _progress(found: dict[str, Any]) -> dict[str, Any]:
    """Of the task that it is at: bytes of a download, or steps."""
    doing = [task for task in found.get("tasks") or [] if task["status"] == "Doing"]
    if not doing:
        return {"done": 0, "total": 0, "what": found["summary"]}
    at = doing[0]["progress"]
    return {"done": at["done"], "total": at["total"] if at["total"] > 1 else 0, "what": doing[0]["summary"]}


def _words(found: dict[str, Any]) -> str:
    return " ".join((found.get("err") or "snapd says {}".format(found["status"])).split())
