"""The suite's own guards can fail: a blocked loop, a leaked process, thread or descriptor turns a test red."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
BLOCKED = """
import asyncio, time

def step():
    time.sleep(0.12)

async def test_blocked():
    '''x'''
    asyncio.get_running_loop().call_soon(step)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
"""
PROCESS = """
import subprocess

def test_leak():
    '''x'''
    global child
    child = subprocess.Popen(["sleep", "5"])
"""
THREAD = """
import threading, time

def test_leak():
    '''x'''
    threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
"""
DESCRIPTOR = """
import os

def test_leak():
    '''x'''
    os.pipe()
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BLOCKED, "the event loop was blocked"),
        (PROCESS, "child processes left"),
        (THREAD, "threads left"),
        (DESCRIPTOR, "descriptors left"),
    ],
    ids=["blocked", "process", "thread", "descriptor"],
)
def test_a_guard_turns_the_test_red(tmp_path: Path, text: str, said: str) -> None:
    """What the guard is there for is reported as an error of that test."""
    done = run(tmp_path, text)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout


def test_the_guards_work_on_a_worker_too(tmp_path: Path) -> None:
    """What pytest-xdist's worker has of threads and descriptors is nobody's leak, and a leak is seen there as well."""
    text = DESCRIPTOR + THREAD.replace("test_leak", "test_thread") + "\ndef test_nothing():\n    pass\n"
    done = run(tmp_path, text, "-n", "1")
    assert "3 passed, 2 errors" in done.stdout, done.stdout + done.stderr


def run(tmp_path: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest on a file of that text, under our conftest."""
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_it.py").write_text(text)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\npythonpath = {CONFTEST.parents[1]}\n"
    )
    argv = [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:testinfra"]
    return subprocess.run(
        [*argv, *options, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"HOTDESK_LOOP_TURN_LIMIT": "0.11"},
    )
