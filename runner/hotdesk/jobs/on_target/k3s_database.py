"""k3s's database of objects where that is SQLite (kine, https://github.com/k3s-io/kine): read, copied, rid of a node. Python 3.8 or newer.

kine keeps one row for each revision of a key: the newest counts, unless it says that the key is deleted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import closing, contextmanager
from urllib.parse import quote

from hotdesk.jobs.on_target.journal import Failed

try:
    import sqlite3
except ImportError:  # Debian's python3-minimal
    sqlite3 = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

NEWEST = "SELECT name, value FROM (SELECT name, value, deleted, MAX(id) FROM kine GROUP BY name) WHERE deleted = 0"
PASSING = (
    "apiregistration.k8s.io", "controllerrevisions", "csinodes", "endpointslices", "events", "health", "k3s.cattle.io", "leases",
    "masterleases", "minions", "pods", "ranges", "replicasets", "services/endpoints",
)  # fmt: skip
"""Below /registry: what is a node's own, or what controllers make of the rest."""
OWN_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
"""What is in them k3s makes itself, from its manifests."""


def sqlite_version() -> str:
    """SQLite's; empty where Python has none."""
    return sqlite3.sqlite_version if sqlite3 is not None else ""


@contextmanager
def opened(path: str, live: bool, scratch: str) -> Iterator[sqlite3.Connection]:
    """To read it. One that nobody has open is looked at as it stands, or as a copy in ``scratch`` if it has a log: nothing is written beside it."""
    name = "file:" + quote(path)
    if live:
        with closing(sqlite3.connect(name + "?mode=ro", uri=True, timeout=30)) as base:
            yield base
    elif not os.path.exists(path + "-wal"):
        with closing(sqlite3.connect(name + "?mode=ro&immutable=1", uri=True)) as base:
            yield base
    else:
        try:
            os.mkdir(scratch, 0o700)
            for end in ("", "-wal"):
                shutil.copyfile(path + end, os.path.join(scratch, "db" + end))
            with closing(sqlite3.connect(os.path.join(scratch, "db"))) as base:
                yield base
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def kept_objects(path: str, live: bool, scratch: str, secret: bytes) -> dict[str, str]:
    """Key below /registry -> keyed digest, of the objects that people made. Failed when it cannot be read."""
    found = {}
    try:
        with opened(path, live, scratch) as base:
            for name, value in base.execute(NEWEST):
                if isinstance(name, str) and _counts(name):
                    found[name[len("/registry/") :]] = hashlib.blake2b(value, key=secret, digest_size=8).hexdigest()
    except sqlite3.Error as exc:
        raise Failed("{}: {}".format(path, exc))
    return found


def _counts(name: str) -> bool:
    if not name.startswith("/registry/") or set(name.split("/")).intersection(OWN_NAMESPACES):
        return False
    below = name[len("/registry/") :]
    return (
        not any(below == one or below.startswith(one + "/") for one in PASSING)
        and below != "services/specs/default/kubernetes"
    )


def nodes(path: str, live: bool, scratch: str) -> list[str]:
    """The names of the nodes that the cluster knows."""
    start = "/registry/minions/"
    try:
        with opened(path, live, scratch) as base:
            return sorted(name[len(start) :] for name, _ in base.execute(NEWEST) if str(name).startswith(start))
    except sqlite3.Error as exc:
        raise Failed("{}: {}".format(path, exc))


def copy_database(path: str, copy: str) -> None:
    """All of it as of one moment, while others go on writing (https://www.sqlite.org/backup.html)."""
    try:
        name = "file:" + quote(path) + "?mode=ro"
        with closing(sqlite3.connect(name, uri=True, timeout=30)) as base, closing(sqlite3.connect(copy)) as other:
            base.backup(other)
    except sqlite3.Error as exc:
        raise Failed("{}: {}".format(path, exc))
    os.chmod(copy, 0o600)


def forget_nodes(path: str, gone: list[str], renewed: list[str]) -> None:
    """In a copy that nobody has open: the nodes ``gone``, and the passwords of ``renewed``, which register themselves anew. It must be sound."""
    keys = ["/registry/secrets/kube-system/{}.node-password.k3s".format(name) for name in {*gone, *renewed}]
    for name in gone:
        keys += ["/registry/" + kind + name for kind in ("minions/", "csinodes/", "leases/kube-node-lease/")]
    try:
        with closing(sqlite3.connect(path)) as base:
            said = base.execute("PRAGMA quick_check").fetchone()[0]
            if said != "ok":
                raise Failed("{}: it is damaged: {}".format(path, said))
            with base:
                base.executemany("DELETE FROM kine WHERE name = ?", [(key,) for key in keys])
    except sqlite3.Error as exc:
        raise Failed("{}: {}".format(path, exc))
