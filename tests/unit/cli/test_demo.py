"""``hotdesk demo`` as a process."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "hotdesk", "demo", "--big-file", "1", "--output", "plain"]

pytestmark = pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is not installed")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo makes its directories."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def test_it_mirrors_and_then_has_nothing_to_do(place: Path, temporary: Path) -> None:
    """Two recaps, the second without a change; nothing is left, no log of it in the user's state."""
    done = subprocess.run(COMMAND, cwd=place, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = done.stdout.split("The same again")
    assert "PLAY RECAP" in first
    assert "changed=0" not in [line for line in first.splitlines() if line.startswith("vega ")][-1]
    assert "changed=0" in [line for line in second.splitlines() if line.startswith("vega ")][-1]
    assert not list(temporary.iterdir())
    assert not (place.parent / "state").exists()


def test_ctrl_c_cleans_up(place: Path, temporary: Path) -> None:
    """130, and no directory left."""
    with subprocess.Popen(COMMAND, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("TASK"):
                demo.send_signal(signal.SIGINT)
                break
        rest = demo.stdout.read()
        assert demo.wait(60) == 130, rest
    assert not list(temporary.iterdir())
