"""PCs that are not there: SSH servers that answer an agent's frames by themselves. ``python -m tests.load.simulated``.

Every login is accepted, every start of an agent succeeds, every command ends at once with 0: what is left to be measured is the runner.
One process serves as many as wanted on some ports of the loopback interface, since hotdesk goes easy on one address; it prints them and
its key, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
from typing import Any

import asyncssh

from hotdesk.agent.frames import Decoder, pack
from hotdesk.aio import run
from hotdesk.connections.express import quicken

PORTS = 16
AGENT = re.compile(r" ([0-9a-f]{32}) (\d+)")
"""In the command that starts an agent: its token, and the bytes of its first program."""
HELLO = {
    "ev": "hello", "python": [3, 11, 0], "executable": "/usr/bin/python3", "pid": 1, "uid": 1000, "user": "ada", "home": "/home/ada",
    "hostname": "pc", "machine_id": "0" * 32, "subreaper": True, "proc": True, "sees_others": True,
}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "ping": {"ev": "pong"},
    "run": {"ev": "exit", "rc": 0, "signal": None, "seconds": 0.001},
    "cancel": {"ev": "stopped", "left": []},
    "stop": {"ev": "stopped", "left": []},
    "kill": {"ev": "stopped", "left": []},
    "lock": {"ev": "lock", "held": True, "record": {}},
}

CHEAP: dict[str, Any] = {
    "kex_algs": ["curve25519-sha256"], "encryption_algs": ["aes128-gcm@openssh.com"], "compression_algs": None,
    "gss_host": None, "x11_forwarding": False, "agent_forwarding": False,
}  # fmt: skip
"""What costs this end the least: it is not what is measured."""


class Server(asyncssh.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        return False

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return Agent()


class Agent(asyncssh.SSHServerSession[bytes]):
    """The agent's end of a channel, from the start on."""

    _channel: asyncssh.SSHServerChannel[bytes]

    def __init__(self) -> None:
        self._parts: list[int] = []
        self._skip = 0
        self._ahead = b""
        self._decoder = Decoder()

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan
        quicken(chan)  # as sshd, which sends no packets to be ignored

    def exec_requested(self, command: str) -> bool:
        found = AGENT.search(command)
        if found is None:
            return False
        self._token, self._skip, self._parts = found[1].encode(), int(found[2]), [10, 10]
        return True

    def session_started(self) -> None:
        self._channel.write(self._token)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        data = self._ahead + data
        while (
            self._parts or self._skip
        ):  # the program, then what it is told and all the rest of it, each after ten digits
            if self._skip:
                taken = min(self._skip, len(data))
                self._skip, data = self._skip - taken, data[taken:]
                if self._skip:
                    self._ahead = b""
                    return
            elif len(data) < self._parts[0]:
                self._ahead = data
                return
            else:
                self._parts.pop()
                self._skip, data = int(data[:10]), data[10:]
        self._ahead = b""
        self._answer(data)

    def _answer(self, data: bytes) -> None:
        if self._token:
            self._token = b""
            self._channel.write(pack(HELLO))
        for header, _ in self._decoder.feed(data):
            if header["op"] == "end":
                self._channel.exit(0)
            elif (answer := ANSWERS.get(header["op"])) is not None:
                self._channel.write(pack({**answer, "id": header["id"]}))


async def main() -> None:
    """Serve until stdin ends."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    ports = []
    for _ in range(PORTS):
        server = await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[key], encoding=None, line_editor=False, backlog=1024, login_timeout=0, **CHEAP,
        )  # fmt: skip
        ports.append(server.get_port())
    asyncssh.packet.SSHPacketLogger._log_packet = lambda *_: None  # type: ignore[method-assign]
    gc.disable()  # what there is lives as long as its connection
    print(json.dumps({"ports": ports, "key": key.export_public_key().decode().strip()}), flush=True)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, over.set)
    await over.wait()
    os._exit(0)


if __name__ == "__main__":
    run(main())
