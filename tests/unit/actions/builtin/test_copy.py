"""copy and template."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from hotdesk.actions.on_target.writing import back_up
from hotdesk.errors import ArgumentError, UndefinedError
from hotdesk.source import Vaulted
from hotdesk.variables.vault import Vault, encrypt
from tests.unit.actions.builtin.conftest import RunResult, tree


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_content_becomes_a_file(result: RunResult, tmp_path: Path) -> None:
    """content is written with the mode; the same again changes nothing."""
    dest = tmp_path / "x"
    done = await result("copy", content="hi\n", dest=dest, mode="0640")
    assert (done.changed, dest.read_text(), mode(dest)) == (True, "hi\n", 0o640)
    assert {
        "dest",
        "src",
        "checksum",
        "md5sum",
        "uid",
        "gid",
        "owner",
        "group",
        "mode",
        "state",
        "size",
    } <= done.data.keys()
    again = await result("copy", content="hi\n", dest=dest, mode="0640")
    assert not again.changed
    assert again.data["path"] == str(dest)


async def test_empty_content_makes_an_empty_file(result: RunResult, tmp_path: Path) -> None:
    """An empty text is content too."""
    assert (await result("copy", content="", dest=tmp_path / "x")).changed
    assert (tmp_path / "x").read_bytes() == b""


async def test_a_mapping_becomes_json(result: RunResult, tmp_path: Path) -> None:
    """content that is data is written as JSON."""
    await result("copy", content={"a": 1, "b": [1, 2]}, dest=tmp_path / "x")
    assert json.loads((tmp_path / "x").read_text()) == {"a": 1, "b": [1, 2]}


async def test_a_file_goes_into_a_directory(result: RunResult, tmp_path: Path) -> None:
    """dest that is a directory, or ends in a slash, gets the file's name; the files directory is searched."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a.sh").write_text("x")
    (tmp_path / "files/a.sh").chmod(0o755)
    (tmp_path / "there").mkdir()
    done = await result("copy", src="a.sh", dest=tmp_path / "there", mode="preserve")
    assert done.data["dest"] == str(tmp_path / "there/a.sh")
    assert mode(tmp_path / "there/a.sh") == 0o755
    assert (await result("copy", src="a.sh", dest=f"{tmp_path}/new/")).changed
    assert (tmp_path / "new/a.sh").exists()


async def test_only_attributes_differ(result: RunResult, tmp_path: Path) -> None:
    """A file that has the content but not the mode is changed without being written anew."""
    dest = tmp_path / "x"
    dest.write_text("hi")
    inode = dest.stat().st_ino
    done = await result("copy", content="hi", dest=dest, mode="0600")
    assert (done.changed, mode(dest), dest.stat().st_ino) == (True, 0o600, inode)


async def test_mode_and_owner_of_the_old_file_stay(result: RunResult, tmp_path: Path) -> None:
    """A file that is replaced keeps its mode when none is asked for."""
    dest = tmp_path / "x"
    dest.write_text("old")
    dest.chmod(0o604)
    await result("copy", content="new", dest=dest)
    assert mode(dest) == 0o604


async def test_a_backup_keeps_the_old_file(result: RunResult, tmp_path: Path) -> None:
    """backup leaves the old content under the name in the result."""
    dest = tmp_path / "x"
    dest.write_text("old")
    done = await result("copy", content="new", dest=dest, backup=True)
    assert (tmp_path / done.data["backup_file"]).read_text() == "old"


async def test_force_false_leaves_what_is_there(result: RunResult, tmp_path: Path) -> None:
    """force=false copies only what is missing."""
    dest = tmp_path / "x"
    dest.write_text("old")
    assert not (await result("copy", content="new", dest=dest, force=False)).changed
    assert dest.read_text() == "old"


async def test_validate_can_refuse(result: RunResult, tmp_path: Path) -> None:
    """A validation that fails leaves the old file and nothing else."""
    dest = tmp_path / "x"
    dest.write_text("old")
    before = tree(tmp_path)
    done = await result("copy", content="bad", dest=dest, validate="grep good %s")
    assert done.failed
    assert done.message == "failed to validate"
    assert tree(tmp_path) == before
    assert (await result("copy", content="good", dest=dest, validate="grep good %s")).changed


