"""Trees to mirror, and a listing to compare them by: everything that must be the same on both PCs."""

# ruff: noqa: PTH115, PTH118

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any


def listing(root: Path, *, skip: tuple[bytes, ...] = ()) -> dict[bytes, tuple[Any, ...]]:
    """Relative name -> type, mode, uid, gid, size, mtime, link target, xattrs (ACLs are among them), link group, sha256."""
    top = os.fsencode(root)
    found: dict[bytes, tuple[Any, ...]] = {}
    groups: dict[tuple[int, int], bytes] = {}
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, top)
            if relative.startswith(skip) if skip else False:
                continue
            state = os.lstat(path)
            group = b""
            if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
                group = groups.setdefault((state.st_dev, state.st_ino), relative)
            found[relative] = (
                stat.S_IFMT(state.st_mode),
                stat.S_IMODE(state.st_mode),
                state.st_uid,
                state.st_gid,
                0 if stat.S_ISDIR(state.st_mode) else state.st_size,
                state.st_mtime_ns,
                os.readlink(path) if stat.S_ISLNK(state.st_mode) else b"",
                xattrs(path),
                group,
                hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest() if stat.S_ISREG(state.st_mode) else "",
            )
    return found


def xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    try:
        return tuple(
            (name, os.getxattr(path, name, follow_symlinks=False))
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        )
    except OSError:
        return ()


def ctimes(root: Path) -> dict[str, int]:
    """Relative name -> change time: what a run that changes nothing leaves alone."""
    return {str(path.relative_to(root)): path.lstat().st_ctime_ns for path in [root, *root.rglob("*")]}


def everyday(root: Path) -> None:
    """A small home directory: nested folders, dotfiles, symlinks, hard links, a fifo, a sparse file, odd names."""
    (root / "documents" / "deep" / "er").mkdir(parents=True)
    (root / "documents" / "letter.txt").write_text("dear all\n")
    (root / "documents" / "deep" / "er" / "note").write_bytes(os.urandom(3000))
    (root / ".config").mkdir()
    (root / ".config" / "tool.conf").write_text("a = 1\n")
    (root / ".config" / "tool.conf").chmod(0o600)
    (root / "link").symlink_to("documents/letter.txt")
    (root / "dangling").symlink_to("nowhere -> at // all")
    os.link(root / "documents" / "letter.txt", root / "same letter")
    os.mkfifo(root / "fifo")
    with (root / "sparse").open("wb") as file:
        file.truncate(50_000_000)
        file.write(b"start")
    for name in (
        b"new\nline",
        b"raw \xff byte",
        b"tab\there",
        b"a -> b",
        b"{{ lookup('pipe', 'id') }}",
        b"back\\#123slash",
        b"  spaces ",
    ):
        Path(os.fsdecode(os.path.join(os.fsencode(root), name))).write_bytes(name)
    age(root)


def age(root: Path) -> None:
    """Put all times into the past, with nanoseconds: rsync takes a time within the same second for the same."""
    for number, path in enumerate(sorted([root, *root.rglob("*")], reverse=True)):
        os.utime(path, ns=(1_600_000_000_123_456_789 + number * 1_000_000_001,) * 2, follow_symlinks=False)
