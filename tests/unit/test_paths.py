"""hotdesk's own files stand where the XDG specification says, and asking creates nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hotdesk import paths
from hotdesk.errors import UsageError


def test_xdg_variables_are_honoured() -> None:
    """Absolute ones count, relative ones are ignored."""
    assert paths.state_dir({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == Path("/s/hotdesk")
    assert paths.run_log_dir({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == Path("/s/hotdesk/runs")
    assert paths.state_dir({"HOME": "/h", "XDG_STATE_HOME": "relative"}) == Path("/h/.local/state/hotdesk")


def test_asking_creates_nothing(tmp_path: Path) -> None:
    """Check mode may ask too."""
    paths.state_dir({"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_private_directory_is_ours_alone(tmp_path: Path) -> None:
    """It is made with mode 0700, and one that was open is closed."""
    made = paths.make_private(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o755)
    assert stat.S_IMODE(paths.make_private(made).stat().st_mode) == 0o700


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    """Somebody else may have put it there."""
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="not a directory of yours"):
        paths.make_private(tmp_path / "link")


def test_names_that_no_file_can_have_do_not_exist() -> None:
    """Too long, or with a NUL; pathlib raises for some of them."""
    for name in ("x" * 300, "a\0b", "/proc/1/\udcff"):
        path = Path(name)
        assert not paths.exists(path)
        assert not paths.is_file(path)
        assert not paths.is_dir(path)
        assert paths.names_in(path) == []


def test_the_home_of_a_user_who_does_not_exist_stays_as_written() -> None:
    """The error is then about the file that is not there, and names it as the user did."""
    assert paths.expanded("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
    assert paths.expanded("~/x") == Path.home() / "x"
