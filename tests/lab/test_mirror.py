"""The folder job on whole PCs: a tree with everything that is hard to keep, from one PC to two others, with become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import PC, Lab

ROOT = "/srv/hotdesk-mirror"
TREE = Path(__file__).with_name("tree.py").read_text()
BUILD = r"""
import os, subprocess, sys
root, count = sys.argv[1].encode(), int(sys.argv[2])
os.makedirs(root)
for number in range(count):
    directory = root + b"/docs/%03d" % (number // 200)
    if number % 200 == 0:
        os.makedirs(directory)
    with open(directory + b"/file %d.txt" % number, "wb") as file:
        file.write(b"%d\n" % number * (number % 50))
    if number % 3 == 0:
        os.chown(file.name, 1003, 1003)
    elif number % 3 == 1:
        os.chown(file.name, 33, 33)
    os.chmod(file.name, (0o644, 0o600, 0o755, 0o4711)[number % 4])
odd = [b"new\nline", b"\xff\xfe not utf-8", b"  spaces  ", b"-dash", b"*star?", b"quote'\"", "ümläut".encode(), b"back\\slash", b"#hash", b"a" * 200]
os.makedirs(root + b"/odd")
for name in odd:
    with open(root + b"/odd/" + name, "wb") as file:
        file.write(name)
os.link(root + b"/docs/000/file 0.txt", root + b"/odd/hard link")
os.link(root + b"/docs/000/file 0.txt", root + b"/docs/another hard link")
os.symlink(b"nowhere/at all", root + b"/odd/dangling")
os.symlink(b"../docs", root + b"/odd/to docs")
os.mkfifo(root + b"/odd/fifo", 0o640)
with open(root + b"/sparse", "wb") as file:
    file.truncate(1 << 30)
    file.seek(500 << 20)
    file.write(b"in the middle")
os.setxattr(root + b"/odd/-dash", b"user.note", b"an attribute")
os.setxattr(root + b"/docs", b"trusted.note", b"a trusted attribute")
subprocess.run(["setfacl", "-m", "u:33:rw,g:1003:r", root + b"/odd/#hash"], check=True)
subprocess.run(["setfacl", "-d", "-m", "u:1003:rwx", root + b"/odd"], check=True)
os.makedirs(root + b"/empty/deep/er")
os.chmod(root + b"/empty", 0o1777)
for directory, names, files in os.walk(root, topdown=False):
    for name in names + files:
        os.utime(os.path.join(directory, name), ns=(1_600_000_000_123_456_789,) * 2, follow_symlinks=False)
"""


def tree(pc: PC, what: str = "tree", path: str = ROOT) -> dict[str, Any]:
    """The listing of a PC, taken from outside hotdesk."""
    found: dict[str, Any] = json.loads(pc.run("python3", "-c", TREE, what, path))
    return found


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """The tree on pc1 alone."""
    for pc in lab:
        pc.run("rm", "-rf", ROOT)
    lab["pc1"].run("python3", "-c", BUILD, ROOT, "20000")
    yield Desk(lab, tmp_path)
    for pc in lab:
        pc.run("rm", "-rf", ROOT)


def mirror(desk: Desk, extra: str = "") -> Path:
    """The playbook that mirrors ROOT from pc1 to pc2 and pc3."""
    tasks = f"- name: Mirror\n  hotdesk.sync.folder:\n    path: {ROOT}\n{extra}"
    return desk.playbook(tasks, hosts="pc2,pc3", head="become: true\nvars:\n  hotdesk_source: pc1")


def everything(pc: PC) -> set[str]:
    """Paths and change times of what a preview could touch. Not /root: its lower layer is this machine's own, which is in use."""
    roots = ["/etc", "/home", "/srv", "/opt", "/var/lib", "/usr/local", "/run/lock", "/tmp"]
    listed = pc.run("find", *roots, "-xdev", "-not", "-path", "*/systemd/*", "-printf", "%p %C@ %s\\n", check=False)
    return set(listed.splitlines())


def test_the_tree_is_equal_on_all_pcs_and_a_second_run_changes_nothing(desk: Desk, lab: Lab) -> None:
    """Type, mode, owner, size, time, target, ACLs, xattrs, link groups, content and sparseness; then no ctime moves."""
    book = mirror(desk)
    before = {pc.name: everything(pc) for pc in lab}
    preview = desk.play(book, "--check", "--diff")
    assert preview.code == 0, preview.stdout[-3000:] + preview.stderr
    assert {pc.name: sorted(everything(pc) ^ before[pc.name]) for pc in lab} == {name: [] for name in lab.pcs}
    first = desk.play(book)
    assert first.code == 0, first.stdout[-3000:] + first.stderr
    for name in ("pc2", "pc3"):
        (planned,), (done,) = preview.results(name, "Mirror"), first.results(name, "Mirror")
        assert (planned["changed"], done["changed"]) == (True, True)
        assert sorted(map(json.dumps, planned["items"])) == sorted(map(json.dumps, done["items"]))
    wanted = tree(lab["pc1"])
    assert wanted["sparse"]["sparse"]
    assert len(wanted) > 20_000
    for name in ("pc2", "pc3"):
        found = tree(lab[name])
        assert {path: found.get(path) for path in wanted if found.get(path) != wanted[path]} == {}
        assert set(found) == set(wanted)
    ctimes = {pc.name: tree(pc, "ctimes") for pc in lab}
    second = desk.play(book)
    assert second.code == 0
    assert [result["changed"] for name in ("pc2", "pc3") for result in second.results(name, "Mirror")] == [False, False]
    assert {pc.name: tree(pc, "ctimes") for pc in lab} == ctimes


def test_nothing_is_deleted_that_was_not_asked_for_and_listed(desk: Desk, lab: Lab) -> None:
    """Without delete, a file that only the target has stays; with it, check mode lists exactly what then goes."""
    first = desk.play(mirror(desk))
    assert first.code == 0, first.stdout[-3000:]
    for name in ("pc2", "pc3"):
        lab[name].run("touch", f"{ROOT}/only here")
    assert desk.play(mirror(desk)).code == 0
    assert "only here" in tree(lab["pc2"])
    book = mirror(desk, "    delete: true\n")
    preview = desk.play(book, "--check", "--diff")
    assert "only here" in json.dumps(preview.results("pc2", "Mirror")[0]["items"])
    assert "only here" in tree(lab["pc2"])
    done = desk.play(book)
    assert done.results("pc2", "Mirror")[0]["deleted"] == 1
    assert "only here" not in tree(lab["pc2"])


@pytest.mark.thorough
def test_two_runs_on_one_pc_do_not_mix(desk: Desk, lab: Lab) -> None:
    """While one run holds pc2, another is told by whom and finishes pc3; the holder's record stays."""
    record = {"run": "another-run", "holder": "somebody@elsewhere", "since": "2026-01-01T00:00:00Z"}
    holder = "import fcntl,json,os,sys,time; f=open('/run/lock/hotdesk-sync.lock','w+'); os.chmod(f.name,0o666); fcntl.flock(f,fcntl.LOCK_EX)\n"
    holder += f"f.write({json.dumps(record)!r}); f.flush(); print('held', flush=True); time.sleep(600)"
    lab["pc2"].run("sh", "-c", 'setsid python3 -c "$0" lock-holder >/tmp/held 2>&1 </dev/null &', holder)
    from tests.lab.running import until

    until(lambda: "held" in lab["pc2"].run("cat", "/tmp/held"), 10, "the lock is held")
    done = desk.play(mirror(desk))
    lab["pc2"].run("pkill", "-f", "lock-holder")
    assert done.code == 2, done.stdout[-3000:]
    message = done.results("pc2", "Mirror")[0]["msg"]
    assert "another-run" in message
    assert "somebody@elsewhere" in message
    assert not done.results("pc3", "Mirror")[0]["failed"]
