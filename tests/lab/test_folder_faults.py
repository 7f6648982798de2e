"""The folder job when something goes wrong: a full disk, files that cannot be read or written or vanish, a stall, a broken link."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import Desk, Done, Playing, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC, Lab

ROOT = "/srv/hotdesk-faults"
HEAD = (
    "become: true\nvars: {hotdesk_source: pc1, hotdesk_disk_watch: false, hotdesk_stall_timeout: 5, hotdesk_lease: 6}"
)
PLAIN = HEAD.replace("become: true", "become: false")


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """An empty directory on pc1, nothing on the others."""
    clean(lab)
    lab["pc1"].run("mkdir", "-m", "755", ROOT)
    yield Desk(lab, tmp_path)
    clean(lab)


def clean(lab: Lab) -> None:
    """No tree on any PC."""
    for pc in lab:
        pc.heal()
        pc.run("sh", "-c", f"umount {ROOT} 2>/dev/null; rm -rf {ROOT}")


def book(desk: Desk, head: str = HEAD, **options: object) -> Path:
    """Mirror ROOT to pc2 and pc3."""
    lines = "".join(f"    {name}: {value}\n" for name, value in options.items())
    return desk.playbook(
        f"- name: Mirror\n  hotdesk.sync.folder:\n    path: {ROOT}\n{lines}", hosts="pc2,pc3", head=head
    )


def message(done: Done, host: str) -> str:
    """What the failed task on that host says."""
    (result,) = done.results(host, "Mirror")
    assert result.get("failed") or result.get("unreachable"), done.stdout[-3000:]
    return str(result["msg"])


def fine(done: Done, host: str) -> bool:
    """Whether that host's mirror was done."""
    (result,) = done.results(host, "Mirror")
    return bool(result["changed"] and not result.get("failed") and not result.get("unreachable"))


def write(pc: PC, name: str, megabytes: int) -> None:
    """A file of noise."""
    pc.run("sh", "-c", f"head -c {megabytes}M /dev/urandom >{ROOT}/{name}")


def received(pc: PC) -> int:
    """Bytes that came in over the PC's network."""
    line = next(line for line in pc.run("cat", "/proc/net/dev").splitlines() if "eth0:" in line)
    return int(line.split(":")[1].split()[0])


def under_way(run: Playing) -> None:
    """Until the bars move."""
    until(lambda: '"Progressed"' in run.out.read_text(), 30, "the transfer is under way")


def test_a_target_without_space_fails_by_name_and_is_resumed(desk: Desk, lab: Lab) -> None:
    """The path and "no space" are in the message, pc3 is finished, and the next run goes on from what had arrived."""
    write(lab["pc1"], "big", 60)
    lab["pc2"].run("sh", "-c", f"mkdir {ROOT} && mount -t tmpfs -o size=40m,mode=755 tmpfs {ROOT}")
    done = desk.play(book(desk))
    assert done.code == 2, done.stdout[-3000:]
    assert f"no space left on pc2 at {ROOT}/big" in message(done, "pc2")
    assert fine(done, "pc3")
    assert int(lab["pc2"].run("stat", "-c", "%s", f"{ROOT}/.hotdesk-partial/big")) > 30 << 20
    lab["pc2"].run("mount", "-o", "remount,size=200m", ROOT)
    before = received(lab["pc2"])
    again = desk.play(book(desk))
    assert again.code == 0, again.stdout[-3000:]
    assert received(lab["pc2"]) - before < 40 << 20
    lab["pc2"].run("test", "!", "-e", f"{ROOT}/.hotdesk-partial")
    sums = {pc.run("sha256sum", f"{ROOT}/big") for pc in lab}
    assert len(sums) == 1


def test_what_cannot_be_read_or_written_is_named(desk: Desk, lab: Lab) -> None:
    """Without become: the source's unreadable file on pc2, the target's own directory on pc3."""
    lab["pc1"].run("sh", "-c", f"cd {ROOT} && echo x >open && echo x >secret && chmod 600 secret")
    lab["pc2"].run("install", "-d", "-o", "ada", ROOT)
    lab["pc3"].run("install", "-d", "-m", "755", ROOT)
    done = desk.play(book(desk, PLAIN))
    assert done.code == 2
    assert done.results("pc2", "Mirror")[0]["paths"] == [f"{ROOT}/secret"]
    assert "Permission denied" in message(done, "pc2")
    assert lab["pc2"].run("cat", f"{ROOT}/open") == "x\n"
    assert f"{ROOT}/open" in done.results("pc3", "Mirror")[0]["paths"], done.results("pc3", "Mirror")


