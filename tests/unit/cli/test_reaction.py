"""A signal is answered at once, whatever the run is waiting for."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE = 0.1
"""Seconds from the signal until the line that says so has been read."""
ATTEMPTS = 5
"""A busy machine gives nobody its turn at once every time; a run that holds its event loop never does."""
MOMENTS = {
    "a command": ("- ansible.builtin.command: sleep 600", "HostStarted"),
    "a pause": ("- ansible.builtin.pause: {seconds: 600}", "HostStarted"),
    "a retry": ("- ansible.builtin.command: 'false'\n  until: false\n  retries: 3\n  delay: 600", "Retrying"),
    "wait_for": ("- ansible.builtin.wait_for: {path: /nowhere, timeout: 600}", "HostStarted"),
    "items": ("- ansible.builtin.debug:\n  loop: '{{ range(100000) | list }}'", "ItemFinished"),
    "connecting": ("- ansible.builtin.ping:", "Connecting"),
    "a place in the queue": ("- ansible.builtin.command: sleep 600\n  throttle: 1", "HostStarted"),
}


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_is_answered_at_once(moment: str, place: Path) -> None:
    """Within a tenth of a second the first line is on the screen."""
    tasks, word = MOMENTS[moment]
    with socket.create_server(("127.0.0.1", 0)) as silent:  # TCP connects, and no banner ever comes
        local = {"ansible_connection": "local"}
        remote = {"ansible_host": "127.0.0.1", "ansible_port": silent.getsockname()[1], "ansible_timeout": 60}
        hosts = {"one": remote} if moment == "connecting" else {"one": local, "two": local}
        (place / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
        indented = "".join(f"    {line}\n" for line in tasks.splitlines())
        (place / "book.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{indented}")
        taken: list[float] = []
        while min(taken, default=1.0) > AT_ONCE and len(taken) < ATTEMPTS:
            taken.append(reaction(place, word))
    assert min(taken) <= AT_ONCE, taken


def reaction(place: Path, word: str) -> float:
    """Interrupt a run at the first event of that kind; the seconds until it says so."""
    command = [sys.executable, "-m", "hotdesk", "play", "-i", "hosts.json", "--output", "json", "book.yml"]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = (json.loads(line)["event"] for line in process.stdout)
        assert word in said
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert "InterruptedRun" in said
        seconds = time.monotonic() - sent
        for _ in said:
            pass
        assert process.wait() == 130
    return seconds
