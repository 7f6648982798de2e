"""The same play under hotdesk on one PC and under ansible-playbook on another: both end alike. The other jobs' own tests look at theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import test_etc
from tests.lab.running import Desk
from tests.lab.test_mirror import BUILD, ROOT, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

pytestmark = [pytest.mark.thorough, pytest.mark.ansible]
HEAD = "become: true\nvars: {hotdesk_source: pc1, hotdesk_disk_watch: false}"
OTHER = f"mkdir -p {ROOT}/docs {ROOT}/own; echo old >{ROOT}/docs/kept; touch -d @1 {ROOT}/docs/kept; ln -s x {ROOT}/sparse; chmod 700 {ROOT}/docs"
MIRROR = f"- name: Mirror\n  hotdesk.sync.folder: {{path: {ROOT}, delete: true, filters: ['- /docs/kept']}}"


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """A tree on pc1, and another one in its place on the other two."""
    pytest.importorskip("ansible")
    test_etc.clean(lab)
    for pc in lab:
        pc.run("rm", "-rf", ROOT)
    lab["pc1"].run("python3", "-c", BUILD, ROOT, "400")
    for name in ("pc2", "pc3"):
        lab[name].run("sh", "-ec", OTHER)
    yield Desk(lab, tmp_path)
    test_etc.clean(lab)
    for pc in lab:
        pc.run("rm", "-rf", ROOT)


def both(desk: Desk, book: Path, ours: str = "pc2", theirs: str = "pc3") -> tuple[int, str]:
    """hotdesk on one PC, ansible-playbook on the other: how many of both were changed, and all that was said."""
    done = desk.play(book, "--limit", ours)
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    code, text = desk.ansible(book, "--limit", theirs)
    assert code == 0, text
    (result,) = done.results(ours)
    return bool(result["changed"]) + text.count("changed=1"), text


def test_a_mirror_is_the_same(desk: Desk, lab: Lab) -> None:
    """Contents, owners, modes, links, ACLs, holes; what is excluded stays; what the one has done the other leaves."""
    book = desk.playbook(MIRROR, hosts="pc2,pc3", head=HEAD)
    assert both(desk, book)[0] == 2
    assert tree(lab["pc2"]) == tree(lab["pc3"])
    for name in ("pc2", "pc3"):
        assert lab[name].run("cat", f"{ROOT}/docs/kept") == "old\n"
        lab[name].run("rm", f"{ROOT}/docs/kept")
        lab[name].run("touch", "-r", f"{ROOT}/odd/fifo", f"{ROOT}/docs")
        assert tree(lab[name]) == tree(lab["pc1"])
    assert both(desk, book, "pc3", "pc2")[0] == 0


def test_a_rollback_is_the_same(desk: Desk, lab: Lab) -> None:
    """What one run has written to /etc of two PCs, each undoes on one of them; there is nothing left to undo."""
    test_etc.prepare(lab)
    before = test_etc.listing(lab["pc3"])
    done = desk.play(test_etc.book(desk))
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    assert test_etc.listing(lab["pc2"]) == test_etc.listing(lab["pc1"]) != before
    tasks = f"- name: Back\n  hotdesk.sync.rollback: {{run: {done.run_id}, consent: true}}"
    back = desk.playbook(tasks, hosts="pc2,pc3", head=HEAD, name="back")
    assert both(desk, back)[0] == 2
    assert test_etc.listing(lab["pc2"]) == test_etc.listing(lab["pc3"]) == before
    assert both(desk, back, "pc3", "pc2")[0] == 0
