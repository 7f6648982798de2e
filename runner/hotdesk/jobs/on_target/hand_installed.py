"""What somebody has put into /opt and /usr/local by hand, and which installations were begun and not finished. Python 3.8 or newer."""

from __future__ import annotations

import fcntl
import json
import os

from hotdesk.jobs.on_target.etc_files import owned

TOPS = ("/opt", "/usr/local", *("/usr/local/" + name for name in ("bin", "sbin", "lib", "games", "src")))
"""Folders whose entries are installed things."""
SKELETON = {"/usr/local/" + name for name in ("bin", "etc", "games", "include", "lib", "man", "sbin", "share", "src")}
"""What every PC has (Debian's base-files)."""
BEGUN = "/var/lib/hotdesk/manual.json"
ADMIN = "/var/lib/dpkg"


def trees(root: str = "/", admin: str = ADMIN) -> dict[str, list[str] | None]:
    """path -> names of the folders in it, when it is a folder with nothing else in it; None: a file, a link, or a folder with files.

    Left out: what every PC has, what a package has brought, and folders with no file in them.
    """
    found = {}  # type: dict[str, list[str] | None]
    packaged = owned(admin, "/opt") | owned(admin, "/usr/local")
    for top in TOPS:
        here = os.path.join(root, top.lstrip("/"))
        try:
            names = sorted(os.listdir(here))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            path, whole = top + "/" + name, os.path.join(here, name)
            if path in SKELETON or path in packaged or not _holds_something(whole):
                continue
            found[path] = _only_folders(whole)
    return found


def _holds_something(path: str) -> bool:
    if os.path.islink(path) or not os.path.isdir(path):
        return True
    walk = os.walk(path)
    return any(
        names or any(os.path.islink(os.path.join(top, name)) for name in folders) for top, folders, names in walk
    )


def _only_folders(path: str) -> list[str] | None:
    if os.path.islink(path) or not os.path.isdir(path):
        return None
    entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    return [e.name for e in entries] if all(e.is_dir(follow_symlinks=False) for e in entries) else None


def begun(path: str = BEGUN) -> dict[str, str]:
    """item -> the run that began to install it and did not see it done."""
    try:
        with open(path, encoding="utf-8") as stream:
            return {str(item): str(run) for item, run in json.load(stream).items()}
    except FileNotFoundError:
        return {}


def remember(item: str, run: str, path: str = BEGUN) -> None:
    """Remember that ``run`` begins to install ``item``; an empty ``run``: it is done. On the disk when this returns."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = {**begun(path), item: run}
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump({each: of for each, of in now.items() if of}, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(path + ".new", path)