async def test_links_are_replaced_unless_followed(result: RunResult, tmp_path: Path) -> None:
    """A link at dest is replaced; with follow what it points to is written."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    await result("copy", content="new", dest=link, follow=True)
    assert (link.is_symlink(), target.read_text()) == (True, "new")
    await result("copy", content="newer", dest=link)
    assert (link.is_symlink(), target.read_text(), link.read_text()) == (False, "new", "newer")


async def test_the_checksum_of_the_source_is_checked(result: RunResult, tmp_path: Path) -> None:
    """A source that is not the one meant is not copied."""
    (tmp_path / "src").write_text("x")
    done = await result("copy", src=tmp_path / "src", dest=tmp_path / "dest", checksum="0" * 40)
    assert done.failed
    assert not (tmp_path / "dest").exists()


async def test_a_big_file_is_streamed(result: RunResult, tmp_path: Path) -> None:
    """A file too big for one call arrives whole, once, and leaves no temporary file."""
    body = os.urandom(700_000)
    (tmp_path / "src").write_bytes(body)
    there = tmp_path / "there"
    there.mkdir()
    assert (await result("copy", src=tmp_path / "src", dest=there / "x", mode="0600")).changed
    assert (there / "x").read_bytes() == body
    assert [path.name for path in there.iterdir()] == ["x"]
    assert not (await result("copy", src=tmp_path / "src", dest=there / "x")).changed


@pytest.mark.parametrize("slash", [False, True])
async def test_directories_are_copied(result: RunResult, tmp_path: Path, slash: bool) -> None:
    """A directory is copied itself, or with a slash its contents; the second time nothing changes."""
    source = tmp_path / "tree"
    (source / "deep").mkdir(parents=True)
    (source / "a").write_text("a")
    (source / "deep/b").write_text("b")
    (source / "link").symlink_to("a")
    dest = tmp_path / "dest"
    done = await result("copy", src=f"{source}{'/' if slash else ''}", dest=dest)
    top = dest if slash else dest / "tree"
    assert done.changed
    assert (top / "a").read_text() + (top / "deep/b").read_text() + (top / "link").read_text() == "aba"
    assert not (await result("copy", src=f"{source}{'/' if slash else ''}", dest=dest)).changed


async def test_links_to_nothing_and_to_what_holds_them_stay_links(result: RunResult, tmp_path: Path) -> None:
    """Also where links are followed: there is nothing, or no end, to copy."""
    source = tmp_path / "source"
    source.mkdir()
    for name, target in (("dead", "nothing"), ("itself", "itself"), ("up", "../source")):
        (source / name).symlink_to(target)
    await result("copy", src=source, dest=tmp_path / "dest")
    made = {link.name: str(link.readlink()) for link in (tmp_path / "dest" / "source").iterdir()}
    assert made == {"dead": "nothing", "itself": "itself", "up": "../source"}


async def test_links_in_a_tree_can_be_kept(result: RunResult, tmp_path: Path) -> None:
    """local_follow=false copies links as links."""
    source = tmp_path / "tree"
    source.mkdir()
    (source / "link").symlink_to("elsewhere")
    await result("copy", src=f"{source}/", dest=tmp_path / "dest", local_follow=False)
    assert (tmp_path / "dest/link").readlink() == Path("elsewhere")


async def test_a_directory_that_is_not_there_is_made_for_a_file_of_the_target(
    result: RunResult, tmp_path: Path
) -> None:
    """A destination that ends in a slash, with remote_src; not in check mode."""
    (tmp_path / "src").write_text("x")
    await result("copy", src=tmp_path / "src", dest=f"{tmp_path}/new/deep/", remote_src=True)
    assert (tmp_path / "new/deep/src").read_text() == "x"


async def test_remote_src_copies_on_the_spot(result: RunResult, tmp_path: Path) -> None:
    """With remote_src files and directories of the target are copied, modes kept on request."""
    (tmp_path / "src").write_text("x")
    (tmp_path / "src").chmod(0o751)
    done = await result("copy", src=tmp_path / "src", dest=tmp_path / "dest", remote_src=True, mode="preserve")
    assert (done.changed, mode(tmp_path / "dest")) == (True, 0o751)
    assert not (await result("copy", src=tmp_path / "src", dest=tmp_path / "dest", remote_src=True)).changed
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/e/f").write_text("f")
    assert (await result("copy", src=f"{tmp_path}/d", dest=tmp_path / "into", remote_src=True)).changed
    assert (tmp_path / "into/d/e/f").read_text() == "f"
    assert not (await result("copy", src=f"{tmp_path}/d", dest=tmp_path / "into", remote_src=True)).changed
    os.mkfifo(tmp_path / "pipe")
    pipe = await result("copy", src=tmp_path / "pipe", dest=tmp_path / "y", remote_src=True)
    assert pipe.message == f"Cannot copy invalid source '{tmp_path}/pipe': not a file"
    gone = await result("copy", src=tmp_path / "none", dest=tmp_path / "y", remote_src=True)
    assert gone.message == f"Source {tmp_path}/none not found"


async def test_a_missing_parent_is_named(result: RunResult, tmp_path: Path) -> None:
    """A directory that is not there is named in the failure."""
    done = await result("copy", content="x", dest=tmp_path / "none/x")
    assert done.failed
    assert done.message == f"Destination directory {tmp_path}/none does not exist"


async def test_a_missing_source_says_where_it_was_looked_for(result: RunResult, tmp_path: Path) -> None:
    """A source that is not there is an error naming the places."""
    with pytest.raises(ArgumentError, match="files/nope"):
        await result("copy", src="nope", dest=tmp_path / "x")


async def test_the_diff_shows_both_contents(result: RunResult, tmp_path: Path) -> None:
    """The diff has content before and after; of binary data a note."""
    dest = tmp_path / "x"
    dest.write_text("old\n")
    (diff,) = (await result("copy", content="new\n", dest=dest)).diff
    assert (diff.before, diff.after) == ("old\n", "new\n")
    assert (diff.before_header, diff.after_header) == (str(dest), str(dest))
    dest.write_bytes(b"\0\1")
    (diff,) = (await result("copy", content="new\n", dest=dest)).diff
    assert diff.before == "(binary)\n"
    assert (await result("copy", content="newer\n", dest=dest, _diff=False)).diff == ()


@pytest.mark.parametrize(
    "args",
    [
        {"content": "new", "dest": "old", "backup": True},
        {"content": "new", "dest": "fresh", "mode": "0600"},
        {"src": "big", "dest": "old"},
        {"src": "tree", "dest": "fresh"},
        {"src": "tree", "dest": "fresh", "remote_src": True},
        {"src": "big", "dest": "old", "remote_src": True},
    ],
)
async def test_check_mode_changes_nothing(result: RunResult, tmp_path: Path, args: dict[str, str]) -> None:
    """Each way to copy says changed in check mode and leaves everything as it was."""
    (tmp_path / "old").write_text("old")
    (tmp_path / "big").write_bytes(b"x" * 300_000)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/a").write_text("a")
    before = tree(tmp_path)
    given = {key: tmp_path / value if key in ("dest", "src") else value for key, value in args.items()}
    done = await result("copy", check=True, **given)
    assert done.changed
    assert tree(tmp_path) == before


async def test_a_template_is_rendered_here(result: RunResult, tmp_path: Path) -> None:
    """template renders with the host's variables and puts the text, and the second time changes nothing."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/conf.j2").write_text("{% for n in names %}\n{{ n }}\n{% endfor %}\n")
    done = await result("template", src="conf.j2", dest=f"{tmp_path}/", mode="0600", _variables={"names": ["a", "b"]})
    assert (done.changed, (tmp_path / "conf.j2").read_text()) == (True, "a\nb\n")
    again = await result("template", src="conf.j2", dest=f"{tmp_path}/", _variables={"names": ["a", "b"]})
    assert not again.changed


