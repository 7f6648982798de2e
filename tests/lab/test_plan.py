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
