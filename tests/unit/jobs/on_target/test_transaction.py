"""Files put in place together, or not at all, whatever happens in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import transaction
from hotdesk.jobs.on_target.journal import Failed, alone, state_of

if TYPE_CHECKING:
    from collections.abc import Generator

RUNNER = Path(transaction.__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "journals")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Two files and a link."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "one").write_text("old one")
    (folder / "one").chmod(0o640)
    (folder / "two").write_text("old two")
    (folder / "link").symlink_to("one")
    return folder


def item(path: Path, content: str | None, **more: Any) -> dict[str, Any]:
    kind = "absent" if content is None else "file"
    base = {"kind": kind, "mode": 0o600, "owner": None, "group": None, "size": len(content or ""), "link": None}
    return {"path": str(path), **base, **more}


def perform(root: str, *pairs: tuple[Path, str | None], **more: Any) -> str:
    """All of it; the transaction's name."""
    options: dict[str, Any] = {"checks": [], "steady": [], "limit": 20.0, **more}
    items = options.pop("items", None) or [item(*pair) for pair in pairs]
    text = "".join(content or "" for _, content in pairs).encode()
    run = options.pop("run", "run")
    return drain(transaction.perform("unit", run, items, payload=text, root=root, **options))


def drain(steps: Generator[str, None, str]) -> str:
    """To its end; what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return str(end.value)


def listing(etc: Path) -> dict[str, list[Any] | None]:
    return {str(path.relative_to(etc)): state_of(str(path)) for path in sorted(etc.rglob("*"))}


def test_all_of_it_is_put_in_place(etc: Path, root: str) -> None:
    """Content, mode, a new folder, a removal; and no trace of the way there."""
    perform(root, (etc / "one", "new"), (etc / "deep/er/three", "3"), (etc / "two", None))
    assert (etc / "one").read_text() == "new"
    assert (etc / "one").stat().st_mode & 0o7777 == 0o600
    assert (etc / "deep/er/three").read_text() == "3"
    assert sorted(path.name for path in etc.iterdir()) == ["deep", "link", "one"]
    assert not transaction.unfinished(root)


def test_a_file_that_its_validator_refuses_changes_nothing(etc: Path, root: str) -> None:
    """The validator sees the new file before any is in place; its words and the file's own name are in the message."""
    before = listing(etc)
    wrong = item(etc / "two", "bad", validate=["sh", "-c", 'grep good "$0" || { echo "no good in $0"; exit 3; }', "%s"])
    with pytest.raises(Failed, match=f"no good in {etc}/two") as refused:
        perform(root, (etc / "one", "new"), (etc / "two", "bad"), items=[item(etc / "one", "new"), wrong])
    assert refused.value.data["path"] == str(etc / "two")
    assert listing(etc) == before


def test_a_check_that_fails_with_all_in_place_puts_all_back(etc: Path, root: str) -> None:
    """The check sees the new state."""
    before = listing(etc)
    look = ["sh", "-c", f"cat {etc}/one; exit 1"]
    with pytest.raises(Failed, match="new"):
        perform(root, (etc / "one", "new"), (etc / "two", None), (etc / "x/y", "y"), checks=[look])
    assert listing(etc) == before


def test_what_lets_one_in_must_stay(etc: Path, root: str) -> None:
    """A line of the watched output that changes puts everything back; others may change."""
    (etc / "one").write_text("port 22\nbanner a\n")
    watched = [{"argv": ["cat", str(etc / "one")], "words": ["port "], "more": False}]
    perform(root, (etc / "one", "port 22\nbanner b\n"), steady=watched)
    with pytest.raises(Failed, match="port 2222"):
        perform(root, (etc / "one", "port 2222\nbanner b\n"), steady=watched)
    assert (etc / "one").read_text() == "port 22\nbanner b\n"


def test_rules_may_come_and_none_may_go(etc: Path, root: str) -> None:
    """What is watched for losses alone."""
    (etc / "one").write_text("a: 1\n")
    watched = [{"argv": ["cat", str(etc / "one")], "words": ["a:"], "more": True}]
    perform(root, (etc / "one", "a: 1\na: 2\n"), steady=watched)
    with pytest.raises(Failed, match="a: 1"):
        perform(root, (etc / "one", "a: 2\n"), steady=watched)


def test_a_missing_validator_is_named(etc: Path, root: str) -> None:
    """And nothing is changed."""
    wrong = item(etc / "one", "new", validate=["no-such-validator", "%s"])
    with pytest.raises(Failed, match="no-such-validator"):
        perform(root, (etc / "one", "new"), items=[wrong])
    assert (etc / "one").read_text() == "old one"


def test_what_was_changed_since_the_plan_is_left(etc: Path, root: str) -> None:
    """Somebody else's edit is never overwritten unseen."""
    planned = item(etc / "one", "new", was=state_of(str(etc / "one")))
    (etc / "one").write_text("by hand")
    with pytest.raises(Failed, match="changed since this was planned"):
        perform(root, (etc / "one", "new"), items=[planned])
    assert (etc / "one").read_text() == "by hand"


