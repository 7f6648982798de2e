"""The testinfra backend ``hotdesk://HOST``: commands go back to the runner, which runs them over the link it has (no new login).

Runs inside the pytest process; synchronous, as testinfra is. Contract: testinfra's backend API (BaseBackend).
"""

from __future__ import annotations

import os
import socket
from typing import Any

from testinfra.backend import base

from hotdesk.verify.wire import LENGTH, SOCKET, pack, unpack


class Runner:
    """The connection to the runner, one per process."""

    _only: Runner | None = None

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)

    @classmethod
    def connected(cls) -> Runner:
        """The process's connection, made when first asked for."""
        if cls._only is None:
            cls._only = cls(os.environ[SOCKET])
        return cls._only

    def send(self, message: dict[str, Any]) -> None:
        """Tell the runner something."""
        self._socket.sendall(pack(message))

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Tell it something and wait for the answer."""
        self.send(message)
        return unpack(self._read(LENGTH.unpack(self._read(LENGTH.size))[0]))

    def _read(self, count: int) -> bytes:
        parts = []
        while count:
            part = self._socket.recv(min(count, 1 << 20))
            if not part:
                raise ConnectionError("the runner has gone")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Say goodbye."""
        self._socket.close()


class HotdeskBackend(base.BaseBackend):  # type: ignore[misc]
    """A host as the runner reaches it."""

    NAME = "hotdesk"
    HAS_RUN_ANSIBLE = False

    def __init__(self, name: str, *args: Any, user: str = "", **kwargs: Any) -> None:
        """``user``: as whom commands run there; empty: as the tests of a play do."""
        super().__init__(name, *args, **kwargs)
        self.name = name
        self._user = user

    @classmethod
    def get_hosts(cls, host: str, **kwargs: Any) -> list[str]:
        """``hotdesk://vega``: one host by its inventory name."""
        return [host]

    def run(self, command: str, *args: str, **kwargs: Any) -> Any:
        """Run a command (quoted by testinfra, with sudo when the test asks for it) and return its result."""
        text = self.get_command(command, *args)
        answer = Runner.connected().ask({"kind": "run", "host": self.name, "command": text, "user": self._user})
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        streams = (answer["stdout"].encode("latin-1"), answer["stderr"].encode("latin-1"))
        return self.result(answer["rc"], self.encode(text), *streams)