async def test_a_template_has_its_options(result: RunResult, tmp_path: Path) -> None:
    """Delimiters and the newline can be chosen."""
    (tmp_path / "t.j2").write_text("[[ x ]]\n{{ y }}\n")
    await result(
        "template",
        src="t.j2",
        dest=tmp_path / "out",
        variable_start_string="[[",
        variable_end_string="]]",
        newline_sequence="\\r\\n",
        _variables={"x": 5},
    )
    assert (tmp_path / "out").read_bytes() == b"5\r\n{{ y }}\r\n"


async def test_an_undefined_name_in_a_template_is_an_error(result: RunResult, tmp_path: Path) -> None:
    """A name that is not defined stops the template before anything is written."""
    (tmp_path / "t.j2").write_text("{{ nope }}\n")
    with pytest.raises(UndefinedError, match="nope"):
        await result("template", src="t.j2", dest=tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_a_vaulted_source_is_decrypted(result: RunResult, tmp_path: Path) -> None:
    """A vaulted file is what the vault holds at the target, or as it stands with decrypt=false."""

    async def render(value: Any, extra: dict[str, Any] | None = None) -> str:
        assert isinstance(value, Vaulted)
        return Vault([("default", b"secret")]).decrypt(value.ciphertext).decode()

    (tmp_path / "src").write_text(encrypt(b"clear\n", b"secret"))
    await result("copy", src=tmp_path / "src", dest=tmp_path / "dest", _render=render)
    assert (tmp_path / "dest").read_text() == "clear\n"
    await result("copy", src=tmp_path / "src", dest=tmp_path / "dest", decrypt=False)
    assert (tmp_path / "dest").read_text().startswith("$ANSIBLE_VAULT")


def test_backups_of_one_second_have_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tasks change the same file, in one process and in no time."""
    monkeypatch.setattr(time, "strftime", lambda _form: "now")
    (tmp_path / "f").write_text("content")
    assert back_up(str(tmp_path / "f")) != back_up(str(tmp_path / "f"))


def test_a_backup_goes_through_no_planted_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name can be guessed; what stands there already is not written."""
    monkeypatch.setattr(time, "strftime", lambda _form: "now")
    monkeypatch.setattr(os, "urandom", lambda _size: b"\x07")
    (tmp_path / "f").write_text("content")
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "f.7.now~").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        back_up(str(tmp_path / "f"))
    assert (tmp_path / "victim").read_text() == "mine"


async def test_a_large_file_replaces_a_planted_link(result: RunResult, tmp_path: Path) -> None:
    """Nothing is put, not even for a moment, where the link leads."""
    (tmp_path / "big").write_bytes(b"x" * 300_000)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/victim").write_text("mine")
    (tmp_path / "dest").symlink_to(tmp_path / "elsewhere/victim")
    before = (tmp_path / "elsewhere").stat().st_mtime_ns
    done = await result("copy", src=str(tmp_path / "big"), dest=str(tmp_path / "dest"))
    assert done.changed
    assert not (tmp_path / "dest").is_symlink()
    assert (tmp_path / "elsewhere/victim").read_text() == "mine"
    assert (tmp_path / "elsewhere").stat().st_mtime_ns == before
