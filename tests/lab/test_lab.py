"""The lab itself: its faults are real, and it sees processes from outside."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.lab.lab import MARK, SWITCH, leftovers

if TYPE_CHECKING:
    from tests.lab.lab import Lab


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
    pc.off()
    assert not pc.processes()
    pc.on()
    pc.wait_for_ssh()
    assert pc.run("cat", "/root/kept") == "kept\n"


def test_what_belongs_to_the_lab_is_found_by_its_own_marks(lab: Lab) -> None:
    """Mounts, namespaces and links are all named: this is what down() checks."""
    assert {SWITCH, f"{MARK}-pc1"} <= {line.split()[0] for line in leftovers()}
