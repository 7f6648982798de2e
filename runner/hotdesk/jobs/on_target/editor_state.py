"""State databases of editors (SQLite) on this PC: found, and read row by row. Python 3.8 or newer.

Everything in a home is done as the person whose it is. Reading writes nothing beside a database: one that is whole is opened as it stands
(``immutable``, https://www.sqlite.org/uri.html); one with a write-ahead log or a journal is looked at as a copy in a private folder.
"""

from __future__ import annotations

import fnmatch
import glob
import hmac
import os
import pwd
import re
import shutil
import socket
from contextlib import closing, contextmanager
from urllib.parse import quote

from hotdesk.jobs.on_target.journal import Failed
from hotdesk.jobs.on_target.stopping import stoppable

try:
    import sqlite3
except ImportError:  # Debian's python3-minimal
    sqlite3 = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generator, Iterator

FOLDERS = (".config/*/User", ".var/app/*/config/*/User")
"""Below a home: what each editor of VS Code's kind keeps there, installed as usual or by flatpak."""
PLACES = ("globalStorage", "profiles/*/globalStorage")
NAMES = ("state.vscdb", "state.vscdb.backup")
ALWAYS_KEPT = "secret://*"
"""Rows that are encrypted with a key of the machine's own keyring."""
SIDES = ("-wal", "-journal", "-shm")
"""What SQLite keeps beside a database while it is in use (https://www.sqlite.org/tempfiles.html)."""
TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BATCH = 500
"""Rows that are told of at once."""


def version() -> str:
    """SQLite's; empty where Python has none."""
    return sqlite3.sqlite_version if sqlite3 is not None else ""


def survey(people: list[list[str]]) -> list[dict[str, str]]:
    """The databases of ``people`` ([name, home] each): {person, editor, path (below the home), running} each. Reads only.

    ``running`` says which program has it open, or its editor; empty: none.
    """
    found = []
    for person, home in people:
        for editor in [
            path for folder in FOLDERS for path in sorted(glob.glob(os.path.join(glob.escape(home), folder)))
        ]:
            for place in PLACES:
                for folder in sorted(glob.glob(os.path.join(glob.escape(editor), place))):
                    paths = [os.path.join(folder, name) for name in NAMES]
                    found += [(person, home, os.path.dirname(editor), path) for path in paths if os.path.isfile(path)]
    users = open_files([path for _, _, _, path in found])
    return [
        {"person": person, "editor": os.path.basename(editor), "path": os.path.relpath(path, home),
         "running": users.get(path) or locked_by(editor)}
        for person, home, editor, path in found
    ]  # fmt: skip


def open_files(paths: list[str]) -> dict[str, str]:
    """path -> a program that has it, or a file of SQLite's beside it, open."""
    nodes = {}
    for path in paths:
        for each in (path, *(path + side for side in SIDES)):
            try:
                known = os.stat(each)
            except OSError:
                continue
            nodes[known.st_dev, known.st_ino] = path
    users = {}  # type: dict[str, str]
    for pid in [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()] if nodes else ():
        try:
            for number in os.listdir("/proc/" + pid + "/fd"):
                opened = "/proc/" + pid + "/fd/" + number
                if os.path.basename(os.readlink(opened)).startswith(
                    NAMES[0]
                ):  # a look at any other file may hang (NFS)
                    known = os.stat(opened)
                    path = nodes.get((known.st_dev, known.st_ino), "")
                    if path:
                        users[path] = _program(pid)
        except OSError:  # gone meanwhile, or not ours to look at
            continue
    return users


def locked_by(editor: str) -> str:
    """The program that an editor's lock files in its folder name, when that is alive and its owner's: Chromium's, then VS Code's own."""
    for name in ("SingletonLock", "code.lock"):
        path = os.path.join(editor, name)
        try:
            if name == "code.lock":
                with open(path, encoding="ascii") as stream:
                    host, pid = socket.gethostname(), stream.read(20).strip()
            else:
                host, _, pid = os.readlink(path).rpartition("-")
            if (
                host == socket.gethostname()
                and pid.isdigit()
                and os.stat("/proc/" + pid).st_uid == os.lstat(path).st_uid
            ):
                return _program(pid)
        except (OSError, ValueError):
            continue
    return ""


def _program(pid: str) -> str:
    with open("/proc/" + pid + "/comm", encoding="utf-8", errors="replace") as stream:
        return "{} (process {})".format(stream.read().strip(), pid)


# --- reading