def test_an_unknown_owner_is_named_and_changes_nothing(etc: Path, root: str) -> None:
    """Before any file is replaced."""
    before = listing(etc)
    with pytest.raises(Failed, match="no user nobody-of-that-name"):
        perform(root, (etc / "one", "new"), items=[item(etc / "one", "new", owner="nobody-of-that-name")])
    assert listing(etc) == before


def test_a_journal_of_its_own_keeps_the_content_to_root(etc: Path, root: str) -> None:
    """Old versions may be secret."""
    perform(root, (etc / "two", "new"))
    copies = list(Path(root).rglob("old/*"))
    assert copies
    assert all(path.stat().st_mode & 0o077 == 0 for path in [Path(root), *copies])


CHILD = """
import os, sys
sys.path.insert(0, {runner!r})
from hotdesk.jobs.on_target import transaction
moment, signum = sys.argv[1], int(sys.argv[2])
real = getattr(transaction, moment)
seen = []
def hooked(*args):
    seen.append(1)
    if len(seen) == int(sys.argv[3]):
        os.kill(os.getpid(), signum)
    return real(*args)
setattr(transaction, moment, hooked)
items = [dict(path={etc!r} + "/" + name, kind=kind, mode=0o600, owner=None, group=None, size=3, link=None)
         for name, kind in (("one", "file"), ("deep/three", "file"), ("link", "absent"), ("two", "file"))]
for _ in transaction.perform("unit", "run", items, [["true"]], [], 20.0, b"newnewnew", {root!r}):
    pass
"""
MOMENTS = [("_keep", 1), ("_stage", 1), ("_write", 2), ("turn", 1), ("turn", 2), ("turn", 3), ("turn", 4)]
MOMENTS += [("_place", count) for count in (1, 2, 3, 4)] + [("sync", count) for count in (3, 6)] + [("prune", 1)]


def struck(etc: Path, root: str, moment: str, count: int, number: int) -> int:
    """A transaction in a process of its own, which gets a signal at that moment; its exit code."""
    text = CHILD.format(runner=str(RUNNER), etc=str(etc), root=root)
    done = subprocess.run([sys.executable, "-c", text, moment, str(int(number)), str(count)], capture_output=True)
    return done.returncode


@pytest.mark.parametrize(("moment", "count"), MOMENTS)
def test_a_kill_leaves_it_old_or_new_after_the_next_run(etc: Path, root: str, moment: str, count: int) -> None:
    """At each moment: after recovery everything is as before, or everything as wanted, and nothing lies about."""
    before = listing(etc)
    assert struck(etc, root, moment, count, signal.SIGKILL) == -signal.SIGKILL
    left = transaction.unfinished(root)
    transaction.recover(root)
    assert not transaction.unfinished(root)
    after = listing(etc)
    if moment == "prune":
        assert not left
        assert (etc / "deep/three").read_text() == (etc / "one").read_text() == "new"
    else:
        assert after == before


@pytest.mark.parametrize(("moment", "count"), [("_stage", 1), ("_place", 1), ("_place", 4)])
def test_a_stop_puts_it_back_at_once(etc: Path, root: str, moment: str, count: int) -> None:
    """TERM, which is what the agent sends when its lease ends, needs no next run."""
    before = listing(etc)
    assert struck(etc, root, moment, count, signal.SIGTERM) != 0
    assert listing(etc) == before
    assert not transaction.unfinished(root)


def test_the_next_transaction_undoes_a_killed_one_first(etc: Path, root: str) -> None:
    """Without anybody asking for it."""
    struck(etc, root, "_place", 3, signal.SIGKILL)
    perform(root, (etc / "four", "4"))
    assert (etc / "one").read_text() == "old one"
    assert (etc / "four").read_text() == "4"


def test_recovery_names_what_somebody_changed_meanwhile(etc: Path, root: str) -> None:
    """It is left as it is, the rest is put back, and what was is kept."""
    struck(etc, root, "_place", 4, signal.SIGKILL)
    (etc / "one").write_text("by hand")
    with pytest.raises(Failed, match=r"one: somebody changed it since; what was is kept in"):
        transaction.recover(root)
    assert (etc / "one").read_text() == "by hand"
    assert not (etc / "deep").exists() or not (etc / "deep/three").exists()


def test_two_at_once_come_one_after_the_other(etc: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits; when that takes too long it says so."""
    monkeypatch.setattr("hotdesk.jobs.on_target.journal.PATIENCE", 0.2)
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with alone(root):
            held.set()
            go.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    try:
        with pytest.raises(Failed, match="another transaction"):
            perform(root, (etc / "one", "new"))
    finally:
        go.set()
        thread.join()
    perform(root, (etc / "one", "new"))
    assert os.listdir(root)  # noqa: PTH208
