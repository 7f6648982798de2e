"""Subvolumes by btrfs send between PCs with a real btrfs: whole, by difference, back again, interrupted; on a mounted /home."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.btrfs import GROUP, STORE, btrfs, desk, kept, played, top
from tests.lab.running import until

if TYPE_CHECKING:
    from tests.lab.lab import PC, Lab
    from tests.lab.running import Desk, Done

__all__ = ["btrfs", "desk"]

pytestmark = GROUP
TASK = "- name: Send\n  hotdesk.sync.subvolume: {path: /srv/data}\n"
LISTING = "find . -printf '%P %y %m %u %g %s %T@ %l\\n' | LC_ALL=C sort; find . -type f -exec sha256sum {} + | sort"


@pytest.fixture
def data(desk: Desk, btrfs: Lab) -> Desk:
    """A subvolume /srv/data with some MiB on pc6, nothing there on pc7."""
    for pc in btrfs:
        pc.run("sh", "-c", "if [ -d /srv/data ]; then btrfs -q subvolume delete /srv/data; fi")
    btrfs["pc6"].run("btrfs", "-q", "subvolume", "create", "/srv/data")
    make = "cd /srv/data; mkdir -p deep/er; head -c 6M /dev/urandom >big; echo one >deep/er/one; ln -s big link; chown ada deep; chmod 2750 deep"
    btrfs["pc6"].run("sh", "-c", make)
    return desk


def listing(pc: PC) -> str:
    return pc.run("sh", "-c", f"cd /srv/data; {LISTING}")


def sent(done: Done, host: str = "pc7") -> dict[str, Any]:
    return dict(done.results(host, "Send")[0])


@pytest.mark.thorough
def test_whole_then_by_difference_and_back_again(data: Desk, btrfs: Lab) -> None:
    """The second run changes nothing; a change costs its size; what the target had is put aside; the way back is a difference too."""
    here, there = btrfs["pc6"], btrfs["pc7"]
    state = top(there, "ls -la /mnt; btrfs subvolume list /mnt")
    assert sent(played(data, TASK, "--check"))["changed"]
    assert top(there, "ls -la /mnt; btrfs subvolume list /mnt") == state
    assert kept(here) == []
    first = sent(played(data, TASK))
    assert first["bytes"] > 6 << 20
    assert listing(there) == listing(here)
    again = sent(played(data, TASK))
    assert (again["changed"], again["bytes"]) == (False, 0)
    here.run("sh", "-c", "cd /srv/data; rm deep/er/one; echo two >two; head -c 100k /dev/urandom >>big")
    there.run("sh", "-c", "echo mine >/srv/data/mine")
    checked = sent(played(data, TASK, "--check"))
    second = sent(played(data, TASK))
    assert second["items"] == checked["items"]
    assert {"* /big", "- /deep/er/one", "+ /two", "put aside: + /mine"} <= set(second["items"])
    assert 0 < second["bytes"] < 1 << 20
    assert listing(there) == listing(here)
    assert top(there, f"cat /mnt/{STORE}/{second['replaced']}/mine") == "mine\n"
    there.run("sh", "-c", "echo three >/srv/data/three")
    back = sent(played(data, TASK + "  vars: {hotdesk_source: pc7}\n", hosts="pc6"), "pc6")
    assert back["bytes"] < 1 << 20
    assert "+ /three" in back["items"]
    assert listing(there) == listing(here)
    assert not sent(played(data, TASK))["changed"]


@pytest.mark.thorough
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_receive_is_found_and_removed(data: Desk, btrfs: Lab, signum: int) -> None:
    """The old one stays in place; nothing runs on; the next run brings the new one."""
    here, there = btrfs["pc6"], btrfs["pc7"]
    played(data, TASK)
    old = listing(there)
    here.run("sh", "-c", "head -c 20M /dev/urandom >/srv/data/more")
    slow = TASK.replace("/srv/data}", "/srv/data, bwlimit: 500}")
    with data.playing(data.playbook(slow, hosts="pc7", head="become: true")) as playing:
        received = f"ls -d /mnt/{STORE}/received/*/*/more 2>/dev/null || true"
        until(lambda: top(there, received), 120, "some of it has arrived")
        playing.signal(signum)
        playing.ended(60)
        run = playing.run_id()
    until(lambda: not here.marked("HOTDESK_RUN=") and not there.marked("HOTDESK_RUN="), 60, "nothing of it runs on")
    assert listing(there) == old
    assert top(there, f"ls /mnt/{STORE}/received/@%2Fsrv%2Fdata/{run}")
    done = played(data, TASK)
    assert f"received {run}" in " ".join(sent(done)["warnings"])
    assert listing(there) == listing(here)
    assert run not in top(there, f"ls /mnt/{STORE}/received/*")


@pytest.mark.thorough
def test_a_mounted_home_is_replaced_at_the_next_boot(desk: Desk, btrfs: Lab) -> None:
    """Refused unless asked for; then the PC shows the old one until it is rebooted."""
    here, there = btrfs["pc6"], btrfs["pc7"]
    here.run("sh", "-c", "echo from-pc6 >/home/ada/of-pc6")
    there.run("sh", "-c", "echo old >/home/ada/of-pc7; rm -f /home/ada/of-pc6")
    task = "- name: Send\n  hotdesk.sync.subvolume: {path: /home}\n"
    refused = desk.play(desk.playbook(task, hosts="pc7", head="become: true"))
    assert refused.code != 0
    assert "when_mounted: next_boot" in refused.stdout + refused.stderr
    snapshots = [f"- name: {phase}\n  hotdesk.sync.snapshot: {{phase: {phase}}}\n" for phase in ("before", "after")]
    done = played(desk, snapshots[0] + task.replace("/home}", "/home, when_mounted: next_boot}") + snapshots[1])
    assert "no snapshot of /home" in " ".join(done.results("pc7", "after")[0]["warnings"])
    assert sent(done)["reboot_required"]
    assert "reboot it to see the new /home" in " ".join(sent(done)["warnings"])
    assert there.run("cat", "/home/ada/of-pc7") == "old\n"
    there.off()
    there.on()
    there.wait_for_ssh()
    assert there.run("cat", "/home/ada/of-pc6") == "from-pc6\n"
    assert there.run("ls", "/home/ada/of-pc7", check=False) == ""
    assert top(there, f"cat /mnt/{STORE}/{sent(done)['replaced']}/ada/of-pc7") == "old\n"


@pytest.mark.thorough
def test_the_same_under_ansible_playbook(data: Desk, btrfs: Lab) -> None:
    """What it sent is where hotdesk goes on from."""
    book = data.playbook(TASK, hosts="pc7", head="become: true")
    for changed in (1, 0):
        code, told = data.ansible(book)
        assert code == 0, told
        assert f"changed={changed}" in told
        assert listing(btrfs["pc7"]) == listing(btrfs["pc6"])
    assert not sent(played(data, TASK))["changed"]


@pytest.mark.thorough
def test_all_that_does_not_hold_is_told_at_once(data: Desk, btrfs: Lab) -> None:
    """A plain directory with something in it, a parent that is missing, a source that is no subvolume, no btrfs: before any change."""
    btrfs["pc7"].run(
        "sh",
        "-c",
        "mkdir -p /srv/plain; touch /srv/plain/x; btrfs -q subvolume create /srv/outer; btrfs -q subvolume create /srv/outer/inner",
    )
    tasks = "\n".join(
        f"- name: {name}\n  hotdesk.sync.subvolume: {{path: {path}, dest: {dest}}}"
        for name, path, dest in (
            ("A", "/srv/data", "/srv/plain"),
            ("B", "/srv", "/srv/no/where"),
            ("C", "/srv/data", "/run/data"),
            ("D", "/srv/data", "/srv/outer"),
        )
    )
    done = data.play(data.playbook(tasks, hosts="pc7", head="become: true"))
    told = done.stdout + done.stderr
    btrfs["pc7"].run("btrfs", "-q", "subvolume", "delete", "/srv/outer/inner", "/srv/outer")
    assert done.code != 0
    for text in (
        "plain directory",
        "/srv/no does not exist",
        "that is no subvolume",
        "/run/data on pc7 is not on btrfs",
        "has subvolumes within: inner",
    ):
        assert text in told
    assert kept(btrfs["pc6"]) == []
