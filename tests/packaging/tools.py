"""Running the programs of the environment that the tests run in."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LIMIT = 300.0
"""Seconds, for one program."""


def absent(what: str) -> None:
    """Skip the test by name; in CI, where everything must be there, fail."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{what} is missing")


def needs(*modules: str) -> None:
    """Skip without one of these Python modules."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            absent(name)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Where ansible's programs keep nothing in the home directory of who runs the tests."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    return {
        **os.environ,
        "PATH": path,
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "NO_COLOR": "1",
        **more,
    }


def run(*argv: object, home: Path, cwd: Path = TOP, **more: str) -> str:
    """The program's stdout; the test fails with everything that was said when the program does."""
    if "/" not in str(argv[0]) and not (BIN / str(argv[0])).exists():
        absent(str(argv[0]))
    done = subprocess.run(
        [*map(str, argv)],
        cwd=cwd,
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, f"{argv} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
