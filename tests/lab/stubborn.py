"""A task whose processes are hard to end, and the stop of the run that has it under way."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import Desk, Done, Playing, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.lab import Lab

LIMIT = 5.0
"""Seconds that a whole stop may take."""
STUBBORN = r"""
trap '' TERM
setsid bash -c 'exec -a {mark}-setsid sleep 600' >/dev/null 2>&1 &
(trap '' TERM INT HUP; exec -a {mark}-stubborn sleep 600) &
nohup bash -c 'exec -a {mark}-nohup sleep 600' >/dev/null 2>&1 &
sudo -n bash -c 'trap "" TERM; exec -a {mark}-root sleep 600' &
exec -a {mark}-main sleep 600
"""
KINDS = ("setsid", "stubborn", "nohup", "root", "main")


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Desk:
    """An inventory of the three PCs."""
    return Desk(lab, tmp_path)


@pytest.fixture
def mark() -> str:
    """A word that is in every process of this test and in no other."""
    return f"hd{secrets.token_hex(6)}"


def stubborn_play(desk: Desk, mark: str, *, head: str = "", keywords: str = "") -> Path:
    """A play whose task starts processes of every stubborn kind on all PCs."""
    script = "\n".join(f"    {line}" for line in STUBBORN.format(mark=mark).strip().splitlines())
    tasks = "- name: Stubborn\n  ansible.builtin.shell:\n    executable: /bin/bash\n    cmd: |\n      set +e\n"
    tasks += "\n".join(f"  {line}" for line in script.splitlines()) + f"\n{keywords}"
    return desk.playbook(tasks, head=head)


def all_there(lab: Lab, mark: str) -> Callable[[], bool]:
    """Every kind of process runs on every PC."""
    return lambda: all(
        any(f"{mark}-{kind}" in line for line in pc.marked(mark).values()) for pc in lab for kind in KINDS
    )


def stop(run: Playing, signum: int, *, limit: float = LIMIT) -> Done:
    """Send a signal to the runner's pid alone and wait for its end, which must come within ``limit`` seconds."""
    run.signal(signum)
    began = time.monotonic()
    done = run.ended(limit + 5.0)
    took = time.monotonic() - began
    print(f"ended {took:.2f} s after the signal")
    assert took <= limit, done.stdout[-3000:] + done.stderr
    return done


def shown(run: Playing, word: str, *, times: int = 1, limit: float = 30) -> None:
    """Wait until the run's output holds ``word`` so many times."""
    until(lambda: run.out.read_text().count(word) >= times, limit, f"{word} is shown")
