"""The lab's network: a bridge in a network namespace of its own, a link to this machine and one to each PC, and the faults of links.

The bridge is not on the host, whose packet filter (Docker sets FORWARD to DROP) would see the frames between PCs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

from tests.lab.machine import MARK, MARK_VARIABLE, NUMBER, STATE, LabError, alive, run, until

Way = Literal["both", "to", "from"]
ONE_WAY: tuple[Way, Way] = ("to", "from")
SWITCH = f"{MARK}-sw"
NETWORK = f"10.{100 + NUMBER}"
GATEWAY = f"{NETWORK}.0.1"
RELAY = Path(__file__).with_name("relay.py")


def address(number: int) -> str:
    """Of PC ``number``."""
    return f"{NETWORK}.{number // 200}.{10 + number % 200}"


def make_switch() -> None:
    """The bridge and this machine's link to it, once."""
    if Path(f"/run/netns/{SWITCH}").exists() and f"{MARK}-host" in run("ip", "-br", "link"):
        return
    remove_switch()
    run("ip", "netns", "add", SWITCH)
    run("ip", "link", "add", f"{MARK}-host", "type", "veth", "peer", "name", "up0", "netns", SWITCH)
    setup = "link add br0 type bridge stp_state 0 forward_delay 0\nlink set up0 master br0\nlink set up0 up\nlink set br0 up\n"
    run("ip", "-n", SWITCH, "-batch", "-", stdin=setup)
    run("ip", "addr", "add", f"{GATEWAY}/16", "dev", f"{MARK}-host")
    run("ip", "link", "set", f"{MARK}-host", "up")


def remove_switch() -> None:
    """Remove both, and every network namespace of the lab's name."""
    run("ip", "link", "del", f"{MARK}-host", check=False)
    for space in spaces():
        run("ip", "netns", "del", space, check=False)


def spaces() -> list[str]:
    """The lab's network namespaces by name."""
    names = [line.split()[0] for line in run("ip", "netns", "list").splitlines() if line]
    return [name for name in names if name.startswith(f"{MARK}-")]


def wire(number: int) -> None:
    """A network namespace for a PC, with a link to the switch; what it had is removed first."""
    space, port = f"{MARK}-pc{number}", f"p{number}"
    unwire(number)
    run("ip", "netns", "add", space)
    run("ip", "-n", SWITCH, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
    run("ip", "-n", SWITCH, "-batch", "-", stdin=f"link set {port} master br0\nlink set {port} up\n")
    # The same after each boot, or neighbours' ARP caches are wrong.
    mac = f"02:00:0a:{100 + NUMBER:02x}:{number // 200:02x}:{10 + number % 200:02x}"
    setup = f"link set lo up\nlink set eth0 address {mac}\naddr add {address(number)}/16 dev eth0\nlink set eth0 up\n"
    setup += f"route add default via {GATEWAY}\n"
    run("ip", "-n", space, "-batch", "-", stdin=setup)


def unwire(number: int) -> None:
    """Remove a PC's link, delay and network namespace."""
    _end_relay(number)
    run("ip", "netns", "del", f"{MARK}-pc{number}", check=False)
    run("ip", "-n", SWITCH, "link", "del", f"p{number}", check=False)


def cut(number: int, way: Way) -> None:
    """No link (``both``), or one that loses all frames one way: those ``to`` the PC or those ``from`` it."""
    if way == "both":
        run("ip", "-n", SWITCH, "link", "set", f"p{number}", "down")
    else:
        # A queue of length 0 drops what is sent through a device; no packet filter is needed for it.
        space, device = _sender(number, way)
        run("tc", "-n", space, "qdisc", "replace", "dev", device, "root", "pfifo", "limit", "0")


def heal(number: int) -> None:
    """Undo every cut."""
    for way in ONE_WAY:
        space, device = _sender(number, way)
        run("tc", "-n", space, "qdisc", "del", "dev", device, "root", check=False)
    run("ip", "-n", SWITCH, "link", "set", f"p{number}", "up")


def is_cut(number: int) -> bool:
    """Whether frames are lost now, one way or both."""
    senders = [_sender(number, way) for way in ONE_WAY]
    queues = [run("tc", "-n", space, "qdisc", "show", "dev", device, check=False) for space, device in senders]
    link = run("ip", "-n", SWITCH, "link", "show", f"p{number}", check=False)
    return ",UP" not in link or any("limit 0p" in queue for queue in queues)


def delay(number: int, seconds: float) -> None:
    """Delay every frame by ``seconds`` each way, so that a round trip takes twice that more; 0 ends it.

    A program relays the frames: few kernels of test machines have netem. Raises LabError without /dev/net/tun.
    """
    _end_relay(number)
    if not seconds:
        return
    directory = STATE / "pc" / f"pc{number}"
    log = directory / "relay.log"
    argv = ["ip", "netns", "exec", SWITCH, "setsid", "--fork", sys.executable, "-I", str(RELAY)]
    with log.open("wb") as output:
        subprocess.run(
            [*argv, f"p{number}", "br0", str(seconds), str(directory / "relay.pid")],
            env={"PATH": os.environ["PATH"], MARK_VARIABLE: f"{MARK}-sw"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
        )
    until(lambda: "relaying" in log.read_text() or "Error" in log.read_text(), 5, lambda: "the relay does not start")
    if "relaying" not in log.read_text():
        raise LabError(f"no delay: {log.read_text().splitlines()[-1]}")


def _end_relay(number: int) -> None:
    file = STATE / "pc" / f"pc{number}" / "relay.pid"
    try:
        pid = int(file.read_text())
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    until(lambda: not alive(pid), 5, lambda: "the relay does not end")
    file.unlink(missing_ok=True)


def _sender(number: int, way: Way) -> tuple[str, str]:
    """The network namespace and the device that send what goes that way."""
    return (SWITCH, f"p{number}") if way == "to" else (f"{MARK}-pc{number}", "eth0")
