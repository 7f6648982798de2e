from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.snapshots.on_target.differences import _start, walk

if TYPE_CHECKING:
    from pathlib import Path


def test_every_kind_of_difference_is_found(tmp_path: Path) -> None:
    """New, gone (with all below), other content, other kind, other mode; what is the same is not told."""
    old, new = tmp_path / "old", tmp_path / "new"
    for tree in (old, new):
        (tree / "deep/er").mkdir(parents=True)
        for name in ("same", "content", "mode", "kind", "deep/er/grown"):
            (tree / name).write_text("x")
            os.utime(tree / name, (1, 1))
        (tree / "link").symlink_to("same")
        os.utime(tree / "link", (1, 1), follow_symlinks=False)
    (old / "gone").mkdir()
    (old / "gone/inner").write_text("")
    (new / "new").write_text("")
    (new / "content").write_text("yy")
    (new / "deep/er/grown").write_text("xx")
    (new / "mode").chmod(0o600)
    (old / "mode").chmod(0o644)
    (new / "kind").unlink()
    (new / "kind").mkdir()
    found = {path: (mark, detail) for mark, path, detail in walk(str(old), str(new), "/home")}
    link = found.pop("/home/link")
    assert link[0] == "."  # two links are never the same inode here; in snapshots they are
    assert found == {
        "/home/gone": ("-", ""),
        "/home/gone/inner": ("-", ""),
        "/home/new": ("+", ""),
        "/home/content": ("*", "1 -> 2 bytes"),
        "/home/deep/er/grown": ("*", "1 -> 2 bytes"),
        "/home/mode": (".", "mode 644 -> 600"),
        "/home/kind": ("*", "file -> directory"),
    }


@pytest.mark.parametrize(
    ("mount", "below", "start"),
    [
        ("/", "/", ""),
        ("/home", "/", ""),
        ("/", "/etc/ssh", "etc/ssh"),
        ("/home", "/home/anna", "anna"),
        ("/home", "/etc", None),
        ("/home", "/homes", None),
    ],
)
def test_a_path_is_looked_for_in_the_subvolumes_it_touches(mount: str, below: str, start: str | None) -> None:
    """Where a comparison begins in the subvolume of ``mount``."""
    assert _start(mount, below) == start
