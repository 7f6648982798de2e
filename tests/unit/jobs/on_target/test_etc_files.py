"""Whose a file of /etc is, by dpkg's own records: a database made by real dpkg in a folder of the test's."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import etc_files
from hotdesk.jobs.on_target.journal import Failed
from tests.unit.machines import needs

if TYPE_CHECKING:
    from pathlib import Path

STATUS = """Package: web
Status: install ok installed
Version: 1.2-3
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: a test
Conffiles:
 {etc}/web/a.conf {pristine}
 {etc}/web/b with blank.conf {pristine}
 {etc}/web/gone.conf {pristine}
 {etc}/web/old.conf {pristine} obsolete

Package: purged
Status: deinstall ok config-files
Version: 1
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: a test
Conffiles:
 {etc}/left.conf {pristine}

"""


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Any]:
    needs("dpkg-query")
    etc, database = tmp_path / "etc", tmp_path / "dpkg"
    (database / "info").mkdir(parents=True)
    (database / "updates").mkdir()
    (etc / "web").mkdir(parents=True)
    pristine = (
        subprocess.run(["md5sum"], input=b"packaged\n", capture_output=True, check=True).stdout.split()[0].decode()
    )
    (database / "status").write_text(STATUS.format(etc=etc, pristine=pristine))
    (database / "info" / "web.list").write_text(f"{etc}/web/a.conf\n{etc}/web/shipped\n/usr/bin/web\n")
    for name, text in {
        "a.conf": "packaged\n",
        "b with blank.conf": "changed\n",
        "old.conf": "packaged\n",
        "shipped": "x",
    }.items():
        (etc / "web" / name).write_text(text)
    (etc / "left.conf").write_text("packaged\n")
    (etc / "hostname").write_text("vega\n")
    (etc / "network").mkdir()
    (etc / "network" / "interfaces").write_text("x")
    (etc / "own.conf").write_text("x")
    (etc / "link").symlink_to("web")
    os.mkfifo(etc / "pipe")
    (etc / "by-ucf").write_text("packaged\n")
    (tmp_path / "hashfile").write_text(f"{pristine}  {etc}/by-ucf\n")
    skip = [f"{etc}/hostname", f"{etc}/network/"]
    return etc_files.survey(str(etc), skip, ["sh", "no-such-tool"], str(database), str(tmp_path / "hashfile"))


def standing(found: dict[str, Any]) -> dict[str, str]:
    return {path.rpartition("/etc/")[2]: one["standing"] for path, one in found["files"].items()}


def test_every_file_has_its_standing(found: dict[str, Any]) -> None:
    """As packaged (also by ucf), changed, removed, nobody's; what a removed package left and what is shipped otherwise are no business of ours."""
    assert standing(found) == {
        "web/a.conf": "packaged",
        "web/b with blank.conf": "changed",
        "web/gone.conf": "removed",
        "web/old.conf": "local",
        "own.conf": "local",
        "link": "local",
        "by-ucf": "packaged",
    }


def test_packages_versions_and_oddities_are_told(found: dict[str, Any]) -> None:
    """Installed packages alone; a pipe is named; tools that are here."""
    assert found["packages"] == ["web"]
    (changed,) = [one for one in found["files"].values() if one["standing"] == "changed"]
    assert (changed["package"], changed["version"]) == ("web", "1.2-3")
    assert [path.rpartition("/")[2] for path in found["odd"]] == ["pipe"]
    assert found["tools"] == ["sh"]


def test_a_database_that_cannot_be_read_is_no_empty_answer(tmp_path: Path) -> None:
    """dpkg-query's words, not "no packages"."""
    needs("dpkg-query")
    (tmp_path / "status").write_text("no status\n")
    with pytest.raises(Failed, match="dpkg-query says"):
        etc_files.survey(str(tmp_path), [], [], str(tmp_path))