def rows(
    person: str, path: str, keep: list[str], secret: bytes, scratch: str
) -> Generator[list[Any], None, dict[str, Any]]:
    """A database's rows but those that ``keep`` (shell patterns) leaves to each PC: [table, [[key, digest, bytes], ...]] at a time.

    ``digest`` is keyed with ``secret``. Returns ``stamp`` (None: there is no database), ``mode``, ``odd`` (tables that are not keys and values).
    Failed when it is damaged or being written. ``scratch`` is a folder that may be made, and is gone afterwards.
    """
    become(person)
    if not os.path.lexists(path):
        return {"stamp": None, "mode": 0o600, "odd": []}
    with open(path, "rb"):  # may it be read at all? SQLite's words for that are those for damage
        before = stamp(path)
    with _opened(path, scratch) as base:
        sound(base)
        tables, odd = tables_of(base)
        for table in tables:
            batch = []  # type: list[list[Any]]
            for key, kind, value in _each(base, table, keep):
                data = _bytes(value)
                batch.append(
                    [key, hmac.new(secret, kind.encode() + b"\0" + data, "sha256").hexdigest()[:32], len(data)]
                )
                if len(batch) == BATCH:
                    yield [table, batch]
                    batch = []
            yield [table, batch]
    unchanged(path, before)
    return {"stamp": before, "mode": os.stat(path).st_mode & 0o777, "odd": odd}


def values(
    person: str, path: str, known: list[Any], wanted: dict[str, list[str]], scratch: str
) -> dict[str, list[list[Any]]]:
    """The rows of some keys: table -> [[key, kind, value], ...]; texts as bytes. ``known``: the stamp that it must have."""
    become(person)
    unchanged(path, known)
    with _opened(path, scratch) as base:
        found = {table: [_row(base, table, key) for key in keys] for table, keys in wanted.items()}
    unchanged(path, known)
    return found


def stamp(path: str) -> list[Any]:
    """What tells whether a database has been written: [inode, size, time] of it, of its log, of its journal."""
    out = []  # type: list[Any]
    for each in (path, *(path + side for side in SIDES[:2])):
        try:
            known = os.stat(each)
            out.append([known.st_ino, known.st_size, known.st_mtime_ns])
        except FileNotFoundError:
            out.append(None)
    return out


def unchanged(path: str, known: list[Any] | None) -> None:
    if (stamp(path) if os.path.lexists(path) else None) != known:
        raise Failed("it was written meanwhile; close the editor", busy=True)


@contextmanager
def _opened(path: str, scratch: str) -> Iterator[Any]:
    """A connection that cannot write."""
    if not in_use(path):
        with closing(connect(path, "?mode=ro&immutable=1")) as base:
            yield base
        return
    with stoppable():
        try:
            os.mkdir(scratch, 0o700)
            copy = copied(path, scratch)
            with closing(connect(copy)) as base:
                yield base
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def in_use(path: str) -> bool:
    return any(os.path.exists(path + side) and os.path.getsize(path + side) for side in SIDES[:2])


def connect(path: str, how: str = "") -> Any:
    base = sqlite3.connect("file:" + quote(os.fsencode(path)) + how, uri=True, isolation_level=None, timeout=5)
    base.text_factory = bytes
    return base


def copied(path: str, folder: str) -> str:
    copy = os.path.join(folder, "state")
    for side in ("", *SIDES[:2]):
        if os.path.exists(path + side):
            shutil.copyfile(path + side, copy + side)
    return copy


def sound(base: Any) -> None:
    try:
        said = [row[0] for row in base.execute("PRAGMA integrity_check")]
    except sqlite3.DatabaseError as exc:
        raise Failed("it is damaged ({})".format(exc), damaged=True)
    if said != [b"ok"]:
        words = said[0].decode("utf-8", "replace") if isinstance(said[0], bytes) else str(said[0])
        raise Failed("it is damaged ({})".format(words), damaged=True)


def tables_of(base: Any) -> tuple[list[str], list[str]]:
    """Those of keys and values, and the others."""
    names = [
        row[0].decode("utf-8", "replace") for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    good, odd = [], []  # type: tuple[list[str], list[str]]
    for name in sorted(name for name in names if not name.startswith("sqlite_")):
        fine = TABLE.fullmatch(name) and {b"key", b"value"} == {
            row[1] for row in base.execute("PRAGMA table_info({})".format(name))
        }
        (good if fine else odd).append(name)
    return good, odd


def _each(base: Any, table: str, keep: list[str]) -> Iterator[tuple[str, str, Any]]:
    for raw, kind, value in base.execute(
        "SELECT key, typeof(value), value FROM {} WHERE typeof(key) = 'text'".format(table)
    ):
        key = raw.decode("utf-8", "surrogateescape")
        if not any(fnmatch.fnmatchcase(key, pattern) for pattern in (ALWAYS_KEPT, *keep)):
            yield key, kind.decode(), value


def _row(base: Any, table: str, key: str) -> list[Any]:
    query = "SELECT typeof(value), value FROM {} WHERE key = CAST(? AS TEXT)".format(table)
    (kind, value) = base.execute(query, (key.encode("utf-8", "surrogateescape"),)).fetchone()
    return [key, kind.decode(), value]


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


def become(person: str) -> None:
    """For the rest of this call: nothing that a home's owner puts into it can then lead root astray."""
    account = pwd.getpwnam(person)
    if os.geteuid() != account.pw_uid:
        os.initgroups(person, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.umask(0o077)
