"""``hotdesk_verify`` in a play, seen from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BOOK = """
- hosts: localhost
  gather_facts: false
  vars:
    hotdesk_verify: test_it.py
    read: "{{ lookup('ansible.builtin.file', playbook_dir ~ '/text') }}"
    broken: "{{ nowhere.to_be_found }}"
  tasks:
    - ansible.builtin.set_fact: {done: true}
"""
TESTS = '''
def test_variables(host, variables):
    """What can be rendered is there."""
    assert variables["read"] == "words"
    assert variables["done"] is True
    assert "broken" not in variables
'''


def test_a_variable_that_cannot_be_rendered_does_not_end_the_verification(tmp_path: Path) -> None:
    """It is left out of the fixture ``variables``; one that comes from a lookup is there."""
    for name, text in {"play.yml": BOOK, "test_it.py": TESTS, "text": "words\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    program = [str(Path(sys.executable).with_name("hotdesk")), "play", "-c", "local", "play.yml"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
