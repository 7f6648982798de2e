from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.jobs.on_target import trees, unit_files

if TYPE_CHECKING:
    from pathlib import Path


def test_what_an_administrator_has_written_is_told_from_what_systemctl_made(tmp_path: Path) -> None:
    """Units, drop-ins and units linked from elsewhere are files; masks, enabled instances and links of enable are not."""
    (tmp_path / "own.service").write_text("[Service]\n")
    (tmp_path / "own.service.d").mkdir()
    (tmp_path / "own.service.d" / "more.conf").write_text("[Service]\n")
    (tmp_path / "own.service.d" / "more.conf.bak").write_text("")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "linked.service").symlink_to("/opt/vendor/linked.service")
    (tmp_path / "alias.service").symlink_to("/lib/systemd/system/own.service")
    (tmp_path / "off.service").symlink_to("/dev/null")
    (tmp_path / "empty.timer").write_text("")
    (tmp_path / "multi-user.target.wants").mkdir()
    for name in ("own.service", "getty@tty1.service", "a@.service"):
        (tmp_path / "multi-user.target.wants" / name).symlink_to("/lib/systemd/system/x")
    found = unit_files.survey(str(tmp_path))
    assert sorted(found["files"]) == ["linked.service", "own.service", "own.service.d/more.conf"]
    assert found["files"]["linked.service"] == ["link", 0, 0, 0, "/opt/vendor/linked.service"]
    assert found["masked"] == ["empty.timer", "off.service"]
    assert found["instances"] == ["getty@tty1.service"]
    assert found["odd"] == {}


def test_what_cannot_be_moved_is_said(tmp_path: Path) -> None:
    """A file that is too long for a unit; no folder is an empty one."""
    (tmp_path / "long.service").write_bytes(b"#" * (unit_files.LONGEST + 1))
    assert unit_files.survey(str(tmp_path))["odd"] == {"long.service": "it is longer than 1 MiB"}
    assert unit_files.survey(str(tmp_path / "none"))["files"] == {}


def test_a_tree_is_told_by_path(tmp_path: Path) -> None:
    """Files and links at any depth, folders not."""
    (tmp_path / "db" / "lab.d").mkdir(parents=True)
    (tmp_path / "db" / "lab.d" / "a").write_text("x")
    assert list(trees.states(str(tmp_path))) == ["db/lab.d/a"]
    assert trees.states(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(
    "path", ["../../passwd", "../x.service", "/etc/x.service", "x.service.d/../../y.conf", "a/b.service", "x.txt"]
)
def test_a_path_that_leads_elsewhere_is_no_unit_file(path: str) -> None:
    """A source can answer anything; what is written is below /etc/systemd."""
    assert not unit_files.FILE.fullmatch(path)
