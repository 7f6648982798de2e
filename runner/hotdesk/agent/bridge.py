"""Run as text by a Python of its own on a second channel. Parameters (JSON with 10 digits of length before it) come on stdin.

{"do": "hand", address, token}: give stdin and stdout of this channel to the agent that listens at ``address``, wait until it closes.
{"do": "shell", token, users}: be the other end of one rsync remote shell (``remote_shell.py``): print the address to connect to, then
what rsync wants run, then copy between it and this channel until the channel's stdin ends.
Every answer on stdout is one line of JSON, after that the channel belongs to the data.
"""

import json
import os
import select
import socket
import struct
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIZE = 1 << 18
PATIENCE = 30.0
"""Seconds that rsync may take until it starts its remote shell."""


def answer(value: object) -> None:
    """One line to the runner."""
    write_all(1, json.dumps(value).encode("ascii") + b"\n")


def write_all(fd: int, data: bytes) -> None:
    """All of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def copy(source: int, target: int) -> None:
    """Until the source ends or the target no longer takes anything; then the target is closed."""
    try:
        while True:
            data = os.read(source, SIZE)
            if not data:
                break
            write_all(target, data)
    except OSError:
        pass
    os.close(target)


def hand(wanted: "dict[str, Any]") -> None:
    """Our stdin and stdout for the agent."""
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    agent.connect("\0" + wanted["address"])
    answer({})
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("ii", 0, 1))
    agent.sendmsg([wanted["token"].encode()], [rights])
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    agent.recv(1)


def leave_with(peer: socket.socket) -> None:
    """When rsync's remote shell is gone (its agent has ended it) we go too, whatever still hangs: nobody is left to copy for."""
    try:
        peer.recv(1)
    finally:
        os._exit(0)


def shell(wanted: "dict[str, Any]") -> None:
    """rsync's remote shell, on this channel."""
    address = "hotdesk-" + os.urandom(16).hex()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("\0" + address)
    listener.listen(4)
    answer({"address": address})
    while True:
        ready = select.select([listener.fileno(), 0], [], [], PATIENCE)[0]
        if listener.fileno() not in ready:
            return  # the runner, which sends nothing before it has the words, has gone; or rsync never came
        peer = listener.accept()[0]
        uid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid not in wanted["users"]:
            peer.close()
            continue
        data, extra = peer.recvmsg(1 << 17, socket.CMSG_SPACE(8))[:2]
        if data[:32] == wanted["token"].encode() and extra:
            break
        peer.close()
    takes, gives = struct.unpack("ii", extra[0][2])
    for fd in (takes, gives):  # rsync makes both ends of its pipes non-blocking, its remote shell's too
        os.set_blocking(fd, True)
    answer({"words": json.loads(data[32:].decode("ascii"))})
    threading.Thread(target=copy, args=(takes, 1), daemon=True).start()
    threading.Thread(target=leave_with, args=(peer,), daemon=True).start()
    copy(0, gives)
    peer.send(b"\0")


def main() -> None:
    """Do what the parameters say."""
    stdin = sys.stdin.buffer
    wanted = json.loads(stdin.read(int(stdin.read(10))))
    if wanted["do"] == "hand":
        hand(wanted)
    else:
        shell(wanted)
    os._exit(0)


if __name__ == "__main__":
    main()
