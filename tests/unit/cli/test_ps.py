"""``hotdesk ps``, beside a run of this machine."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.leaky
def test_what_a_run_has_at_work_is_listed_until_it_ends(
    place: Path, book: Callable[..., str], hotdesk: Callable[..., Any]
) -> None:
    """Run, task, pid and process group of each process of a command; after the stop there is none. (Leaky: other tests' are there.)"""
    word = f"300.{secrets.randbelow(10**9)}"
    name = book(f"- ansible.builtin.shell: sleep {word} & wait")
    run = subprocess.Popen(
        [sys.executable, "-m", "hotdesk", "play", "-i", "inventory", name],
        env=os.environ, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip

    def listed() -> list[dict[str, Any]]:
        shown = hotdesk("ps", "-i", "inventory", "--hosts", "here", "--json")
        assert shown.returncode == 0, shown.stderr
        return [each for each in json.loads(shown.stdout) if word in each["command"]]

    with run:
        try:
            end = time.monotonic() + 60
            while len(found := listed()) < 2 and time.monotonic() < end:
                assert run.poll() is None
            shell, sleep = sorted(found, key=lambda each: int(each["pid"]))
            assert shell["group"] == sleep["group"] == os.getpgid(shell["pid"])
            assert shell["run"] == sleep["run"]
            assert shell["task"].endswith("@here")
            assert hotdesk("ps", "-i", "inventory", "--hosts", "here", "--run", shell["run"]).stdout.count(word) == 2
            assert "nothing is at work" in hotdesk("ps", "-i", "inventory", "--hosts", "here", "--run", "no").stdout
        finally:
            run.send_signal(signal.SIGINT)
    assert run.returncode == 130
    assert listed() == []


def test_a_pc_that_does_not_answer_is_an_error_beside_the_others(hotdesk: Callable[..., Any]) -> None:
    """Its line, exit code 4."""
    shown = hotdesk("ps", "-i", "inventory", "--run", "no")
    assert shown.returncode == 4
    assert "gone" in shown.stderr
    assert "nothing is at work" in shown.stdout
