"""A sync job registers the same result under ansible-playbook and under hotdesk."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.packaging.tools import TOP, absent, run

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = {"ansible-playbook": ("ansible-playbook",), "hotdesk": ("hotdesk", "play")}
BOOK = """
- name: Mirror and write down what was registered
  hosts: there
  connection: local
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  gather_facts: false
  tasks:
    - name: Mirror
      hotdesk.sync.folder:
        path: "{{ path }}"
        dest: "{{ dest }}"
        delete: true
        filters: ["- /kept/"]
      register: mirror
    - name: Write
      ansible.builtin.copy:
        content: "{{ mirror | to_json }}"
        dest: "{{ dest }}.json"
        mode: "0600"
      check_mode: false
      diff: false
"""
OURS_ALONE = frozenset({"failed", "invocation"})
"""Keys that say nothing of the job."""


def registered(program: str, top: Path, *options: str) -> dict[str, Any]:
    """What the task registered on a target of this program's own."""
    dest = top / program
    variables = ("-e", f"path={top}/source", "-e", f"dest={dest}")
    run(
        *PROGRAMS[program],
        "-i",
        "there,",
        *variables,
        *options,
        top / "play.yml",
        home=top,
        cwd=top,
        HOTDESK_LOCKS=str(top),
    )
    found: dict[str, Any] = json.loads((top / f"{program}.json").read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key not in OURS_ALONE}


@pytest.mark.ansible
def test_a_job_registers_the_same_under_both(tmp_path: Path) -> None:
    """In check mode, in the run, and in a second run; all keys but Ansible's own."""
    if shutil.which("rsync") is None:
        absent("rsync")
    shutil.copytree(TOP / "docs", tmp_path / "source")
    (tmp_path / "play.yml").write_text(BOOK, encoding="utf-8")
    for program in PROGRAMS:
        (tmp_path / program / "kept").mkdir(parents=True)
        (tmp_path / program / "goes").write_text("old")
    for options in (("--check", "--diff"), (), ()):
        theirs, ours = (registered(program, tmp_path, *options) for program in PROGRAMS)
        assert ours == theirs, options
    assert ours["changed"] is False
    assert (tmp_path / "hotdesk/kept").is_dir()
    assert not (tmp_path / "hotdesk/goes").exists()
