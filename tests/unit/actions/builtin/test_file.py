"""file: every state, in earnest and as a preview."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.unit.actions.builtin.conftest import RunResult, tree


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def test_a_directory_is_made_with_its_parents(result: RunResult, tmp_path: Path) -> None:
    """state=directory makes every missing directory with the mode, and the second time nothing."""
    path = tmp_path / "a/b"
    done = await result("file", path=path, state="directory", mode="0750")
    assert done.changed
    assert (mode(path), mode(path.parent), done.data["state"], done.data["mode"]) == (0o750, 0o750, "directory", "0750")
    again = await result("file", path=path, state="directory", mode="0750")
    assert not again.changed


async def test_recurse_reaches_what_is_below(result: RunResult, tmp_path: Path) -> None:
    """recurse sets symbolic modes below; X gives x to directories and to what has it."""
    inner = tmp_path / "top/inner"
    inner.mkdir(parents=True)
    (inner / "plain").touch(mode=0o600)
    done = await result("file", path=tmp_path / "top", state="directory", mode="u=rwX,go=rX", recurse=True)
    assert done.changed
    assert (mode(inner), mode(inner / "plain")) == (0o755, 0o644)
    assert not (
        await result("file", path=tmp_path / "top", state="directory", mode="u=rwX,go=rX", recurse=True)
    ).changed


async def test_touch_renews_and_preserves(result: RunResult, tmp_path: Path) -> None:
    """touch makes a file and is always a change, unless both times are preserved."""
    path = tmp_path / "x"
    assert (await result("file", path=path, state="touch", mode="0600")).changed
    assert mode(path) == 0o600
    os.utime(path, (1000, 1000))
    assert (await result("file", path=path, state="touch")).changed
    assert path.stat().st_mtime > 1000
    done = await result("file", path=path, state="touch", modification_time="preserve", access_time="preserve")
    assert not done.changed
    done = await result("file", path=path, state="touch", modification_time="202001020304.05", access_time="preserve")
    assert done.changed
    assert not (
        await result("file", path=path, state="touch", modification_time="202001020304.05", access_time="preserve")
    ).changed


async def test_links_are_made_and_changed(result: RunResult, tmp_path: Path) -> None:
    """link makes a symbolic link, changes where it points, and wants its source unless forced."""
    source, link = tmp_path / "source", tmp_path / "link"
    source.touch()
    done = await result("file", src=source, path=link, state="link")
    assert (done.changed, link.readlink(), done.data["dest"], done.data["src"]) == (
        True,
        source,
        str(link),
        str(source),
    )
    assert not (await result("file", src=source, path=link, state="link")).changed
    missing = await result("file", src=tmp_path / "none", path=link, state="link")
    assert missing.failed
    assert "src file does not exist" in missing.message
    assert (await result("file", src="none", path=link, state="link", force=True)).changed
    assert link.readlink() == Path("none")


async def test_a_file_does_not_become_a_link_unasked(result: RunResult, tmp_path: Path) -> None:
    """A file in the way is refused without force and replaced with it; a full directory stays without force."""
    source, path = tmp_path / "source", tmp_path / "path"
    source.touch()
    path.write_text("mine")
    refused = await result("file", src=source, path=path, state="link")
    assert refused.failed
    assert "refusing to convert from file to symlink" in refused.message
    assert (await result("file", src=source, path=path, state="link", force=True)).changed
    full = tmp_path / "full"
    (full / "x").mkdir(parents=True)
    assert (await result("file", src=source, path=full, state="link")).failed


async def test_hard_links(result: RunResult, tmp_path: Path) -> None:
    """hard makes a second name of the file."""
    source, path = tmp_path / "source", tmp_path / "path"
    source.write_text("x")
    assert (await result("file", src=source, path=path, state="hard")).changed
    assert path.samefile(source)
    assert not (await result("file", src=source, path=path, state="hard")).changed


async def test_absent_removes_anything(result: RunResult, tmp_path: Path) -> None:
    """absent removes a tree, a link but not what it points to, and is content when there is nothing."""
    keep, link = tmp_path / "keep", tmp_path / "link"
    (keep / "inner").mkdir(parents=True)
    link.symlink_to(keep)
    assert (await result("file", path=link, state="absent")).changed
    assert keep.exists()
    assert (await result("file", path=keep, state="absent")).changed
    done = await result("file", path=keep, state="absent")
    assert (done.changed, done.data["state"], done.data["path"]) == (False, "absent", str(keep))


async def test_attributes_alone(result: RunResult, tmp_path: Path) -> None:
    """Without a state the attributes of what is there are set; nothing there is an error."""
    path = tmp_path / "x"
    path.touch(mode=0o644)
    done = await result("file", path=path, mode="u=rw,g=,o=")
    assert (done.changed, mode(path)) == (True, 0o600)
    assert '"mode": "0644"' in done.diff[0].before
    assert '"mode": "0600"' in done.diff[0].after
    gone = await result("file", path=tmp_path / "none", mode="0600")
    assert gone.failed
    assert "is absent, cannot continue" in gone.message


async def test_follow_chooses_link_or_target(result: RunResult, tmp_path: Path) -> None:
    """With follow the mode goes to what the link points to, without it the target stays as it is."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.touch(mode=0o644)
    link.symlink_to(target)
    await result("file", path=link, state="file", mode="0600")
    assert mode(target) == 0o600
    await result("file", path=link, src=target, state="link", mode="0640", follow=False)
    assert mode(target) == 0o600


@pytest.mark.parametrize(
    "args",
    [
        {"path": "new", "state": "directory"},
        {"path": "new", "state": "touch"},
        {"path": "new", "state": "link", "src": "old"},
        {"path": "new", "state": "hard", "src": "old"},
        {"path": "old", "state": "absent"},
        {"path": "old", "mode": "0600"},
        {"path": "dir", "state": "directory", "mode": "0700", "recurse": True},
        {"path": "dir", "state": "absent"},
    ],
)
async def test_check_mode_changes_nothing(result: RunResult, tmp_path: Path, args: dict[str, str]) -> None:
    """Each state in check mode says changed and leaves everything as it was."""
    (tmp_path / "old").touch(mode=0o644)
    (tmp_path / "dir/inner").mkdir(parents=True)
    before = tree(tmp_path)
    given = {key: tmp_path / value if key in ("path", "src") else value for key, value in args.items()}
    done = await result("file", check=True, **given)
    assert done.changed
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"mode": "u=qq"}, "mode must be in octal or symbolic form"),
        ({"owner": "no-such-user"}, "failed to look up user no-such-user"),
        ({"group": "no-such-group"}, "failed to look up group no-such-group"),
        ({"recurse": True}, "recurse option requires state to be 'directory'"),
        ({"state": "directory"}, "already exists as a file"),
    ],
)
async def test_refusals_say_why(result: RunResult, tmp_path: Path, args: dict[str, str], message: str) -> None:
    """What cannot be done is refused in words."""
    path = tmp_path / "x"
    path.touch()
    done = await result("file", path=path, **args)
    assert done.failed
    assert message in done.message
