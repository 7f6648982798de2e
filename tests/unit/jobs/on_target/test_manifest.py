"""What was changed in a directory since the last sync, by the manifest that the sync left there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target import manifest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of three files and a link; what hotdesk keeps is beside it."""
    monkeypatch.setenv("HOTDESK_LOCKS", str(tmp_path / "own"))
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c\n"):
        (top / name).write_text(name)
    (top / "link").symlink_to("a")
    return top


def changed(top: Path, *names: str) -> dict[str, str]:
    found = manifest.changed(str(top), b"\0".join(map(os.fsencode, names)))
    return dict(zip(names, found, strict=True))


def older(path: Path) -> None:
    """Another time, the same content."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - 10**9))


def test_without_a_manifest_nothing_is_known(top: Path) -> None:
    """The first sync claims nothing; a plain play begins none."""
    assert changed(top, "a", "gone") == {"a": "", "gone": ""}
    assert manifest.keep(str(top), "run-1", b"a", begin=False) == 0
    assert changed(top, "a") == {"a": ""}


def test_what_was_changed_or_came_up_since_is_told(top: Path) -> None:
    """Also a link that points elsewhere, and a name with a newline; not what is gone."""
    assert manifest.keep(str(top), "run-1", b"a\0gone") == 4
    (top / "a").write_text("longer")
    older(top / "sub/c\n")
    (top / "link").unlink()
    (top / "link").symlink_to("elsewhere")
    (top / "new").write_text("")
    (top / "b").unlink()
    assert changed(top, "a", "b", "sub/c\n", "link", "new", "never") == {
        "a": "changed",
        "b": "",
        "sub/c\n": "changed",
        "link": "changed",
        "new": "new",
        "never": "",
    }


def test_a_new_time_alone_is_no_change(top: Path) -> None:
    """Of what a run has written the content is known; also when somebody puts the old content back."""
    manifest.keep(str(top), "run-1", b"a")
    older(top / "a")
    assert changed(top, "a") == {"a": ""}
    (top / "a").write_text("b")
    assert changed(top, "a") == {"a": "changed"}


def test_only_what_a_run_has_done_is_noted_anew(top: Path) -> None:
    """What was left alone is told again next time."""
    manifest.keep(str(top), "run-1")
    (top / "a").write_text("mine")
    (top / "b").write_text("theirs")
    (top / "sub/c\n").unlink()
    assert manifest.keep(str(top), "run-2", b"b\0sub/c\n") == 3
    assert changed(top, "a", "b") == {"a": "changed", "b": ""}


def test_what_a_source_has_counts_once_the_run_ended_well(top: Path) -> None:
    """And is noted once in a run, however many targets there are."""
    manifest.keep(str(top), "run-1")
    (top / "a").write_text("pushed")
    assert manifest.take(str(top), "run-2")
    assert changed(top, "a") == {"a": "changed"}
    manifest.settle(str(top))
    assert changed(top, "a") == {"a": ""}
    assert not manifest.take(str(top), "run-2")
    assert not manifest.take(str(top), "run-3", renew=False)
    manifest.settle(str(top))


def test_a_tree_beyond_the_bound_claims_no_new_files(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not noted may have been there."""
    monkeypatch.setattr(manifest, "MOST", 2)
    assert manifest.keep(str(top), "run-1") == 3
    (top / "new").write_text("")
    assert changed(top, "new") == {"new": ""}
    assert manifest.keep(str(top), "run-2", b"new") == 3


def test_a_broken_manifest_is_none(top: Path, tmp_path: Path) -> None:
    """The next sync writes it again."""
    manifest.keep(str(top), "run-1")
    next((tmp_path / "own/manifests").iterdir()).write_bytes(b"\x1f\x8b?")
    (top / "a").write_text("longer")
    assert changed(top, "a") == {"a": ""}


def test_a_manifest_is_of_one_directory_and_of_its_user(top: Path, tmp_path: Path) -> None:
    """Another tree has its own; nobody else can read it."""
    manifest.keep(str(top), "run-1")
    assert changed(top / "sub", "c\n") == {"c\n": ""}
    file = next((tmp_path / "own/manifests").iterdir())
    assert file.stat().st_mode & 0o077 == 0


def test_a_copy_beside_never_covers_another(top: Path) -> None:
    """With its mode and time; a link is copied as a link."""
    (top / "a").chmod(0o640)
    older(top / "a")
    first = manifest.beside(str(top), "vega-1", b"a\0link")
    second = manifest.beside(str(top), "vega-1", b"a")
    assert [name.rpartition("/")[2] for name in (*first, *second)] == [
        "a.hotdesk-conflict-vega-1",
        "link.hotdesk-conflict-vega-1",
        "a.hotdesk-conflict-vega-1-2",
    ]
    copy = top / "a.hotdesk-conflict-vega-1"
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == ("a", 0o640)
    assert copy.stat().st_mtime_ns == (top / "a").stat().st_mtime_ns
    assert (top / "link.hotdesk-conflict-vega-1").readlink().name == "a"
