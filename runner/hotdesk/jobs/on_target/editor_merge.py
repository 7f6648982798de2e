"""Rows merged into a copy of an editor's state database, which then takes its place: old or new, whatever happens. Python 3.8 or newer."""

from __future__ import annotations

import glob
import os
import shutil
from contextlib import closing

from hotdesk.jobs.on_target.editor_state import (
    SIDES,
    TABLE,
    become,
    connect,
    copied,
    in_use,
    open_files,
    sound,
    tables_of,
    unchanged,
)
from hotdesk.jobs.on_target.journal import Failed, sync
from hotdesk.jobs.on_target.stopping import stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TIMES = "times"
"""A file in the folder with the times of the directory around it."""
NEW = "CREATE TABLE {} (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"


def merge(
    person: str,
    path: str,
    folder: str,
    known: list[Any] | None,
    mode: int,
    changed: dict[str, list[list[Any]]],
    gone: dict[str, list[str]],
    last: bool,
) -> None:
    """Put rows (as ``values`` gives them) into a copy of a database and take some out; with ``last``, put the copy in its place.

    ``folder`` is beside the database; the copy is in it. ``known``: the stamp that the database must have (None: there is none; then one of
    that ``mode`` is made). Failed when it is damaged, in use or was written since: it is as it was then.
    """
    busy = open_files([path]).get(path, "")
    become(person)
    with stoppable():
        try:
            if busy:
                raise Failed("{} has it open".format(busy), busy=True)
            copy = os.path.join(folder, "state")
            if not os.path.isdir(folder):
                _begin(path, folder, known)
            with closing(connect(copy)) as base:
                _apply(base, changed, gone)
                if last:
                    sound(base)
            if last:
                _place(copy, path, known, mode)
        except BaseException:
            _away(folder)
            raise
        if last:
            _away(folder)


def _begin(path: str, folder: str, known: list[Any] | None) -> None:
    """The copy, with what its log or journal says; what a killed run has left goes."""
    parent, name = os.path.split(path)
    os.makedirs(parent, 0o700, exist_ok=True)
    for left in glob.glob(os.path.join(glob.escape(parent), "." + glob.escape(name) + ".????????.hotdesk")):
        shutil.rmtree(left, ignore_errors=True)
    times = os.stat(parent)
    os.mkdir(folder, 0o700)
    os.close(os.open(os.path.join(folder, TIMES), os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    os.utime(os.path.join(folder, TIMES), ns=(times.st_atime_ns, times.st_mtime_ns))
    unchanged(path, known)
    if known is not None:
        with closing(connect(copied(path, folder))) as base:
            sound(base)
        unchanged(path, known)
        return
    with closing(connect(os.path.join(folder, "state"))) as base:
        base.execute("PRAGMA user_version = 1")
        base.execute(NEW.format("ItemTable"))


def _away(folder: str) -> None:
    """The folder goes, and the directory around it has its times again: ``folder``, which mirrors these, would set them anew at the next run."""
    try:
        times = os.stat(os.path.join(folder, TIMES))
    except OSError:
        times = None
    shutil.rmtree(folder, ignore_errors=True)
    if times is not None:
        os.utime(os.path.dirname(folder), ns=(times.st_atime_ns, times.st_mtime_ns))


def _apply(base: Any, changed: dict[str, list[list[Any]]], gone: dict[str, list[str]]) -> None:
    there, _ = tables_of(base)
    base.execute("BEGIN IMMEDIATE")
    for table in sorted({*changed, *gone}):
        if TABLE.fullmatch(table) is None:
            raise Failed("a table has no plain name")
        if table not in there:
            base.execute(NEW.format(table))
        keys = [row[0] for row in changed.get(table, [])] + gone.get(table, [])
        remove = "DELETE FROM {} WHERE key = CAST(? AS TEXT)".format(table)
        base.executemany(remove, [(key.encode("utf-8", "surrogateescape"),) for key in keys])
        for key, kind, value in changed.get(table, []):
            as_it_was = "CAST(? AS TEXT)" if kind == "text" else "?"
            put = "INSERT INTO {} (key, value) VALUES (CAST(? AS TEXT), {})".format(table, as_it_was)
            base.execute(put, (key.encode("utf-8", "surrogateescape"), value))
    base.execute("COMMIT")


def _place(copy: str, path: str, known: list[Any] | None, mode: int) -> None:
    """The rename; before it, a log or journal beside the old database is worked into that, or it would be taken for the new one's."""
    unchanged(path, known)
    if known is None:
        os.chmod(copy, mode)
    else:
        old = os.stat(path)
        shutil.copystat(path, copy)
        os.utime(copy)
        if old.st_gid != os.stat(copy).st_gid:
            _give(copy, old.st_gid)
        _settle(path)
    sync(copy)
    os.rename(copy, path)
    sync(os.path.dirname(path))


def _give(copy: str, gid: int) -> None:
    try:
        os.chown(copy, -1, gid)
    except PermissionError:  # a group that the person is not in
        pass


def _settle(path: str) -> None:
    if in_use(path):
        with closing(connect(path)) as base:
            base.execute("SELECT count(*) FROM sqlite_master").fetchone()  # rolls back what a crash left half done
            if base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise Failed("somebody has it open", busy=True)
    if in_use(path):
        raise Failed("somebody has it open", busy=True)
    for side in SIDES:
        if os.path.exists(path + side):
            os.unlink(path + side)
