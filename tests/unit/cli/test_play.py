"""``hotdesk play`` as a process: exit codes, what is printed, what is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from tests.matrix.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VERIFIED = "- name: V\n  hosts: here\n  gather_facts: false\n  vars: {hotdesk_verify: [test_it.py]}\n  tasks: []\n"


@pytest.mark.parametrize(
    ("tasks", "hosts", "code"),
    [
        ("- ansible.builtin.command: 'true'", "here", 0),
        ("- ansible.builtin.command: 'false'", "here", 2),
        ("- ansible.builtin.ping:", "all", 4),
        ("- ansible.builtin.pnig:", "here", 4),
        ("- ansible.builtin.command: 'false'\n  ignore_errors: true", "here", 0),
        ("- ansible.builtin.ping:", "heer", 4),
    ],
)
def test_the_exit_code_says_how_it_went(
    tasks: str, hosts: str, code: int, book: Callable[..., str], play: Callable[..., Any]
) -> None:
    """0 well, 2 failed, 4 unreachable or a bad playbook."""
    done = play(book(tasks, hosts))
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_failed_verification_is_3(place: Path, play: Callable[..., Any]) -> None:
    """When nothing worse happened."""
    (place / "book.yml").write_text(VERIFIED)
    (place / "test_it.py").write_text("def test_it(host):\n    assert host.file('/nowhere').exists\n")
    done = play("book.yml")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "failed: [here] => " in done.stdout


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_is_128_and_its_number(signum: int, code: int, place: Path, book: Callable[..., str]) -> None:
    """The stop is in order: the recap comes, and the log says what was interrupted."""
    book("- ansible.builtin.command: sleep 600")
    command = [sys.executable, "-m", "hotdesk", "play", "-i", "inventory", "--output", "json", "book.yml"]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"HostStarted"' in line:
                process.send_signal(signum)
                break
        rest = [json.loads(line) for line in process.stdout]
        assert process.wait(60) == code
    assert [event["exit_code"] for event in rest if event["event"] == "RunFinished"] == [code]
    assert any(event["event"] == "InterruptedRun" and event["under_way"] for event in rest)


ASKING = """
- ansible.builtin.command: sh -c 'read answer; echo "got $answer$?"'
- ansible.builtin.command: sh -c 'printf "Continue [y/N] " >/dev/tty; read answer </dev/tty'
  ignore_errors: true
"""


def test_a_command_that_asks_gets_no_answer_and_does_not_wait(place: Path, book: Callable[..., str]) -> None:
    """Its input is at its end and it has no terminal, although the runner is at one."""
    book(ASKING)
    terminal = Terminal()
    argv = [sys.executable, "-m", "hotdesk", "play", "-v", "-i", "inventory", "book.yml"]
    process = terminal.start(argv, {**os.environ, "COLUMNS": "300", "LINES": "24"}, place)
    try:
        code = process.wait(60)
    finally:
        process.kill()
        process.wait()
        terminal.close()
    text = terminal.text()
    assert code == 0, text
    assert "got 1" in text
    assert "/dev/tty: No such device or address" in text
    assert "Continue" not in text.replace('printf \\"Continue', "")


def test_check_mode_leaves_nothing_behind(place: Path, book: Callable[..., str], play: Callable[..., Any]) -> None:
    """No run log and no directory for one (R8)."""
    done = play("--check", book("- ansible.builtin.copy: {content: x, dest: '{{ playbook_dir }}/made'}"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed: [here]" in done.stdout
    assert not (place / "made").exists()
    assert not (place.parent / "state").exists()
    assert not list((place.parent / "home").rglob("*"))


def test_extra_variables_are_in_no_log(place: Path, book: Callable[..., str], play: Callable[..., Any]) -> None:
    """The command in the run log leaves their values out."""
    assert play("-ve", "pw=hunter22", book("- ansible.builtin.ping:")).returncode == 0
    (log,) = (place.parent / "state").rglob("*.jsonl")
    assert "hunter22" not in log.read_text()
    assert '"-ve", "..."' in log.read_text()


def test_lists_run_nothing(place: Path, book: Callable[..., str], play: Callable[..., Any]) -> None:
    """--list-hosts, --list-tasks, --list-tags and --syntax-check print ansible-playbook's lines."""
    name = book("- name: Make\n  ansible.builtin.copy: {content: x, dest: /nowhere/x}\n  tags: [one, two]")
    shown = {option: play(option, name) for option in ("--list-hosts", "--list-tasks", "--list-tags", "--syntax-check")}
    assert {done.returncode for done in shown.values()} == {0}
    assert "playbook: book.yml" in shown["--syntax-check"].stdout
    assert "    hosts (1):\n      here\n" in shown["--list-hosts"].stdout
    assert "      Make\tTAGS: [one, two]" in shown["--list-tasks"].stdout
    assert "TASK TAGS: [one, two]" in shown["--list-tags"].stdout
    assert not (place.parent / "state").exists()


PLAYS = "- {name: one, hosts: %s, gather_facts: false, tasks: [{ansible.builtin.debug: }]}\n"


