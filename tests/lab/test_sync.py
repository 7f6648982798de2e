"""The everyday command on whole PCs: who has written to whom, runs that fail, files that were changed on the target."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running import HOTDESK, Desk, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC, Lab

ROOT = "/srv/hotdesk-sync"
LEFT = f"{ROOT} /var/lib/hotdesk/history.json /var/lib/hotdesk/manifests"
MIRROR = f"- name: Mirror\n  hotdesk.sync.folder: {{path: {ROOT}, delete: true}}\n"
BREAK = "- name: Break\n  ansible.builtin.command: 'false'\n  when: inventory_hostname == broken | default('')\n"


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """PCs that have never met; pc1 has a tree."""
    for pc in lab:
        pc.run("sh", "-c", f"rm -rf {LEFT}")
    lab["pc1"].run("sh", "-c", f"mkdir -p {ROOT}; cd {ROOT}; for name in a b c; do echo $name >$name; done")
    desk = Desk(lab, tmp_path)
    desk.playbook(MIRROR + BREAK, head="become: true")
    yield desk
    for pc in lab:
        pc.run("sh", "-c", f"rm -rf {LEFT}")


def sync(desk: Desk, way: str, *words: str, code: int = 0) -> str:
    """``sync(desk, "pc1 pc2,pc3")``: what was said of a sync from pc1 to the others, once it ended with ``code``."""
    source, targets = way.split()
    argv = ("sync", "--output", "plain", "--from", source, "--to", targets, *words, str(desk.directory / "book.yml"))
    done: subprocess.CompletedProcess[str] = desk.run(*argv)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr
    return done.stdout


def tree(pc: PC) -> dict[str, str]:
    """Name -> content."""
    text = pc.run("sh", "-c", f"cd {ROOT} 2>/dev/null && grep -r . . || true")
    return dict(line.removeprefix("./").split(":", 1) for line in text.splitlines())


def outcomes(desk: Desk) -> dict[tuple[str, str], str]:
    """(target, source) -> how the last sync ended, as the PCs remember it."""
    argv = [str(HOTDESK), "history", "list", "-b", "--json", "-i", str(desk.directory / "inventory.yml")]
    done = subprocess.run(
        argv, env=desk.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return {(row["host"], row["source"]): row["outcome"] for row in rows}


@pytest.mark.thorough
def test_work_that_is_on_one_pc_alone_is_not_overwritten_unasked(desk: Desk, lab: Lab) -> None:
    """First meetings and wrong order are refused by name, one host at a time; everything else asks nothing."""
    said = sync(desk, "pc1 pc2,pc3", "--allow-first-sync=pc3", code=2)
    assert "pc1 and pc2 meet for the first time" in said
    assert "--allow-first-sync=pc2." in said
    assert tree(lab["pc2"]) == {}
    assert tree(lab["pc3"]) == {"a": "a", "b": "b", "c": "c"}
    sync(desk, "pc1 pc2,pc3", "--allow-first-sync=pc2")
    lab["pc2"].run("sh", "-c", f"echo more >>{ROOT}/a; echo own >{ROOT}/own")
    sync(desk, "pc2 pc3", "--allow-first-sync=pc3")
    said = sync(desk, "pc1 pc2,pc3", code=2)
    assert "pc2 was itself worked on: it was the source of run" in said
    assert "--allow-out-of-order=pc2." in said
    assert "pc3 was written from pc2" in said
    assert tree(lab["pc2"])["own"] == tree(lab["pc3"])["own"] == "own"
    sync(desk, "pc2 pc1")  # what was done there comes home: from now on pc1 has all of it
    assert "changed=0" in sync(desk, "pc1 pc2,pc3")
    assert set(outcomes(desk).values()) == {"ok"}


def test_what_was_changed_on_the_target_is_kept_or_left(desk: Desk, lab: Lab) -> None:
    """Named before; left unasked; kept beside on request, where no later sync touches it. A new time alone is no conflict."""
    sync(desk, "pc1 pc2", "--allow-first-sync=pc2")
    lab["pc1"].run("sh", "-c", f"cd {ROOT}; for name in a b c; do echo new-$name >$name; done")
    lab["pc2"].run("sh", "-c", f"cd {ROOT}; echo theirs >a; touch b; echo own >own")
    for words in (("--check",), ()):
        said = sync(desk, "pc1 pc2", *words)
        assert "changed there since the last sync" in said
        assert "update a" in said
        assert "update b" not in said
    assert tree(lab["pc2"]) == {"a": "theirs", "b": "new-b", "c": "new-c", "own": "own"}
    sync(desk, "pc1 pc2", "--keep-conflicts", "--allow-removals")
    after = tree(lab["pc2"])
    copies = {name.partition(".")[0]: text for name, text in after.items() if ".hotdesk-conflict-pc2-" in name}
    assert copies == {"a": "theirs", "own": "own"}
    assert {name: text for name, text in after.items() if "conflict" not in name} == tree(lab["pc1"])
    assert "changed=0" in sync(desk, "pc1 pc2", "--allow-removals")
    assert tree(lab["pc2"]) == after


@pytest.mark.thorough
def test_a_failed_run_never_looks_clean(desk: Desk, lab: Lab) -> None:
    """The same again is told; as a source the half-written PC is refused; a first sync that failed was none."""
    sync(desk, "pc1 pc2", "--allow-first-sync=pc2", "-e", "broken=pc2", code=2)
    assert outcomes(desk) == {("pc2", "pc1"): "failed"}
    assert "the first sync from pc1" in sync(desk, "pc1 pc2", code=2)
    sync(desk, "pc1 pc2", "--allow-first-sync=pc2")
    sync(desk, "pc1 pc2", "-e", "broken=pc2", code=2)  # there was nothing to change: nothing was begun
    assert outcomes(desk) == {("pc2", "pc1"): "ok"}
    lab["pc1"].run("sh", "-c", f"echo newer >{ROOT}/a")
    sync(desk, "pc1 pc2", "-e", "broken=pc2", code=2)
    assert "pc2, the source, is half-written" in sync(desk, "pc2 pc1", code=2)
    assert "this one repeats it" in sync(desk, "pc1 pc2")
    sync(desk, "pc2 pc1")
    assert set(outcomes(desk).values()) == {"ok"}


@pytest.mark.thorough
def test_a_killed_run_never_looks_clean(desk: Desk, lab: Lab) -> None:
    """What had begun is on the target's disk before its first change."""
    sync(desk, "pc1 pc2", "--allow-first-sync=pc2")
    lab["pc1"].run("sh", "-c", f"echo newer >{ROOT}/a")
    wait = "- name: Wait\n  ansible.builtin.command: sleep 600\n"
    with desk.playing(
        desk.playbook(MIRROR + wait, hosts="pc2", head="become: true\nvars: {hotdesk_source: pc1}")
    ) as run:
        until(lambda: "sleep 600" in " ".join(lab["pc2"].processes().values()), 120, "the play waits")
        run.signal(signal.SIGKILL)
        run.ended(60)
    assert outcomes(desk)["pc2", "pc1"] == "begun"
    desk.playbook(MIRROR, head="become: true")
    assert "was cut off; this one repeats it" in sync(desk, "pc1 pc2")


@pytest.mark.thorough
def test_pcs_that_cannot_be_told_apart_are_refused(desk: Desk, lab: Lab) -> None:
    """A copied machine-id; a known name with another one, until it is forgotten."""
    sync(desk, "pc1 pc2", "--allow-first-sync=pc2")
    own = {name: lab[name].run("cat", "/etc/machine-id") for name in ("pc2", "pc3")}
    try:
        lab["pc3"].run("tee", "/etc/machine-id", stdin=own["pc2"].encode())
        said = sync(desk, "pc1 pc2,pc3", "--allow-first-sync=pc3", code=2)
        assert "pc2 and pc3 have one machine-id" in said
        assert tree(lab["pc3"]) == {}
        lab["pc2"].run("tee", "/etc/machine-id", stdin=own["pc3"].encode())
        assert "a PC called pc2 is remembered with another machine-id" in sync(desk, "pc1 pc2", code=2)
    finally:
        for name, machine in own.items():
            lab[name].run("tee", "/etc/machine-id", stdin=machine.encode())
