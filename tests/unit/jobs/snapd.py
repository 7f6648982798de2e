"""A snapd that is none: it answers at a socket with what a real one said (snap_recorded.json), and keeps its books like one."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("snap_recorded.json").read_text())


class Snapd:
    """``snaps`` by name as snapd tells of them; ``store`` is name -> revisions that can be had; ``conf`` the settings of the system."""

    def __init__(self, socket: Path) -> None:
        self.socket = str(socket)
        self.snaps: dict[str, dict[str, Any]] = {}
        self.store: dict[str, set[str]] = {}
        self.conf: dict[str, Any] = {}
        self.version = RECORDED["system-info"]["version"]
        self.asked: list[str] = []
        """What it was asked to change, in its order."""
        self.busy = 0
        """So many requests for a change meet another one."""
        self.away = 0
        """So many looks at a change get no answer: it is just starting again."""
        self.stuck: set[str] = set()
        """Actions whose changes do not come to an end, unless they are aborted."""
        self.changes: dict[str, dict[str, Any]] = {}
        self.finishing: list[Callable[[], object]] = []
        """What it was asked for by somebody who is gone: after each look at what it is at, one comes about."""

    def has(self, name: str, revision: str = "7", **more: Any) -> dict[str, Any]:
        """A snap from the store."""
        one = {**deepcopy(RECORDED["store"]), "name": name, "revision": revision, **more}
        self.snaps[name] = one
        return one

    def answer(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """As the REST API of snapd documents it."""
        if path == "/v2/system-info":
            return self._sync({**RECORDED["system-info"], "version": self.version})
        if path == "/v2/snaps":
            return self._sync(list(self.snaps.values()))
        if path == "/v2/changes?select=in-progress":
            endless = {**RECORDED["change"], "kind": "become-operational", "status": "Doing", "ready": False}
            under_way = [{**endless, "kind": "install-snap"}] * bool(self.finishing)
            if self.finishing:
                self.finishing.pop(0)()
            return self._sync([endless, *under_way])
        if path.startswith("/v2/changes/"):
            return self._change(method, path.rpartition("/")[2])
        if path.startswith("/v2/snaps/system/conf"):
            return self._conf(method, body)
        return self._act(path.rpartition("/")[2], body)

    def _sync(self, result: Any) -> dict[str, Any]:
        return {"type": "sync", "status-code": 200, "status": "OK", "result": result}

    def _change(self, method: str, ident: str) -> dict[str, Any]:
        if method == "POST":
            self.asked.append("abort")
            self.changes[ident] |= {"ready": True, "status": "Undone"}
        return self._sync(self.changes[ident])

    def _begun(self, **more: Any) -> dict[str, Any]:
        ident = str(len(self.changes) + 1)
        self.changes[ident] = {**deepcopy(RECORDED["change"]), "id": ident, **more}
        return {**RECORDED["async"], "change": ident}

    def _conf(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "PUT":
            self.asked += [f"set {key}={value}" for key, value in body.items()]
            self.conf = {key: value for key, value in {**self.conf, **body}.items() if value is not None}
            return self._begun()
        return self._sync(self.conf) if self.conf else deepcopy(RECORDED["errors"]["unset"])

    def _act(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.busy:
            self.busy -= 1
            return self._error("snap-change-conflict", f'snap "{name}" has "refresh-snap" change in progress')
        action, one = body["action"], self.snaps.get(name)
        self.asked.append(" ".join([action, name, *(f"{k}={v}" for k, v in body.items() if k != "action")]))
        if one is None and action != "install":
            return self._error("snap-not-installed", f'snap "{name}" is not installed')
        if action in self.stuck:
            task = {**RECORDED["change"]["tasks"][0], "status": "Doing"}
            return self._begun(ready=False, status="Doing", tasks=[task])
        if action in ("install", "refresh"):
            if body["revision"] not in self.store.get(name, ()):
                return self._error("snap-revision-not-available", "no snap revision available as specified")
            flags = {flag: bool(body.get(flag)) for flag in ("devmode", "jailmode")}
            confinement = "classic" if body.get("classic") else "strict"
            kept = one or {"tracking-channel": ""}
            told = {**flags, "confinement": confinement, "tracking-channel": kept["tracking-channel"]}
            self.has(name, body["revision"], **told)
        elif action == "remove":
            del self.snaps[name]
        else:
            assert one is not None
            changed = {"switch": ("tracking-channel", body.get("channel")), "enable": ("status", "active"),
                       "disable": ("status", "installed"), "hold": ("hold", "2319-03-04T05:06:07.123456789Z"),
                       "unhold": ("hold", "")}[action]  # fmt: skip
            one[changed[0]] = changed[1]
        return self._begun()

    def _error(self, kind: str, message: str) -> dict[str, Any]:
        return {
            "type": "error",
            "status-code": 400,
            "status": "Bad Request",
            "result": {"message": message, "kind": kind},
        }


class _Server(ThreadingMixIn, UnixStreamServer):
    """One thread a request, all of them joined at the end."""


@contextmanager
def serving(snapd: Snapd) -> Iterator[Snapd]:
    """It answers for the body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if snapd.away and "/changes/" in self.path:
                snapd.away -= 1
                return
            said = snapd.answer(self.command, self.path, self._body())
            text = json.dumps(said).encode()
            self.send_response(said["status-code"])
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_GET

        def _body(self) -> dict[str, Any]:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return dict(json.loads(text)) if text else {}

        def address_string(self) -> str:
            return "local"

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    with _Server(snapd.socket, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield snapd
        finally:
            server.shutdown()
            thread.join()
