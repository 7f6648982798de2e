"""A working directory with an inventory of this machine, and hotdesk as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INVENTORY = """\
here ansible_connection=local ansible_python_interpreter={python}
gone ansible_host=127.0.0.1 ansible_port=1
"""
PLAY = "- name: Book\n  hosts: {hosts}\n  gather_facts: false\n  tasks:\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, state and working directory; ``inventory`` has ``here`` (this machine) and ``gone`` (nobody answers)."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in list(os.environ):
        if name.startswith(("ANSIBLE_", "HOTDESK_")) or name in ("NO_COLOR", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name)
    (tmp_path / "work" / "inventory").write_text(INVENTORY.format(python=sys.executable))
    return tmp_path / "work"


@pytest.fixture
def book(place: Path) -> Callable[..., str]:
    """Write a playbook of these tasks; gives its name."""

    def write(tasks: str, hosts: str = "here", name: str = "book.yml") -> str:
        lines = "".join(f"    {line}\n" for line in tasks.strip().splitlines())
        (place / name).write_text(PLAY.format(hosts=hosts) + lines)
        return name

    return write


@pytest.fixture
def hotdesk(place: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run hotdesk in that directory; gives its exit code, stdout and stderr."""

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hotdesk", *args],
            env={**os.environ, **env},
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def play(hotdesk: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``hotdesk play -i inventory ...``."""

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return hotdesk("play", "-i", "inventory", *args, **env)

    return run
