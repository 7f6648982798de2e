"""stat, slurp, fetch and ping."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from hotdesk.errors import ArgumentError, TaskError
from tests.unit.actions.builtin.conftest import RunResult, tree

if TYPE_CHECKING:
    from pathlib import Path


async def test_stat_of_a_file(result: RunResult, tmp_path: Path) -> None:
    """stat has type, permissions, owner and checksum."""
    path = tmp_path / "x"
    path.write_text("hi")
    path.chmod(0o640)
    known = (await result("stat", path=path)).data["stat"]
    assert known["exists"]
    assert (known["isreg"], known["isdir"], known["mode"], known["size"]) == (True, False, "0640", 2)
    assert known["checksum"] == hashlib.sha1(b"hi").hexdigest()
    other = (await result("stat", path=path, checksum_algorithm="sha256", get_mime=False, get_attributes=False)).data[
        "stat"
    ]
    assert other["checksum"] == hashlib.sha256(b"hi").hexdigest()
    assert "mimetype" not in other
    assert "checksum" not in (await result("stat", path=path, get_checksum=False)).data["stat"]


async def test_stat_of_links_and_of_nothing(result: RunResult, tmp_path: Path) -> None:
    """A link is looked at itself, with follow through it; nothing there is exists: false."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("dir")
    known = (await result("stat", path=tmp_path / "link")).data["stat"]
    assert (known["islnk"], known["lnk_target"], known["lnk_source"]) == (True, "dir", str(tmp_path / "dir"))
    assert (await result("stat", path=tmp_path / "link", follow=True)).data["stat"]["isdir"]
    assert (await result("stat", path=tmp_path / "none")).data["stat"] == {"exists": False}


async def test_slurp_reads(result: RunResult, tmp_path: Path) -> None:
    """slurp gives base64, or says what is wrong."""
    (tmp_path / "x").write_bytes(b"\0\xff")
    done = await result("slurp", src=tmp_path / "x")
    assert base64.b64decode(done.data["content"]) == b"\0\xff"
    assert (await result("slurp", src=tmp_path / "none")).message == f"File not found: {tmp_path}/none"
    assert "directory" in (await result("slurp", src=tmp_path)).message


async def test_fetch_puts_files_by_host(result: RunResult, tmp_path: Path) -> None:
    """A fetched file is at DEST/HOST/PATH; the second time nothing changes."""
    source = tmp_path / "src"
    source.write_bytes(os.urandom(300_000))
    done = await result("fetch", src=source, dest=tmp_path / "got")
    there = tmp_path / f"got/vega{source}"
    assert (done.changed, done.data["dest"], there.read_bytes()) == (True, str(there), source.read_bytes())
    assert done.data["checksum"] == done.data["remote_checksum"]
    assert [path.name for path in there.parent.iterdir()] == ["src"]
    again = await result("fetch", src=source, dest=tmp_path / "got")
    assert not again.changed


async def test_fetch_flat(result: RunResult, tmp_path: Path) -> None:
    """flat leaves host and directories out; a directory without a slash is refused."""
    (tmp_path / "src").write_text("x")
    await result("fetch", src=tmp_path / "src", dest=f"{tmp_path}/flat/", flat=True)
    assert (tmp_path / "flat/src").read_text() == "x"
    with pytest.raises(ArgumentError, match="existing directory"):
        await result("fetch", src=tmp_path / "src", dest=tmp_path / "flat", flat=True)


async def test_fetch_of_what_is_not_there(result: RunResult, tmp_path: Path) -> None:
    """A missing file fails, unless that is allowed; directories are refused."""
    assert "does not exist" in (await result("fetch", src=tmp_path / "none", dest=tmp_path)).message
    allowed = await result("fetch", src=tmp_path / "none", dest=tmp_path, fail_on_missing=False)
    assert not allowed.failed
    assert not allowed.changed
    assert "directories" in (await result("fetch", src=tmp_path, dest=tmp_path / "x")).message


async def test_fetch_writes_nothing_in_check_mode(result: RunResult, tmp_path: Path) -> None:
    """In check mode fetch is skipped, as with Ansible."""
    (tmp_path / "src").write_text("x")
    before = tree(tmp_path)
    assert (await result("fetch", check=True, src=tmp_path / "src", dest=tmp_path / "got")).skipped
    assert tree(tmp_path) == before


async def test_ping_answers(result: RunResult) -> None:
    """ping gives pong, or what it was given; crash raises over there."""
    assert (await result("ping")).data == {"ping": "pong"}
    assert (await result("ping", data="x")).data == {"ping": "x"}
    with pytest.raises(TaskError, match="boom"):
        await result("ping", data="crash")
