"""Spoiled files given to the program itself: a documented exit code, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.doors import PROJECT
from tests.fuzz.grammar import inputs

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = 2
"""Of each kind: a start of the program each."""
EXIT_CODES = {0, 2, 3, 4, 5}
"""docs/exit-codes.md, without 1 (a fault of hotdesk itself) and the signals."""
LIMIT = 120
"""Seconds; a start takes one, on a busy machine some."""
PLAY = ["play", "-i", "hosts.ini", "site.yml", "--check"]
KINDS = {
    # door: (the file that is spoiled, the command line)
    "playbook": ("site.yml", [*PLAY, "--list-tasks", "--list-hosts", "--list-tags"]),
    "role_tasks": ("roles/common/tasks/main.yml", [*PLAY, "--syntax-check"]),
    "inventory_yaml": ("hosts.yml", ["inventory", "-i", "hosts.yml", "--list"]),
    "inventory_ini": ("hosts.ini", ["inventory", "-i", "hosts.ini", "--graph", "--vars"]),
    "group_vars": ("group_vars/all.yml", ["inventory", "-i", "hosts.ini", "--list", "--yaml"]),
    "ansible_cfg": ("ansible.cfg", ["config"]),
    "vars_file": ("vars.yml", [*PLAY, "-e", "@vars.yml"]),
}
FILES = {
    **PROJECT,
    "site.yml": "- hosts: here\n  gather_facts: false\n  roles: [common]\n  tasks:\n    - debug: {msg: '{{ hostvars }}'}\n",
    "hosts.ini": "here ansible_connection=local\n",
}


def hotdesk(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """The program, in ``folder``, with a home of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "dumb"}
    return subprocess.run(
        [sys.executable, "-m", "hotdesk", *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        encoding="utf-8", errors="replace", timeout=LIMIT,
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_program_never_shows_a_traceback(kind: str, tmp_path: Path) -> None:
    """Nor does it hang, nor call its own fault what is the input's."""
    file, arguments = KINDS[kind]
    count = 0

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(inputs(kind))
    def each(data: bytes) -> None:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
        done = hotdesk(folder, arguments)
        said = done.stdout + done.stderr
        assert done.returncode in EXIT_CODES, f"{done.returncode} for {data!r}: {said}"
        assert "Traceback" not in said, said
        assert "internal error" not in said, said
        assert done.returncode == 0 or "[ERROR]" in said or "Error: " in said or "fatal" in said, said

    each()


@pytest.mark.parametrize(
    "arguments",
    [
        ["play", "site.yml", "-i", "hosts.ini", "--limit", "~(a+)+$,h[1:999999999]"],
        ["play", "site.yml", "-i", "h[1:999999999],"],
        ["play", "site.yml", "-i", "hosts.ini", "-e", "{a: [}"],
        ["play", "site.yml", "-i", "hosts.ini", "-e", "a='b"],
        ["play", "site.yml", "-i", "hosts.ini", "-e", "@~nobody-of-that-name/x"],
        ["play", "site.yml", "-i", "~nobody-of-that-name/hosts"],
        ["play", "x" * 300, "-i", "hosts.ini"],
        ["play", "site.yml", "-i", "x" * 300],
        ["play", "site.yml", "-i", "hosts.ini", "--forks", "9" * 5000],
        ["play", "site.yml", "-i", "hosts.ini", "--tags", "{{ x }}", "--start-at-task", "*", "--check"],
        ["run", "here", "-i", "hosts.ini", "-m", "debug", "-a", "msg={{ 'a' * 10 ** 9 }}"],
        ["run", "here", "-i", "hosts.ini", "-m", "debug", "-a", "msg={{ a"],
        ["run", "here", "-i", "hosts.ini", "-m", "\udcff"],
    ],
)
def test_an_odd_command_line_is_an_error(arguments: list[str], tmp_path: Path) -> None:
    """Names too long, ranges too wide, quotes left open: what people type."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = hotdesk(tmp_path, arguments)
    said = done.stdout + done.stderr
    assert done.returncode in EXIT_CODES, f"{done.returncode}: {said}"
    assert "Traceback" not in said, said
    assert "internal error" not in said, said
