"""State databases of editors, real SQLite ones: read without a trace, merged row by row, old or new."""

from __future__ import annotations

import getpass
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import editor_merge, editor_state
from hotdesk.jobs.on_target.journal import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ME = getpass.getuser()
TABLE = "CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"
CRASHED = """
import os, sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("PRAGMA journal_mode = " + sys.argv[2])
base.execute("PRAGMA cache_size = 5")
base.execute("PRAGMA cache_spill = 1")
base.execute("BEGIN")
base.execute("INSERT INTO ItemTable VALUES ('logged', 'yes')")
if sys.argv[2] == "wal":
    base.execute("COMMIT")
else:
    base.executemany("INSERT INTO ItemTable VALUES (?, ?)", [(str(n), "x" * 4000) for n in range(100)])
os._exit(0)
"""
"""A program that dies with a log, or in the middle of a change, beside its database."""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """``make("vega", {"key": "value"})``: a database with these rows in a folder of that name."""

    def made(name: str, rows: dict[str, Any], mode: str = "delete") -> Path:
        path = tmp_path / name / "state.vscdb"
        path.parent.mkdir(parents=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as base:
            base.execute(f"PRAGMA journal_mode = {mode}")
            base.execute(TABLE)
            base.executemany("INSERT INTO ItemTable VALUES (?, ?)", rows.items())
        path.chmod(0o644)
        return path

    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def crash(path: Path, mode: str) -> None:
    subprocess.run([sys.executable, "-c", CRASHED, str(path), mode], check=True)


def held(path: Path) -> dict[str, Any]:
    """What SQLite itself says is in it."""
    with closing(sqlite3.connect(path)) as base:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(base.execute("SELECT key, value FROM ItemTable"))


def listed(path: Path, keep: list[str] | None = None) -> tuple[dict[str, str], dict[str, Any]]:
    """key -> digest, and what is said at the end."""
    steps = editor_state.rows(ME, str(path), keep or [], b"secret", str(path.parent / "scratch"))
    found: dict[str, Any] = {}

    def told() -> Iterator[Any]:
        found["\0end"] = yield from steps

    for _, rows in told():
        found.update({key: digest for key, digest, _ in rows})
    end = found.pop("\0end")
    return found, end


def merge(here: Path, there: Path, gone: list[str] | None = None, keep: list[str] | None = None) -> None:
    """All rows of one into the other."""
    ours, known = listed(here, keep)
    _, there_known = listed(there, keep)
    rows = editor_state.values(ME, str(here), known["stamp"], {"ItemTable": list(ours)}, str(here.parent / "scratch"))
    beside = str(there.parent / ".state.vscdb.01234567.hotdesk")
    editor_merge.merge(ME, str(there), beside, there_known["stamp"], 0o640, rows, {"ItemTable": gone or []}, True)


def test_rows_are_told_without_those_that_stay_and_without_a_trace(make: Callable[..., Path]) -> None:
    """Digests are the same for the same value, and nothing is left beside the database."""
    one = make("atlas", {"a": "x", "b": b"\0\xff", "secret://k": "s", "own.1": "o"}, "wal")
    two = make("vega", {"a": "x", "b": "other"})
    (ours, known), (theirs, _) = listed(one, ["own.*"]), listed(two)
    assert sorted(ours) == ["a", "b"]
    assert ours["a"] == theirs["a"]
    assert ours["b"] != theirs["b"]
    assert known["odd"] == []
    assert names(one.parent) == ["state.vscdb"]


def test_a_text_and_bytes_of_the_same_letters_are_not_the_same(make: Callable[..., Path]) -> None:
    """SQLite tells them apart, so does the digest."""
    assert listed(make("atlas", {"a": "x"}))[0] != listed(make("vega", {"a": b"x"}))[0]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_rows_are_merged(make: Callable[..., Path], mode: str) -> None:
    """Texts, bytes, numbers and nothing; what stays stays, others stay too unless they are to go; mode and journal mode are as they were."""
    here = make("atlas", {"t": "ä", "b": b"\0\xff", "n": 2**40, "f": 0.1, "none": None, "secret://1": "theirs"}, "wal")
    there = make("vega", {"t": "old", "secret://1": "own", "more": "1", "old": "1"}, mode)
    os.utime(there.parent, (1, 1))
    merge(here, there, gone=["old"])
    assert there.parent.stat().st_mtime == 1, "the times of a directory are what a mirror has set"
    assert held(there) == {
        "t": "ä", "b": b"\0\xff", "n": 2**40, "f": 0.1, "none": None, "secret://1": "own", "more": "1",
    }  # fmt: skip
    assert there.stat().st_mode & 0o777 == 0o644
    with closing(sqlite3.connect(there)) as base:
        assert base.execute("PRAGMA journal_mode").fetchone() == (mode,)
    assert names(there.parent) == ["state.vscdb"]
    assert listed(here)[0].items() <= listed(there)[0].items()


def test_a_database_that_is_not_there_is_made(make: Callable[..., Path], tmp_path: Path) -> None:
    """Without the rows of the other machine's, with the mode that was asked for."""
    there = tmp_path / "vega" / "deep" / "state.vscdb"
    merge(make("atlas", {"t": "1", "secret://1": "theirs"}), there)
    assert held(there) == {"t": "1"}
    assert there.stat().st_mode & 0o777 == 0o640


def test_a_log_is_read_and_worked_in(make: Callable[..., Path]) -> None:
    """What a crashed editor has committed counts, on both sides; reading leaves the log alone."""
    here, there = make("atlas", {"a": "1"}), make("vega", {"b": "2"})
    for each in (here, there):
        crash(each, "wal")
    before = {name: (here.parent / name).read_bytes() for name in names(here.parent)}
    assert "state.vscdb-wal" in before
    assert "logged" in listed(here)[0]
    assert {name: (here.parent / name).read_bytes() for name in names(here.parent)} == before
    merge(here, there)
    assert names(there.parent) == ["state.vscdb"]
    assert held(there) == {"a": "1", "b": "2", "logged": "yes"}


def test_what_a_crash_left_half_written_does_not_count(make: Callable[..., Path]) -> None:
    """A hot journal: the database on the disk is half new, its rows are the old ones."""
    here = make("atlas", {"a": "1"})
    crash(here, "delete")
    assert (here.parent / "state.vscdb-journal").stat().st_size
    assert list(listed(here)[0]) == ["a"]
    there = make("vega", {"b": "2"})
    crash(there, "delete")
    merge(here, there)
    assert held(there) == {"a": "1", "b": "2"}
    assert names(there.parent) == ["state.vscdb"]


def test_a_damaged_database_is_named_and_left(make: Callable[..., Path]) -> None:
    """Whether it is no database at all, or one with a broken page."""
    rows = {f"key{n}": "x" * 3000 for n in range(50)}
    here, there = make("atlas", {"a": "1"}), make("vega", rows)
    data = bytearray(there.read_bytes())
    data[8192:12288] = b"\x7f" * 4096
    there.write_bytes(data)
    for broken in (bytes(data), b"not a database, but long enough to be taken for one" * 100):
        there.write_bytes(broken)
        with pytest.raises(Failed, match="damaged") as caught:
            listed(there)
        assert caught.value.data == {"damaged": True}
        with pytest.raises(Failed, match="damaged"):
            editor_merge.merge(ME, str(there), f"{there.parent}/.state.vscdb.01234567.hotdesk", editor_state.stamp(str(there)),
                               0o600, {"ItemTable": [["a", "text", b"1"]]}, {}, True)  # fmt: skip
        assert there.read_bytes() == broken
        assert names(there.parent) == ["state.vscdb"]
    assert held(here) == {"a": "1"}


def test_what_was_written_since_is_left(make: Callable[..., Path]) -> None:
    """Also when it came to be since."""
    here, there = make("atlas", {"a": "1"}), make("vega", {"b": "2"})
    rows = {"ItemTable": [["a", "text", b"1"]]}
    for known in (editor_state.stamp(str(here)), None):
        with pytest.raises(Failed, match="written meanwhile"):
            editor_merge.merge(
                ME, str(there), f"{there.parent}/.state.vscdb.01234567.hotdesk", known, 0o600, rows, {}, True
            )
    assert held(there) == {"b": "2"}


def test_an_editor_that_has_it_open_is_named(make: Callable[..., Path], tmp_path: Path) -> None:
    """By the file it has open, or by the lock in its folder; nothing is merged then; a lock of a dead one is none."""
    path = make("home/.config/Code/User/globalStorage", {"a": "1"})
    (one,) = editor_state.survey([[ME, str(tmp_path / "home")]])
    expected = {
        "person": ME,
        "editor": "Code",
        "path": ".config/Code/User/globalStorage/state.vscdb",
        "running": "",
    }
    assert one == expected
    program = "import sqlite3, sys; base = sqlite3.connect(sys.argv[1]); base.execute('select * from ItemTable'); print(1, flush=True); input()"
    argv = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as editor:
        assert editor.stdout is not None
        editor.stdout.readline()
        (one,) = editor_state.survey([[ME, str(tmp_path / "home")]])
        assert f"(process {editor.pid})" in one["running"]
        with pytest.raises(Failed, match=rf"process {editor.pid}\) has it open"):
            merge(path, path)
        lock = tmp_path / "home/.config/Code/SingletonLock"
        lock.symlink_to(f"{socket.gethostname()}-{editor.pid}")
        assert f"(process {editor.pid})" in editor_state.locked_by(str(lock.parent))
        editor.communicate()
    (one,) = editor_state.survey([[ME, str(tmp_path / "home")]])
    assert one["running"] == ""


def test_databases_are_found_whatever_the_editor(make: Callable[..., Path], tmp_path: Path) -> None:
    """Of any editor of that kind, of its profiles, of flatpaks; backups too; nothing else."""
    wanted = [
        ".config/Code - OSS/User/globalStorage",
        ".config/Cursor/User/profiles/1a2b/globalStorage",
        ".var/app/com.vscodium.codium/config/VSCodium/User/globalStorage",
    ]
    for folder in (*wanted, ".config/Code/User/workspaceStorage/x"):
        make(f"home/{folder}", {})
    (tmp_path / "home" / wanted[0] / "state.vscdb.backup").write_bytes(b"")
    found = editor_state.survey([[ME, str(tmp_path / "home")]])
    names = [f"{folder}/state.vscdb" for folder in wanted]
    assert sorted(one["path"] for one in found) == sorted([*names, f"{names[0]}.backup"])


def test_what_a_killed_run_left_beside_it_goes(make: Callable[..., Path]) -> None:
    """And is not taken up again."""
    here, there = make("atlas", {"a": "1"}), make("vega", {})
    left = there.parent / ".state.vscdb.deadbeef.hotdesk"
    left.mkdir()
    (left / "state").write_bytes(b"half")
    merge(here, there)
    assert held(there) == {"a": "1"}
    assert names(there.parent) == ["state.vscdb"]
