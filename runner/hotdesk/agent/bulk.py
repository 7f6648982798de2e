"""Commands whose stdin and stdout are a channel of their own: a bridge (``bridge.py``) hands its descriptors over, nothing is copied.

The agent listens on an abstract unix socket (unix(7)) under a random name. Whoever connects must be root, this user, or the user who
used sudo to become it, and must name the token of a request that waits.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from hotdesk.agent import process
from hotdesk.agent.command import prepare
from hotdesk.agent.loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hotdesk.agent.main import Agent

PATIENCE = 30.0
"""Seconds a request waits for its bridge."""
_TOKEN = 32
_RIGHTS = struct.Struct("ii")


class Bridges:
    """The listening socket and the requests that wait for their descriptors."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.address = "hotdesk-" + os.urandom(16).hex()
        self._waiting: dict[bytes, dict[str, Any]] = {}
        self._users = {0, os.geteuid(), int(os.environ.get("SUDO_UID") or os.geteuid())}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind("\0" + self.address)
        self._socket.listen(64)
        self._socket.setblocking(False)
        agent.loop.watch(self._socket.fileno(), READ, self._accept)

    def expect(self, header: dict[str, Any]) -> None:
        """Wait for the bridge of this request."""
        token = header["token"].encode()
        self._waiting[token] = header
        self.agent.loop.later(PATIENCE, lambda: self._give_up(token))

    def _give_up(self, token: bytes) -> None:
        header = self._waiting.pop(token, None)
        if header is not None:
            exc = OSError(errno.ETIMEDOUT, "no channel came for the command")
            self.agent.send({"id": header["id"], "ev": "failed", **process.os_error(exc)})

    def _accept(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except OSError:
            return
        peer.setblocking(False)
        uid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid not in self._users:
            peer.close()
            return
        self.agent.loop.watch(peer.fileno(), READ, lambda: self._receive(peer))

    def _receive(self, peer: socket.socket) -> None:
        self.agent.loop.forget(peer.fileno())
        fds: list[int] = []
        header = None
        try:
            data, extra, _, _ = peer.recvmsg(_TOKEN, socket.CMSG_SPACE(_RIGHTS.size))
            for level, kind, content in extra:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS and len(content) == _RIGHTS.size:
                    fds += _RIGHTS.unpack(content)
            for fd in fds:
                os.set_inheritable(fd, False)  # nobody else's, above all not the guardian's
            header = self._waiting.pop(data, None) if len(fds) == 2 else None
            if header is None:
                peer.close()
            else:
                self._begin(header, fds, peer)
        except OSError as exc:
            peer.close()
            if header is not None:
                self.agent.send({"id": header["id"], "ev": "failed", **process.os_error(exc)})
        finally:
            for fd in fds:
                os.close(fd)

    def _begin(self, header: dict[str, Any], fds: list[int], peer: socket.socket) -> None:
        child, started = prepare(self.agent, header)
        started.on_end = peer.close  # the bridge leaves when its socket closes
        self.agent.begin(started, child, stdin=fds[0], stdout=fds[1], result=False)

    def cancel(self, ident: int) -> None:
        """A request is no longer wanted."""
        for token, header in list(self._waiting.items()):
            if header["id"] == ident:
                del self._waiting[token]


def operate(agent: Agent, header: dict[str, Any]) -> None:
    """{token, and as for a command}: answers ``listening`` {address}, then as a command does."""
    if agent.bulk is None:
        agent.bulk = Bridges(agent)
    agent.bulk.expect(header)
    agent.send({"id": header["id"], "ev": "listening", "address": agent.bulk.address})
