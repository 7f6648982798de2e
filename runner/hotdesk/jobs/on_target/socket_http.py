"""HTTP over a Unix socket, as daemons that are asked locally speak it. Python 3.8 or newer."""

from __future__ import annotations

import http.client
import socket


class SocketLine(http.client.HTTPConnection):
    """A connection to the socket at ``path``; each wait on it ends after ``limit`` seconds."""

    def __init__(self, path: str, limit: float) -> None:
        super().__init__("localhost", timeout=limit)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