@pytest.mark.parametrize(
    ("hosts", "environment", "code"),
    [
        (("here", "heer"), {}, 0),
        (("heer", "[here, heer]"), {}, 0),
        (("here", "all:!heer"), {}, 4),
        (("heer", "herr"), {}, 4),
        (("here", "heer"), {"ANSIBLE_HOST_PATTERN_MISMATCH": "error"}, 4),
        (("heer", "herr"), {"ANSIBLE_HOST_PATTERN_MISMATCH": "warning"}, 0),
    ],
)
def test_a_play_for_hosts_that_are_not_there(
    hosts: tuple[str, str], environment: dict[str, str], code: int, place: Path, play: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A play of a playbook may be for groups that this inventory does not have; nobody at all, or nobody left out, is a mistake."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (place / "book.yml").write_text("".join(PLAYS % pattern for pattern in hosts))
    done = play("book.yml")
    assert done.returncode == code
    assert "has the name 'heer'" in done.stderr
    assert ("ok: [here]" in done.stdout) is (code == 0 and not environment)


def test_a_listing_needs_no_inventory(book: Callable[..., str], play: Callable[..., Any]) -> None:
    """Whoever checks a playbook before it is committed has none of its hosts."""
    name = book("- ansible.builtin.ping:", hosts="heer")
    assert play("--syntax-check", name).returncode == 0
    listed = play("--list-hosts", name)
    assert (listed.returncode, "hosts (0)" in listed.stdout) == (0, True)
    assert "[WARNING]: no host and no group has the name 'heer'" in listed.stderr


def test_json_is_one_event_a_line_whatever_a_host_says(book: Callable[..., str], play: Callable[..., Any]) -> None:
    """Bytes that are no text, escape sequences and templates from a host."""
    tasks = r"- ansible.builtin.command: printf 'caf\351 \033[2J {%raw%}{{ 7 * 7 }}{%endraw%}\n'"
    done = play("--output", "json", "-v", book(tasks))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    (finished,) = [event for event in events if event["event"] == "TaskFinished"]
    assert finished["result"]["stdout"] == "caf\ufffd \x1b[2J {{ 7 * 7 }}"
    assert events[-1]["event"] == "RunFinished"
    assert "\x1b" not in done.stdout


def test_a_reader_that_leaves_does_not_stop_the_run(place: Path, book: Callable[..., str]) -> None:
    """``| head -1`` and a closed stdout: the tasks are done, the exit code is the run's, stderr stays empty."""
    tasks = "".join(f"- ansible.builtin.command: touch {place}/{n}\n" for n in range(5))
    name = book(tasks + "- ansible.builtin.command: 'false'")
    for end in ("| head -c 1", ">&-"):
        command = f"({sys.executable} -m hotdesk play -i inventory {name}; echo $? > code) {end}"
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=place, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stderr == ""
        assert (place / "code").read_text() == "2\n"
        for number in range(5):
            (place / str(number)).unlink()


def test_a_junit_report_has_tasks_and_verification(place: Path, play: Callable[..., Any]) -> None:
    """Written also in check mode, when asked for."""
    (place / "book.yml").write_text(VERIFIED.replace("tasks: []", "tasks: [{name: P, ansible.builtin.ping: }]"))
    (place / "test_it.py").write_text("def test_it(host):\n    assert host.file('/').exists\n")
    assert play("book.yml", "--junit", "out.xml").returncode == 0
    (suite,) = ElementTree.parse(place / "out.xml").getroot()
    cases = {(case.get("classname"), (case.get("name") or "").rpartition("::")[2]) for case in suite}
    assert cases == {("here.task", "P"), ("here.verify", "test_it")}


def test_colours_only_when_forced(book: Callable[..., str], play: Callable[..., Any]) -> None:
    """Not into a pipe; ANSIBLE_FORCE_COLOR wants them there too, and wins over NO_COLOR as Ansible's does."""
    name = book("- ansible.builtin.ping:")
    assert "\x1b" not in play(name).stdout
    assert "\x1b[0;32mok: [here]\x1b[0m" in play(name, ANSIBLE_FORCE_COLOR="1").stdout


def test_ansible_log_path_gets_plain_lines(place: Path, book: Callable[..., str], play: Callable[..., Any]) -> None:
    """Appended run after run."""
    name = book("- ansible.builtin.ping:")
    for _ in range(2):
        play(name, ANSIBLE_LOG_PATH=str(place / "log"), ANSIBLE_FORCE_COLOR="1")
    text = (place / "log").read_text()
    assert text.count("| ok: [here]\n") == 2
    assert "\x1b" not in text
    assert os.stat(place / "log").st_mode & 0o777 == 0o600  # noqa: PTH116


def test_facts_are_kept_in_a_cache_until_it_is_flushed(
    place: Path, book: Callable[..., str], play: Callable[..., Any]
) -> None:
    """By Ansible's settings, and --flush-cache."""
    environment = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(place / "facts")}
    play(book("- ansible.builtin.set_fact: {color: red, cacheable: true}"), **environment)
    tells = book("- ansible.builtin.debug: {msg: 'it is {{ color | default(0) }}'}")
    assert "it is red" in play(tells, **environment).stdout
    assert "it is 0" in play(tells, "--flush-cache", **environment).stdout


def test_a_play_for_hosts_that_failed_earlier_is_passed_over(place: Path, play: Callable[..., Any]) -> None:
    """The plays after it run on the hosts that are left, as under ansible-playbook."""
    (place / "two").write_text("a ansible_connection=local\nb ansible_connection=local\n")
    one = "- {name: %s, hosts: '%s', gather_facts: false, tasks: [{ansible.builtin.%s}]}\n"
    fails = one % ("zero", "a,b", "fail: , when: inventory_hostname == 'b'")
    (place / "book.yml").write_text(fails + one % ("one", "b", "debug: ") + one % ("two", "a", "debug: "))
    done = play("-i", "two", "book.yml")
    assert done.returncode == 2
    assert "PLAY [one]" in done.stdout
    assert "ok: [a]" in done.stdout.partition("PLAY [two]")[2]