def test_a_target_nobody_may_look_into_is_refused_with_the_remedy(desk: Desk, lab: Lab) -> None:
    """Before anything is written anywhere."""
    lab["pc2"].run("install", "-d", "-m", "700", ROOT)
    lab["pc3"].run("install", "-d", "-o", "ada", ROOT)
    done = desk.play(book(desk, PLAIN, dest=ROOT + "/below"))
    assert done.code == 2, done.stdout[-3000:] + done.stderr
    (problem,) = [event for event in done.events if event["event"] == "Problems"]
    assert problem["host"] == "pc2"
    assert problem["problems"] == [[f"{ROOT}/below cannot be read on pc2", "Use become: true, or another user."]]
    assert not done.results("pc3", "Mirror")
    assert lab["pc3"].run("ls", ROOT) == ""


def test_files_that_vanish_are_a_warning(desk: Desk, lab: Lab) -> None:
    """The task is ok, the paths are named, everything else has arrived."""
    write(lab["pc1"], "a", 12)
    lab["pc1"].run("sh", "-c", f"echo x >{ROOT}/gone; echo x >{ROOT}/stays")
    with desk.playing(book(desk, bwlimit="4m")) as run:
        under_way(run)
        lab["pc1"].run("rm", f"{ROOT}/gone")
        done = run.ended(60)
    assert done.code == 0, done.stdout[-3000:]
    for name in ("pc2", "pc3"):
        assert any(f"{ROOT}/gone" in text for text in done.results(name, "Mirror")[0]["warnings"])
        assert sorted(lab[name].run("ls", ROOT).split()) == ["a", "stays"]


def test_a_receiver_that_stands_still_fails_as_stalled(desk: Desk, lab: Lab) -> None:
    """Its rsync frozen for hotdesk_stall_timeout: that host fails, its processes are gone, the other is finished."""
    write(lab["pc1"], "big", 40)
    with desk.playing(book(desk, bwlimit="8m")) as run:
        under_way(run)
        for pid, line in lab["pc2"].processes().items():
            if line.startswith("rsync --server"):
                os.kill(pid, signal.SIGSTOP)
        done = run.ended(60)
    assert done.code == 2, done.stdout[-3000:]
    assert "nothing was heard for 5 seconds" in message(done, "pc2")
    assert fine(done, "pc3")
    assert not any(pc.marked("HOTDESK_RUN=") for pc in lab)


def test_a_broken_link_makes_that_pc_unreachable_and_the_next_run_resumes(desk: Desk, lab: Lab) -> None:
    """Cut in the middle: pc3 is finished; afterwards only what is missing crosses the network."""
    options = f"-o UserKnownHostsFile={lab.known_hosts} -o ServerAliveInterval=1 -o ServerAliveCountMax=3"
    desk.inventory(hosts={"pc2": f'ansible_ssh_common_args: "{options}"'})
    write(lab["pc1"], "big", 40)
    with desk.playing(book(desk, bwlimit="8m")) as run:
        until(lambda: part(lab["pc2"]) > 24 << 20, 30, "more than half is there")
        lab["pc2"].cut()
        done = run.ended(60)
    assert done.code == 4, done.stdout[-3000:]
    assert done.results("pc2", "Mirror")[0].get("unreachable")
    assert fine(done, "pc3")
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 30, "the lease has run out")
    lab["pc2"].heal()
    before = received(lab["pc2"])
    again = desk.play(book(desk))
    assert again.code == 0, again.stdout[-3000:]
    assert received(lab["pc2"]) - before < 24 << 20
    assert len({pc.run("sha256sum", f"{ROOT}/big") for pc in lab}) == 1


def part(pc: PC) -> int:
    """Bytes of the half-received file."""
    found = pc.run("sh", "-c", f"stat -c %s {ROOT}/.big.* 2>/dev/null || echo 0")
    return int(found.split()[0])
