"""Each kind of expectation, looked at on this PC by its own tools."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

from hotdesk.verify.looking import KINDS, differences

if TYPE_CHECKING:
    from pathlib import Path


def looked(kind: str, subject: str, **value: Any) -> dict[str, Any]:
    return KINDS[kind](testinfra.get_host("local://"), [{"subject": subject, "value": value}])[subject]


def test_files_of_every_sort(tmp_path: Path) -> None:
    """Content, rights and owner of a file, a directory, a link, and what is missing; odd names too."""
    file, link = tmp_path / "a 'b' %s", tmp_path / "link"
    file.write_text("x")
    file.chmod(0o640)
    link.symlink_to("elsewhere")
    wanted = [{"subject": str(path), "value": {"sha256": ""}} for path in (file, link, tmp_path, tmp_path / "no")]
    found = KINDS["file"](testinfra.get_host("local://"), wanted)
    mine = {"uid": os.getuid(), "gid": file.stat().st_gid}
    digest = hashlib.sha256(b"x").hexdigest()
    assert found[str(file)] == {"type": "file", "mode": "0640", "size": 1, "sha256": digest, **mine}
    assert found[str(link)]["target"] == "elsewhere"
    assert found[str(tmp_path)]["type"] == "directory"
    assert found[str(tmp_path / "no")] == {"type": "missing"}


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs dpkg-query")
def test_packages() -> None:
    """As dpkg-query says by itself."""
    version = subprocess.run(["dpkg-query", "-Wf${Version}", "dpkg"], capture_output=True, text=True, check=True).stdout
    assert looked("package", "dpkg")["version"] == version
    assert looked("package", "no-such-package")["version"] is None


def test_users_and_groups() -> None:
    """As the C library says; somebody who is not there is nothing."""
    me = pwd.getpwuid(os.getuid())
    found = looked("user", me.pw_name)
    assert (found["uid"], found["gid"], found["home"], found["shell"]) == (me.pw_uid, me.pw_gid, me.pw_dir, me.pw_shell)
    group = grp.getgrgid(me.pw_gid)
    assert looked("group", group.gr_name) == {"gid": group.gr_gid, "members": sorted(group.gr_mem)}
    assert looked("user", "nobody-of-this-name") == looked("group", "nobody-of-this-name") == {}


def test_output_of_a_command() -> None:
    """Its text, its digest, or how it ended."""
    argv = ["printf", "%s\\n", "a b"]
    assert looked("output", "it", argv=argv, stdout="")["stdout"] == "a b"
    assert looked("output", "it", argv=argv, sha256="")["sha256"] == hashlib.sha256(b"a b\n").hexdigest()
    assert looked("output", "it", argv=["sh", "-c", "exit 3"], stdout="")["stdout"] == "nothing, but exit status 3"


def test_only_what_was_left_is_compared() -> None:
    """And a digest is shown as one sees it elsewhere."""
    digest = "0" * 64
    assert differences({"size": 1, "sha256": digest}, {"size": 1, "sha256": digest, "mode": "0644"}) == []
    assert differences({"sha256": digest}, {}) == ["sha256 is none and was 000000000000..."]
    assert differences({"groups": ["a", "b"]}, {"groups": ["a"]}) == ["groups is a and was a, b"]
