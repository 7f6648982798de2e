"""Docker asked through its socket (Docker Engine API), so that nothing it is told stands in a process list. Python 3.8 or newer."""

from __future__ import annotations

import http.client
import json
from urllib.parse import quote, urlencode

from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.socket_http import SocketLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOCKET = "/var/run/docker.sock"
ANSWER_LIMIT = 300.0
"""Seconds for an answer: it may have to stop a container that does not want to."""


def ask(method: str, path: str, body: Any = None, fine: tuple[int, ...] = (), **query: Any) -> Any:
    """What Docker answers, decoded; None where it says nothing. Failed with its words for an error whose status is not among ``fine``."""
    line = SocketLine(SOCKET, ANSWER_LIMIT)
    try:
        data = None if body is None else json.dumps(body).encode()
        whole = path + ("?" + urlencode(query) if query else "")
        line.request(method, whole, data, {"Content-Type": "application/json"} if body is not None else {})
        answer = line.getresponse()
        status, text = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as exc:
        raise Failed("Docker does not answer at {}: {}".format(SOCKET, exc), silent=True)
    finally:
        line.close()
    if status >= 400 and status not in fine:
        raise Failed(_words(text) or "Docker says {} to {} {}".format(status, method, path), status=status)
    try:
        return json.loads(text) if text.strip() and status < 300 else None
    except ValueError:
        raise Failed("Docker's answer to {} {} cannot be read".format(method, path))


def named(name: str) -> str:
    """A name or id as a part of a path."""
    return quote(name, safe="")


def _words(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.decode("utf-8", "replace").strip()[-400:]
