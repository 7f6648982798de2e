"""What dpkg has left in the middle is known from its own records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hotdesk.agent import dpkg, proc

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dpkg of its own, and no process of the PC's is at work."""
    monkeypatch.setattr(proc, "processes", dict)
    (tmp_path / "updates").mkdir()
    records(tmp_path, "install ok installed", "deinstall ok config-files", "unknown ok not-installed")
    return tmp_path


def records(home: Path, *states: str) -> None:
    """Packages in these states."""
    lines = (
        f"Package: p{number}\nStatus: {state}\nDescription: is\n half-installed\n\n"
        for number, state in enumerate(states)
    )
    (home / "status").write_text("".join(lines))


def test_settled_packages_are_nothing_to_tell(home: Path) -> None:
    """Whatever a description says."""
    assert not dpkg.unfinished(str(home))


@pytest.mark.parametrize(
    "state", ["install ok half-configured", "install reinstreq half-installed", "install ok unpacked"]
)
def test_a_package_in_between_is_seen(home: Path, state: str) -> None:
    """dpkg ended in order, its script did not."""
    records(home, "install ok installed", state)
    assert dpkg.unfinished(str(home))


def test_records_that_were_not_put_in_order_are_seen(home: Path) -> None:
    """dpkg was killed: what apt-get asks to mend by hand. A file of another name is none of these."""
    (home / "updates" / "tmp.i").touch()
    assert not dpkg.unfinished(str(home))
    (home / "updates" / "0001").touch()
    assert dpkg.unfinished(str(home))


def test_a_dpkg_at_work_is_in_the_middle_of_something(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is somebody's whom nobody has ended."""
    its = proc.Stat(1, b"1 (dpkg) S 0 0 1 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0")
    monkeypatch.setattr(proc, "processes", lambda: {1: its})
    (home / "updates" / "0001").touch()
    assert not dpkg.unfinished(str(home))


def test_where_there_is_no_dpkg_nothing_is_told(tmp_path: Path) -> None:
    """Another distribution's PC."""
    assert not dpkg.unfinished(str(tmp_path / "nowhere"))
