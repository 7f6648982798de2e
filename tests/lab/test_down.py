"""What a killed ``up`` leaves is found and removed by ``down``. On a lab of its own number, so that no other is in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.lab import NUMBER, missing
from tests.lab.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER = (NUMBER + 50) % 100
STATE = Path(f"/run/hotdesk-lab/{OTHER}")
MARK = f"hdt{OTHER}-"
ENVIRONMENT = {**os.environ, "LAB_NUMBER": str(OTHER), "PYTEST_XDIST_WORKER": ""}


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    """The lab's command."""
    argv = [sys.executable, "-m", "tests.lab", *words]
    return subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    need(missing())
    yield
    lab("down")


def left() -> list[str]:
    """What is there of that lab; not asked of the lab itself."""
    found = [line for line in Path("/proc/mounts").read_text().splitlines() if f" {STATE}" in line]
    found += [path.name for path in Path("/run/netns").glob(f"{MARK}*")]
    found += [path.name for path in Path("/sys/class/net").glob(f"{MARK}*")]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/hotdesk-lab-{OTHER}")]
    found += [str(path) for path in Path("/sys/block").glob("loop*") if str(STATE) in _image(path)]
    return found + [f"process {path.name}" for path in Path("/proc").glob("[0-9]*") if MARK.encode() in _environ(path)]


def pid_namespaces() -> set[str]:
    """Those of the lab's processes, this machine's own left out."""
    marked = [path for path in Path("/proc").glob("[0-9]*") if MARK.encode() in _environ(path)]
    return {str((path / "ns/pid").readlink()) for path in marked} - {str(Path("/proc/self/ns/pid").readlink())}


def _image(device: Path) -> str:
    try:
        return (device / "loop/backing_file").read_text()
    except OSError:
        return ""


def _environ(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def at_once(path: Path) -> None:
    """Wait for a file, without a pause: what is meant to be in the middle would be over."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, path


@pytest.mark.parametrize(
    "moment",
    [
        "layer/host/work",
        pytest.param(f"../../netns/{MARK}pc1", id="netns"),  # the same name on every worker of pytest-xdist
        "pc/pc1/disk.img",
        "pc/pc1/unshare.pid",
        "pc/pc1/hostkey.pub",
        "pc/pc2/pid",
    ],
)
def test_down_after_up_was_killed(moment: str) -> None:
    """Whatever it was doing: nothing is left, and the next up works."""
    argv = [sys.executable, "-m", "tests.lab", "up", "2", "--disk", "ext4", "--size", "64m"]
    with subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as up:
        at_once(STATE / moment)
        up.kill()
    assert left()
    done = lab("down")
    assert done.returncode == 0, done.stderr
    assert left() == []


def test_up_goes_on_after_it_was_killed() -> None:
    """No down is needed between, and the PC that was booting is there once."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.lab", "up", "2"], env=ENVIRONMENT, stdout=subprocess.DEVNULL
    ) as up:
        at_once(STATE / "pc/pc1/unshare.pid")
        up.kill()
    done = lab("up", "2")
    assert done.returncode == 0, done.stderr
    assert lab("ssh", "pc2", "hostname").stdout == "pc2\n"
    assert len(pid_namespaces()) == 2
    assert lab("down").returncode == 0
    assert left() == []


def test_down_needs_no_more_than_its_marks() -> None:
    """PCs and relays are found when every file about them is gone."""
    assert lab("up", "1").returncode == 0
    assert lab("delay", "pc1", "1ms").returncode == 0
    subprocess.run(["umount", "--lazy", str(STATE)], check=True)
    assert left()
    done = lab("down")
    assert done.returncode == 0, done.stderr
    assert left() == []
