"""The stop by signals, seen from inside the process and from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hotdesk.bus import Bus
from hotdesk.events import InterruptedRun
from hotdesk.supervise.signals import STOPPING, one_ending, stop_signals

ROOT = Path(__file__).parents[3]


async def test_first_stops_second_forces_and_the_callers_handlers_come_back() -> None:
    """The caller's handler is in place again afterwards."""

    def mine(_signum: int, _frame: object) -> None: ...

    before = signal.signal(signal.SIGTERM, mine)
    heard: list[object] = []
    try:
        with stop_signals(heard.append, lambda: heard.append("force")):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.01)
        assert heard == [signal.SIGTERM, "force"]
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


HAMMERED = """
import asyncio, os, signal, subprocess, sys, threading
from hotdesk.supervise.signals import stop_signals
heard = 0
def caller(signum, frame):
    global heard
    heard += 1
for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, caller)
async def main():
    for _ in range(3): threading.Thread(target=threading.Event().wait, daemon=True).start()
    text = "import os, sys\\nwhile 1:\\n for n in 2, 15: os.kill(int(sys.argv[1]), n)"
    sender = subprocess.Popen([sys.executable, "-c", text, str(os.getpid())], stdout=-3, stderr=-3)
    rounds = 0
    while rounds < 3000 or not heard:
        rounds += 1
        with stop_signals(print, print): pass
    sender.kill(); sender.wait()
asyncio.run(main())
print("whole")
"""


def test_a_signal_at_the_very_end_goes_to_the_caller() -> None:
    """Whenever it comes, one of the two hears it: never the default action, which ends the process."""
    done = subprocess.run(
        [sys.executable, "-c", HAMMERED], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


async def test_an_ignored_hangup_stays_ignored() -> None:
    """nohup keeps its meaning."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals(lambda _signum: None, lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_after_the_stop_is_passed_over_to_the_end_of_the_process() -> None:
    """Twice Ctrl-C, and the first has ended the run already: the exit code is what the first made it."""
    before, bus = signal.getsignal(signal.SIGTERM), Bus()
    others = {each: signal.getsignal(each) for each in STOPPING}
    try:
        with one_ending(bus):
            bus.emit(InterruptedRun(reason="SIGTERM", under_way={}))
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for each, handler in others.items():
            signal.signal(each, handler)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_before_any_stop_does_what_it_did() -> None:
    """Ctrl-C while the playbook is read is Python's KeyboardInterrupt; afterwards nothing is changed."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), one_ending(Bus()):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_everything_runs_always_and_never_rescue(signum: signal.Signals, tmp_path: Path) -> None:
    """Exit code 128 + n, no process with the run's mark, ``always:`` ran, ``rescue:`` did not."""
    (tmp_path / "inventory").write_text("a ansible_connection=local\nb ansible_connection=local\n")
    (tmp_path / "playbook.yml").write_text(
        textwrap.dedent("""
        - hosts: all
          gather_facts: false
          tasks:
            - block:
                - ansible.builtin.shell: "setsid sleep 600 & trap '' TERM; touch {{ playbook_dir }}/at-{{ inventory_hostname }}; sleep 600"
              rescue:
                - ansible.builtin.command: touch {{ playbook_dir }}/rescued
              always:
                - ansible.builtin.command: touch {{ playbook_dir }}/always-{{ inventory_hostname }}
        """)
    )
    program = [
        sys.executable,
        "-m",
        "tests.conformance.engine",
        "-i",
        str(tmp_path / "inventory"),
        str(tmp_path / "playbook.yml"),
    ]
    running = subprocess.Popen(
        program, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "MARK_OF_TEST": str(tmp_path)}
    )
    try:
        _wait_for([tmp_path / "at-a", tmp_path / "at-b"], running)
        running.send_signal(signum)
        output, _ = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 128 + signum, output
    assert sorted(path.name for path in tmp_path.glob("always-*")) == ["always-a", "always-b"]
    assert not (tmp_path / "rescued").exists()
    assert not _marked(str(tmp_path))


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "finished"])
def test_what_poll_0_leaves_running_ends_with_a_stopped_run_and_outlives_a_finished_one(
    stopped: bool, tmp_path: Path
) -> None:
    """Its task had finished; but only the end of the whole run lets it go, with what it has started, TERM or not."""
    (tmp_path / "playbook.yml").write_text(
        textwrap.dedent("""
        - hosts: localhost
          gather_facts: false
          tasks:
            - ansible.builtin.shell: "setsid sleep 600 & trap '' TERM; touch {{ playbook_dir }}/begun; sleep 600"
              async: 900
              poll: 0
            - ansible.builtin.wait_for: {path: "{{ playbook_dir }}/begun"}
            - ansible.builtin.shell: touch {{ playbook_dir }}/there; sleep {{ seconds }}
        """)
    )
    program = [
        sys.executable,
        "-m",
        "tests.conformance.engine",
        "-e",
        f"seconds={600 if stopped else 0}",
        str(tmp_path / "playbook.yml"),
    ]
    environment = {**os.environ, "MARK_OF_TEST": str(tmp_path), "HOME": str(tmp_path)}
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as running:
        try:
            if stopped:
                _wait_for([tmp_path / "there"], running)
                running.send_signal(signal.SIGINT)
            output, _ = running.communicate(timeout=90)
        finally:
            running.kill()
    left = _marked(str(tmp_path))
    for pid in _marked(str(tmp_path), pids=True):
        os.kill(int(pid), signal.SIGKILL)
    assert running.returncode == (130 if stopped else 0), output
    assert (left == []) is stopped, output
    (job,) = (tmp_path / ".ansible_async").iterdir()
    assert ('"failed": true' in job.read_text()) is stopped  # whoever asks hears why


def _wait_for(paths: list[Path], running: subprocess.Popen[str]) -> None:
    import time

    deadline = time.monotonic() + 90
    while not all(path.exists() for path in paths):
        assert running.poll() is None, "the run ended early"
        assert time.monotonic() < deadline, "the run did not get there"
        time.sleep(0.02)


def _marked(mark: str, *, pids: bool = False) -> list[str]:
    """Processes that still carry our mark in their environment: their command lines, or their numbers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MARK_OF_TEST={mark}".encode() in entry.read_bytes().split(b"\0"):
                command = (entry.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(entry.parent.name if pids else command)
        except OSError:
            continue
    return found
