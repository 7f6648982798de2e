"""A link with a delay: ``relay.py PORT BRIDGE SECONDS PIDFILE``, run in the bridge's network namespace. Standard library only.

PORT leaves BRIDGE, and PORT - bridge - tap - this process - tap - BRIDGE takes its place. Each frame is passed on SECONDS after it came, in
order. SIGTERM puts everything back. /dev/net/tun: https://docs.kernel.org/networking/tuntap.html
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
QUEUE = 20000
"""Frames a tap holds; at the default of 500 a burst is lost."""
LONGEST = 65536


def tap(name: str) -> int:
    """Make a tap device and return its descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def ip(*words: str, check: bool = True) -> None:
    """iproute2."""
    subprocess.run(["ip", *words], check=check, capture_output=not check)


def relay(one: int, two: int, seconds: float) -> None:
    """Pass frames between two descriptors for ever."""
    other = {one: two, two: one}
    waiting: deque[tuple[float, int, bytes]] = deque()  # the same delay for all, so they leave in the order they came
    while True:
        rest = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for source in select.select([one, two], [], [], rest)[0]:
            with contextlib.suppress(BlockingIOError):
                for _ in range(256):
                    waiting.append((time.monotonic() + seconds, other[source], os.read(source, LONGEST)))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, target, frame = waiting.popleft()
            with contextlib.suppress(OSError):  # the tap's queue is full: a link may lose a frame
                os.write(target, frame)


def main(port: str, bridge: str, seconds: str, pidfile: str) -> None:
    """Take the port's place until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Path(pidfile).write_text(str(os.getpid()))
    outer, inner, between = f"x{port}", f"y{port}", f"d{port}"
    ends = tap(outer), tap(inner)
    try:
        ip("link", "add", between, "type", "bridge", "stp_state", "0", "forward_delay", "0")
        for name in (outer, inner):
            ip("link", "set", name, "txqueuelen", str(QUEUE), "up")
        ip("link", "set", between, "up")
        ip("link", "set", outer, "master", between)
        ip("link", "set", port, "master", between)
        ip("link", "set", inner, "master", bridge)
        print(f"relaying {port} with {seconds} s", flush=True)
        relay(*ends, float(seconds))
    finally:
        ip("link", "set", port, "master", bridge, check=False)
        ip("link", "del", between, check=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
