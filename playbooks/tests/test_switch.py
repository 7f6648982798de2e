"""Is every PC's directory the same as the source's, by content and by metadata? Run by ``hotdesk_verify`` in switch.yml.

``host`` is the PC under test, ``source`` the one that the play copied from, ``variables`` the host's variables.
"""

from __future__ import annotations

import json
from typing import Any

PARTS = ("type", "mode", "uid", "gid", "size", "time", "link", "hard links", "attributes", "content")
LISTING = r"""
import hashlib, json, os, stat, sys

def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            block = file.read(1 << 20)
            if not block:
                return total.hexdigest()
            total.update(block)

def attributes(path):
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
        return [[name, os.getxattr(path, name, follow_symlinks=False).hex()] for name in names]
    except OSError:
        return []

def entry(path, relative, groups):
    state = os.lstat(path)
    kind = stat.S_IFMT(state.st_mode)
    file = kind == stat.S_IFREG
    group = groups.setdefault((state.st_dev, state.st_ino), relative) if file and state.st_nlink > 1 else ""
    return [
        kind, stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid, state.st_size if file else 0, int(state.st_mtime),
        os.fsdecode(os.readlink(path)) if kind == stat.S_IFLNK else "", group, attributes(path), digest(path) if file else "",
    ]

def skipped(relative, name, skip):
    own = name == b".hotdesk-partial" or (relative + b"/").endswith((b".local/state/hotdesk/", b".cache/hotdesk/"))
    return own or relative in skip

top = os.fsencode(sys.argv[1])
skip = {os.fsencode(path) for path in sys.argv[2:]}
found, groups = {}, {}
for folder, folders, files in os.walk(top):
    for name in sorted(folders + files):
        relative = os.path.relpath(os.path.join(folder, name), top)
        if skipped(relative, name, skip):
            if name in folders:
                folders.remove(name)
            continue
        found[ascii(relative)] = entry(os.path.join(folder, name), ascii(relative), groups)
    folders.sort()
print(json.dumps(found))
"""


def listing(host: Any, root: str, skip: list[str]) -> dict[str, list[Any]]:
    """Name -> what there is, as that PC sees it."""
    arguments = " ".join(host.backend.quote("%s", path) for path in [root, *skip])
    done = host.run(f"python3 -c %s {arguments}", LISTING)
    assert done.rc == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def test_the_directory_is_the_same_as_on_the_source(host: Any, source: Any, variables: Any) -> None:
    """Every entry is there, nothing else is, and each agrees in all its parts."""
    skip = list(variables["switch_exclude"])
    wanted = listing(source, variables["switch_source_home"], skip)
    found = listing(host, variables["switch_home"], skip)
    assert sorted(set(wanted) - set(found))[:10] == [], "missing"
    assert sorted(set(found) - set(wanted))[:10] == [], "too many"
    differing = {
        name: [part for part, ours, theirs in zip(PARTS, found[name], wanted[name], strict=True) if ours != theirs]
        for name in wanted
        if found[name] != wanted[name]
    }
    assert dict(list(differing.items())[:10]) == {}


def test_nothing_is_left_half_done(host: Any, variables: Any) -> None:
    """No half-received file waits to be resumed."""
    done = host.run("find %s -name .hotdesk-partial -prune -print -quit", variables["switch_home"])
    assert done.rc == 0, done.stderr
    assert done.stdout == ""
