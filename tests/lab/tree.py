"""A listing of everything rsync must keep: run on a PC as root, prints JSON. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any


def paths(root: bytes) -> list[bytes]:
    """The root and everything below it."""
    found = [root]
    for directory, names, files in os.walk(root):
        found += [directory + b"/" + name for name in names + files]
    return found


def listing(root: bytes) -> dict[str, Any]:
    """Path -> type, mode, owner, size, mtime, link target, xattrs (ACLs are some), sha256, the paths of its link group."""
    found = {os.fsdecode(os.path.relpath(path, root)): entry(path) for path in paths(root)}
    groups: dict[str, list[str]] = {}
    for relative in sorted(found):
        groups.setdefault(found[relative].pop("inode"), []).append(relative)
    for members in groups.values():
        for relative in members:
            found[relative]["links"] = members if len(members) > 1 else []
    return found


def entry(path: bytes) -> dict[str, Any]:
    """One path."""
    info = os.lstat(path)
    kind = stat.S_IFMT(info.st_mode)
    regular = kind == stat.S_IFREG
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return {
        "type": kind,
        "mode": stat.S_IMODE(info.st_mode),
        "owner": [info.st_uid, info.st_gid],
        "size": info.st_size if regular else 0,
        "mtime": info.st_mtime_ns,
        "target": str(Path(os.fsdecode(path)).readlink()) if kind == stat.S_IFLNK else "",
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names},
        "sha256": sha256(path) if regular else "",
        "sparse": regular and info.st_size > 1 << 20 and info.st_blocks * 512 < info.st_size // 2,
        "inode": f"{info.st_dev}:{info.st_ino}" if kind != stat.S_IFDIR else f"directory:{os.fsdecode(path)}",
    }


def sha256(path: bytes) -> str:
    """The file's hash."""
    digest = hashlib.sha256()
    with Path(os.fsdecode(path)).open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


if __name__ == "__main__":
    top = os.fsencode(sys.argv[2])
    if sys.argv[1] == "ctimes":
        print(json.dumps({os.fsdecode(path): os.lstat(path).st_ctime_ns for path in paths(top)}))
    else:
        print(json.dumps(listing(top), sort_keys=True))
