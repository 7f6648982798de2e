from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from hotdesk.demo.home import build_home

if TYPE_CHECKING:
    from pathlib import Path


def digest(top: Path) -> str:
    """Of every name, kind, mode and content below ``top``."""
    total = hashlib.sha256()
    for folder, names, files in sorted(os.walk(os.fsencode(top))):
        for name in sorted(names + files):
            path = os.path.join(folder, name)  # noqa: PTH118 - bytes
            total.update(path[len(os.fsencode(top)) :] + b"\0" + oct(os.lstat(path).st_mode).encode())
            if os.path.islink(path):  # noqa: PTH114
                total.update(os.readlink(path))  # noqa: PTH115
            elif name in files:
                with open(path, "rb") as file:  # noqa: PTH123
                    total.update(file.read())
    return total.hexdigest()


def test_the_home_is_the_same_every_time(tmp_path: Path) -> None:
    """Two builds, and a build over an older one, give the same tree."""
    build_home(tmp_path / "a", big_file=3_000_000)
    build_home(tmp_path / "b", big_file=3_000_000)
    first = digest(tmp_path / "a")
    assert digest(tmp_path / "b") == first
    build_home(tmp_path / "b", big_file=3_000_000)
    assert digest(tmp_path / "b") == first


def test_the_home_has_what_breaks_naive_tools(tmp_path: Path) -> None:
    """Names with newlines and non-UTF-8 bytes, links of all kinds, private modes, about 3,000 files."""
    count = build_home(tmp_path, big_file=0)
    odd = {os.fsencode(path.name) for path in (tmp_path / "Documents" / "odd names").iterdir()}
    assert b"new\nline.txt" in odd
    assert b"latin-\xe9\xff.txt" in odd
    assert (tmp_path / "Pictures/favourites/best_0.jpg").stat().st_nlink == 2
    assert (tmp_path / "Documents/dangling").is_symlink()
    assert (tmp_path / ".ssh").stat().st_mode & 0o777 == 0o700
    assert 2800 < count < 3300


def test_the_big_file_takes_its_space(tmp_path: Path) -> None:
    """It is neither sparse nor made of equal blocks."""
    build_home(tmp_path, big_file=5_000_000)
    big = tmp_path / "Videos/holiday.mkv"
    assert big.stat().st_size == 5_000_000
    assert big.stat().st_blocks * 512 >= 5_000_000
    data = big.read_bytes()
    blocks = {data[start : start + 4096] for start in range(0, len(data), 4096)}
    assert len(blocks) == -(-len(data) // 4096)
