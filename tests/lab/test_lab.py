"""The lab itself: its faults are real, and it sees processes from outside."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import Literal

import pytest

from tests.lab.lab import MARK, PC, SWITCH, Lab, LabError, Options, leftovers
from tests.lab.machine import births


def ssh(lab: Lab, name: str, command: str, *, limit: int = 2) -> subprocess.CompletedProcess[str]:
    """The ordinary ssh client, strict host keys."""
    argv = ["ssh", "-F", str(lab.ssh_config), "-o", "BatchMode=yes", "-o", f"ConnectTimeout={limit}", name, command]
    return subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_each_pc_has_its_own_name_disk_users_and_keys(lab: Lab) -> None:
    """ada may sudo, bob must give a password, a file on one PC is on no other."""
    assert ssh(lab, "pc1", "hostname; sudo -n id -u").stdout.split() == ["pc1", "0"]
    assert ssh(lab, "bob@pc2", "sudo -n true").returncode == 1
    lab["pc1"].run("touch", "/home/ada/only-here")
    assert ssh(lab, "pc2", "ls /home/ada/only-here").returncode != 0
    lab["pc1"].run("rm", "/home/ada/only-here")


def test_a_cut_pc_does_not_answer_until_it_is_healed(lab: Lab) -> None:
    """The link is really down."""
    lab["pc3"].cut()
    assert ssh(lab, "pc3", "true", limit=1).returncode == 255
    lab["pc3"].heal()
    assert ssh(lab, "pc3", "true").returncode == 0


def test_power_off_ends_every_process_and_the_disk_stays(lab: Lab) -> None:
    """off is a power cut; on boots the same disk."""
    pc = lab["pc2"]
    pc.run("sh", "-c", "echo kept >/root/kept; setsid sleep 543 >/dev/null 2>&1 &")
    assert pc.marked("sleep 543")
    inside = pc.processes()
    before = {(pid, born) for pid, born in births() if pid in inside}
    assert len(before) > 1
    pc.off()
    assert not before & births()
    pc.on()
    pc.wait_for_ssh()
    assert pc.run("cat", "/root/kept") == "kept\n"


def test_what_belongs_to_the_lab_is_found_by_its_own_marks(lab: Lab) -> None:
    """Mounts, namespaces and links are all named: this is what down() checks."""
    assert {SWITCH, f"{MARK}-pc1"} <= {line.split()[0] for line in leftovers()}


def received(pc: PC) -> int:
    """Frames its network device has received."""
    lines = pc.run("cat", "/proc/net/dev").splitlines()
    return int(next(line.split()[2] for line in lines if line.strip().startswith("eth0:")))


@pytest.mark.parametrize(("way", "hears"), [("to", False), ("from", True)])
def test_a_pc_cut_one_way_hears_or_does_not(lab: Lab, way: Literal["to", "from"], hears: bool) -> None:
    """Nobody gets an answer either way, but only what is cut is lost."""
    pc = lab["pc3"]
    pc.cut(way)
    assert pc.state == "cut"
    before = received(pc)
    assert ssh(lab, "pc3", "true", limit=1).returncode == 255
    assert (received(pc) > before) is hears
    pc.heal()
    assert pc.state == "on"
    assert ssh(lab, "pc3", "true").returncode == 0


def connecting(pc: PC) -> float:
    """Seconds a TCP handshake takes, the second one: the first asks for the address."""
    for _ in range(2):
        begin = time.monotonic()
        socket.create_connection((pc.address, 22), timeout=10).close()
    return time.monotonic() - begin


def test_a_delay_lasts_until_it_is_ended(lab: Lab) -> None:
    """A round trip takes twice the delay, and there is no relay left afterwards."""
    pc = lab["pc1"]
    pc.delay(0.02)
    assert connecting(pc) >= 0.04
    assert ssh(lab, "pc1", "hostname").stdout == "pc1\n"
    pc.delay(0)
    assert not [
        line
        for line in subprocess.check_output(["ip", "-n", SWITCH, "-br", "link"], text=True).splitlines()
        if line.startswith(("x", "y", "d"))
    ]
    assert ssh(lab, "pc1", "hostname").stdout == "pc1\n"


def test_a_delay_ends_with_the_power(lab: Lab) -> None:
    """off and on wire the PC anew."""
    pc = lab["pc1"]
    pc.delay(0.02)
    pc.off()
    pc.on()
    pc.wait_for_ssh()
    assert not (pc.directory / "relay.pid").exists()


def test_a_hanging_pc_accepts_and_says_nothing(lab: Lab) -> None:
    """TCP is the kernel's; the banner is sshd's."""
    pc = lab["pc2"]
    pc.hang()
    assert pc.state == "hung"
    with socket.create_connection((pc.address, 22), timeout=5) as connection:
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        pc.unhang()
        connection.settimeout(10)
        assert connection.recv(4) == b"SSH-"


def test_a_memory_limit_ends_what_asks_for_more(lab: Lab) -> None:
    """Only on that PC, and until it is lifted."""
    eat = "python3 -c 'print(len(bytes(1 << 20) * 200))'"
    lab["pc1"].limit_memory("60m")
    assert ssh(lab, "pc1", eat).returncode != 0
    assert ssh(lab, "pc2", eat).stdout == f"{200 << 20}\n"
    lab["pc1"].limit_memory("max")
    assert ssh(lab, "pc1", eat).stdout == f"{200 << 20}\n"


def test_a_pc_with_a_disk_image_and_a_further_mount(lab: Lab) -> None:
    """One is full, the other is not; both keep their files over a power cut; down removes that PC alone."""
    options = Options(size="64m", disk="ext4", mounts=(("/data", "8m"),))
    pc = Lab.up(1, options, first=4)["pc4"]
    try:
        pc.run("sh", "-c", "echo kept >/root/kept; echo kept >/data/kept")
        pc.fill("/data")
        assert pc.run("sh", "-c", "echo more >/data/more || echo full") == "full\n"
        pc.run("sh", "-c", "echo more >/root/more")
        pc.off()
        pc.on()
        pc.wait_for_ssh()
        assert pc.run("cat", "/root/kept", "/data/kept") == "kept\nkept\n"
        pc.empty("/data")
        pc.run("sh", "-c", "echo more >/data/more")
        pc.fill("/root")
        assert ssh(lab, "pc4", "echo more >more || echo full").stdout == "full\n"
        with pytest.raises(LabError, match="something else"):
            Lab.up(1, first=4)
    finally:
        Lab.down("pc4")
    assert not [line for line in leftovers() if "pc4" in line]
    assert ssh(lab, "pc1", "hostname").stdout == "pc1\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(init="systemd"), "add --base debian"),
        (Options(disk="btrfs"), "add --base debian"),
        (Options(size="much"), "'much' is no size"),
        (Options(mounts=(("data", "8m"),)), "'data' is no place"),
    ],
)
def test_what_does_not_go_together_is_refused(options: Options, words: str) -> None:
    """Before anything is made, and before root is asked for."""
    with pytest.raises(LabError, match=words):
        Lab.up(1, options, first=9)
    assert not PC("pc9").directory.exists()
