"""The folder job as ordinary users: become with and without a password, from another PC and from the control node; locks between runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running import Desk, until
from tests.lab.test_mirror import BUILD, TREE, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

ROOT = "/srv/hotdesk-users"
SMALL = BUILD.replace("1 << 30", "8 << 20").replace("500 << 20", "4 << 20")


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """A small tree with everything that is hard to keep, on pc1 alone."""
    for pc in lab:
        pc.run("rm", "-rf", ROOT)
    lab["pc1"].run("python3", "-c", SMALL, ROOT, "12")
    desk = Desk(lab, tmp_path)
    yield desk
    for pc in lab:
        pc.run("rm", "-rf", ROOT)


def here(path: Path) -> dict[str, Any]:
    """The listing of a directory of the control node."""
    text = subprocess.run([sys.executable, "-c", TREE, "tree", str(path)], capture_output=True, check=True).stdout
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("user", ["ada", "bob"])
@pytest.mark.parametrize("source", ["pc1", "localhost"])
def test_an_ordinary_user_with_become_keeps_everything(
    desk: Desk, lab: Lab, tmp_path: Path, user: str, source: str
) -> None:
    """Owners by number, ACLs, attributes, links and odd names; bob's sudo asks for a password."""
    desk.inventory(user)
    (tmp_path / "sudo").write_text("bob-pw\n")
    path = ROOT
    if source == "localhost":
        path = str(tmp_path / "tree")
        subprocess.run([sys.executable, "-c", SMALL, path, "12"], check=True)
    tasks = f"- name: Mirror\n  hotdesk.sync.folder: {{path: {path}, dest: {ROOT}, source: {source}, delete: true}}"
    book = desk.playbook(tasks, hosts="pc2,pc3", head="become: true")
    password = ["--become-password-file", str(tmp_path / "sudo")] if user == "bob" else []
    done = desk.play(book, *password)
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    wanted = tree(lab["pc1"], path=ROOT) if source == "pc1" else here(tmp_path / "tree")
    assert wanted["docs/000/file 0.txt"]["owner"] == [1003, 1003]
    for name in ("pc2", "pc3"):
        assert done.results(name, "Mirror")[0].get("warnings", []) == []
        assert tree(lab[name], path=ROOT) == wanted
    again = desk.play(book, *password)
    assert [again.results(name, "Mirror")[0]["changed"] for name in ("pc2", "pc3")] == [False, False]


def test_what_an_ordinary_user_without_become_cannot_keep_is_said(desk: Desk, lab: Lab) -> None:
    """Owners of other users are lost, with a warning that names an example."""
    lab["pc1"].run("sh", "-c", f"rm -rf {ROOT}/*; echo x >{ROOT}/of-root")
    for name in ("pc2", "pc3"):
        lab[name].run("install", "-d", "-o", "ada", ROOT)
    tasks = f"- name: Mirror\n  hotdesk.sync.folder: {{path: {ROOT}, source: pc1}}"
    done = desk.play(desk.playbook(tasks, hosts="pc2"))
    (result,) = done.results("pc2", "Mirror")
    assert any("of-root" in text and "become" in text for text in result["warnings"])
    assert lab["pc2"].run("stat", "-c", "%U", f"{ROOT}/of-root") == "ada\n"


def test_a_second_run_is_told_who_has_the_pc_and_a_killed_one_frees_it(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    """Run, host and since when; kill -9 of the holder gives its PCs back within the lease."""
    lab["pc1"].run("sh", "-c", f"head -c 60M /dev/urandom >{ROOT}/big")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_text("x")
    slow = f"- name: Mirror\n  hotdesk.sync.folder: {{path: {ROOT}, source: pc1, bwlimit: 2m}}"
    head = "become: true\nvars: {hotdesk_lease: 6}"
    other = f"- name: Mirror\n  hotdesk.sync.folder: {{path: {tmp_path}/tree, dest: {ROOT}}}"
    second = desk.playbook(other, hosts="pc2,pc3", head="become: true", name="second")
    with desk.playing(desk.playbook(slow, hosts="pc2", head=head)) as run:
        until(lambda: '"Progressed"' in run.out.read_text(), 30, "the transfer is under way")
        done = desk.play(second)
        text = done.results("pc2", "Mirror")[0]["msg"]
        assert run.run_id() in text
        assert subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip() in text
        assert "since 20" in text
        assert not done.results("pc3", "Mirror")[0]["failed"]
        run.signal(signal.SIGKILL)
        run.ended(5)
    until(lambda: not lab["pc2"].marked("HOTDESK_RUN="), 30, "the lease has run out")
    assert desk.play(second).code == 0
