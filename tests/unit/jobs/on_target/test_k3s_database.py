from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target import k3s_copy, k3s_database
from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.k3s_database import copy_database, forget_nodes, kept_objects, nodes
from hotdesk.jobs.shipping import bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = "name INTEGER, created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB"
ROWS = [
    ("compact_rev_key", 0, b""),
    ("/registry/configmaps/shop/page", 0, b"k8s\0one"),
    ("/registry/configmaps/shop/page", 0, b"k8s\0two"),
    ("/registry/configmaps/shop/gone", 0, b"x"),
    ("/registry/configmaps/shop/gone", 1, b"x"),
    ("/registry/services/specs/default/kubernetes", 0, b"x"),
    ("/registry/pods/shop/web-1", 0, b"x"),
    ("/registry/leases/kube-node-lease/atlas", 0, b"x"),
    ("/registry/secrets/kube-system/atlas.node-password.k3s", 0, b"x"),
    ("/registry/secrets/kube-system/vega.node-password.k3s", 0, b"x"),
    ("/registry/minions/atlas", 0, b"x"),
    ("/registry/minions/other", 0, b"x"),
]


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    """A database with kine's table in WAL mode, that somebody has open and has not written back."""
    path = str(tmp_path / "state.db")
    with closing(sqlite3.connect(path)) as held:
        held.execute("PRAGMA journal_mode=WAL")
        held.execute(f"CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, {COLUMNS})")
        held.executemany("INSERT INTO kine (name, deleted, value) VALUES (?, ?, ?)", ROWS)
        held.commit()
        yield path


@pytest.mark.parametrize("live", [True, False])
def test_the_newest_of_what_people_made_counts(base: str, tmp_path: Path, live: bool) -> None:
    """Without what is deleted, a node's own, or made by k3s; nothing is left beside the database, and the key decides the digest."""
    before = sorted(tmp_path.iterdir())
    found = kept_objects(base, live, str(tmp_path / "scratch"), b"key")
    assert list(found) == ["configmaps/shop/page"]
    assert nodes(base, live, str(tmp_path / "scratch")) == ["atlas", "other"]
    assert sorted(tmp_path.iterdir()) == before
    assert found != kept_objects(base, live, str(tmp_path / "scratch"), b"other")


def test_a_copy_is_whole_and_without_the_node(base: str, tmp_path: Path) -> None:
    """What is in the log is in it; the source's node and the passwords that are given anew are not; the original has all."""
    copy = str(tmp_path / "copy")
    copy_database(base, copy)
    forget_nodes(copy, ["atlas"], ["vega"])
    assert kept_objects(copy, False, "", b"k") == kept_objects(base, True, "", b"k")
    with closing(sqlite3.connect(copy)) as other:
        names = {row[0] for row in other.execute("SELECT name FROM kine")}
    assert {row[0] for row in ROWS} - names == {
        "/registry/minions/atlas",
        "/registry/leases/kube-node-lease/atlas",
        "/registry/secrets/kube-system/atlas.node-password.k3s",
        "/registry/secrets/kube-system/vega.node-password.k3s",
    }
    assert nodes(base, True, "") == ["atlas", "other"]


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    """By its path, wherever it is looked at."""
    path = tmp_path / "state.db"
    path.write_bytes(b"no database" * 500)
    with pytest.raises(Failed, match=r"state\.db: file is not a database"):
        kept_objects(str(path), False, "", b"k")
    with pytest.raises(Failed, match=r"state\.db: file is not a database"):
        copy_database(str(path), str(tmp_path / "copy"))


def test_the_halves_can_be_sent() -> None:
    """Their parts share no name."""
    assert bundle(k3s_copy)
    assert bundle(k3s_database)
