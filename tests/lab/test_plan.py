"""A plan for whole PCs: reviewed, applied as root by sudo, marked, and looked at again over new connections."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import HOTDESK, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC, Lab

ROOT = "/srv/hotdesk-plan"
MARKS = "/var/lib/hotdesk/marks.json"
SOURCE = """set -e
mkdir -p {root}/conf {root}/docs
cd {root}
echo a > docs/a
echo b > docs/b
echo one > conf/one
echo two > conf/two
chmod 0600 conf/two
"""
TARGET = "mkdir -p {root}/conf && echo own > {root}/own && echo left > {root}/left"


def names(pc: PC) -> list[str]:
    """The files below ROOT, from outside hotdesk."""
    return sorted(pc.run("find", ROOT, "-type", "f", "-printf", "%P\n").split())


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """A tree on pc1; two files too many on the others."""
    for pc in lab:
        pc.run("rm", "-rf", ROOT, MARKS)
    lab["pc1"].run("sh", "-c", SOURCE.format(root=ROOT))
    for name in ("pc2", "pc3"):
        lab[name].run("sh", "-c", TARGET.format(root=ROOT))
    desk = Desk(lab, tmp_path)
    folder = f"- name: Mirror\n  hotdesk.sync.folder:\n    path: {ROOT}\n    delete: true\n"
    desk.playbook(folder, hosts="pc2,pc3", head="become: true\nvars:\n  hotdesk_source: pc1")
    yield desk
    for pc in lab:
        pc.run("rm", "-rf", ROOT, MARKS)


def hotdesk(desk: Desk, *words: str, code: int = 0) -> str:
    """Run hotdesk there; what it printed, once it ended with ``code``."""
    argv = [str(HOTDESK), words[0], "-i", "inventory.yml", "--output", "plain", *words[1:]]
    done = subprocess.run(
        argv,
        cwd=desk.directory,
        env=desk.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_whole_road(desk: Desk, lab: Lab) -> None:
    """Plan, decide, drift, apply, look again; "never" holds in a later run that deletes, on the PC where it was said."""
    hotdesk(desk, "plan", "book.yml", "-o", "plan.yml")
    assert names(lab["pc2"]) == ["left", "own"]
    plan = desk.directory / "plan.yml"
    desk.allow(plan)
    text = plan.read_text()
    never = "change: delete own\n    hosts: [pc2, pc3]\n    decision: "
    assert never + "skip" in text
    assert text.count("docs") == 1  # one change, with what is in it
    plan.write_text(text.replace(never + "skip", never + "{pc2: never, pc3: remove}"))
    lab["pc1"].run("sh", "-c", f"echo later > {ROOT}/later; echo drifted > {ROOT}/conf/one")

    said = hotdesk(desk, "play", "--plan", "plan.yml")
    assert names(lab["pc2"]) == ["conf/two", "docs/a", "docs/b", "left", "own"]
    assert names(lab["pc3"]) == ["conf/two", "docs/a", "docs/b", "left"]
    assert "no longer what was planned: create conf/one" in said
    assert "not in the plan: create later" in said
    assert [mark["subject"] for mark in json.loads(lab["pc2"].run("cat", MARKS))] == ["own"]

    said = hotdesk(desk, "play", "book.yml")
    assert names(lab["pc2"]) == ["conf/one", "conf/two", "docs/a", "docs/b", "later", "own"]
    assert names(lab["pc3"]) == ["conf/one", "conf/two", "docs/a", "docs/b", "later"]
    assert "marked on pc2 as its own: delete own" in said

    hotdesk(desk, "verify", "--jobs", "--hosts", "pc2,pc3")
    lab["pc3"].run("sh", "-c", f"echo drifted > {ROOT}/conf/two; echo back > {ROOT}/left")
    said = hotdesk(desk, "verify", "--jobs", "--hosts", "pc2,pc3", code=3)
    drifted = [line for line in said.splitlines() if line.startswith("drifted:")]
    assert len(drifted) == 2
    assert all(line.startswith(f"drifted: [pc3] => file {ROOT}/") for line in drifted)


JOBS = """
- name: Accounts
  hotdesk.sync.accounts:
- name: Etc
  hotdesk.sync.etc:
    paths: [/etc/hotdesk-plan]
- name: Mirror
  hotdesk.sync.folder:
    path: {root}
"""
ACCOUNT_FILES = "/etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid"
STATE = "getent passwd hilda; getent group hilda; cat /etc/hotdesk-plan/conf; find {root} -type f -printf '%P %m %u\\n' | sort"


@pytest.fixture
def several(desk: Desk, lab: Lab) -> Iterator[Desk]:
    """A person and a file of /etc that only pc1 has, besides the tree; entered as root there."""
    for pc in lab:
        pc.run("sh", "-c", f"mkdir -p /var/saved-plan && cp -p {ACCOUNT_FILES} /var/saved-plan/")
    lab["pc1"].run("sh", "-c", "groupadd -g 2301 hilda; useradd -u 2301 -g hilda -N -M -s /bin/sh hilda")
    lab["pc1"].run("sh", "-c", f"mkdir /etc/hotdesk-plan; echo x > /etc/hotdesk-plan/conf; chown hilda {ROOT}/conf/one")
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    desk.playbook(JOBS.format(root=ROOT), hosts="pc2,pc3", head="become: true\nvars:\n  hotdesk_source: pc1")
    yield desk
    for pc in lab:
        pc.run(
            "sh", "-c", "rm -rf /etc/hotdesk-plan; cp -p /var/saved-plan/* /etc/; rm -rf /var/saved-plan /etc/*.lock"
        )


@pytest.mark.thorough
def test_jobs_of_every_kind_in_one_plan(several: Desk, lab: Lab) -> None:
    """Approved as it stands the PCs are equal; nothing is left for a second plan; a drift in each is found by its name."""
    hotdesk(several, "plan", "book.yml", "-o", "plan.yml")
    several.allow(several.directory / "plan.yml")
    hotdesk(several, "play", "--plan", "plan.yml")
    wanted = lab["pc1"].run("sh", "-c", STATE.format(root=ROOT))
    for name in ("pc2", "pc3"):
        state = lab[name].run("sh", "-c", STATE.format(root=ROOT))
        assert [line for line in state.splitlines() if not line.startswith(("own", "left"))] == wanted.splitlines()
    assert "there is nothing to change" in hotdesk(several, "plan", "book.yml", "-o", "again.yml")

    hotdesk(several, "verify", "--jobs", "--hosts", "pc2,pc3")
    lab["pc2"].run(
        "sh", "-c", f"usermod -s /bin/bash hilda; echo y >> /etc/hotdesk-plan/conf; chmod 0666 {ROOT}/conf/one"
    )
    said = hotdesk(several, "verify", "--jobs", "--hosts", "pc2,pc3", code=3)
    drifted = " ".join(sorted(line.split(": ")[1] for line in said.splitlines() if line.startswith("drifted:")))
    assert drifted.count("[pc2]") >= 3
    assert "[pc3]" not in drifted
    for name in ("user hilda", "file /etc/hotdesk-plan/conf", f"file {ROOT}/conf/one"):
        assert f"[pc2] => {name}" in drifted
