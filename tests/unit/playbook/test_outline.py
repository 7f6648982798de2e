from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.playbook.model import TagSelection
from hotdesk.playbook.outline import outline
from hotdesk.playbook.tags import split_tags

if TYPE_CHECKING:
    from tests.unit.playbook.project import Project

SITE = """
- import_playbook: sub/other.yml
  tags: imported
- hosts: [a, b]
  name: Second
  tags: [site]
  tasks:
    - name: One
      debug:
      tags: [x, y]
    - debug: msg=1
      tags: never
    - block:
        - name: In block
          ansible.builtin.debug:
        - include_tasks: foo.yml
      rescue: [{name: Rescue, debug: }]
      always: [{name: Always, debug: }]
      tags: blk
    - meta: flush_handlers
    - import_tasks: tasks/more.yml
      tags: imp
    - include_role: {name: web}
    - import_role: {name: web}
  post_tasks:
    - local_action: ping
- hosts: a,b
  gather_facts: false
  roles: [base, {role: web, tags: r}]
- hosts: all:!a
"""


@pytest.fixture
def site(project: Project) -> Project:
    """A playbook with everything that is listed in a way of its own."""
    project.write("site.yml", SITE)
    project.write("sub/other.yml", "- hosts: all\n  tasks: [{name: Other, debug: {}}]\n")
    project.write("tasks/more.yml", "- name: More\n  debug: {}\n- debug: {}\n")
    project.write("roles/web/tasks/main.yml", "- {name: Web, debug: {}}\n- debug: {}\n")
    project.write("roles/web/meta/main.yml", "dependencies: [{role: base, tags: dep}]\n")
    project.write("roles/base/tasks/main.yml", "- {name: Base, debug: {}}\n")
    return project


def ours(site: Project, selection: TagSelection, **which: bool) -> str:
    playbook = site.loader.load_playbook(site.path / "site.yml")
    return outline(playbook, written="site.yml", selection=selection, hosts=lambda _play: ["b"], **which)


@pytest.mark.ansible
@pytest.mark.parametrize(
    ("which", "tags"),
    [
        (("tasks",), "all"),
        (("tags",), "all"),
        ((), "all"),
        (("tasks", "tags"), "x,dep"),
        (("tasks", "tags"), "never,tagged"),
        (("tasks", "tags"), "untagged"),
    ],
)
def test_the_lists_are_ansibles(site: Project, which: tuple[str, ...], tags: str) -> None:
    """Byte for byte what ansible-playbook prints."""
    program = Path(sys.executable).with_name("ansible-playbook")
    if not program.exists():
        pytest.skip("ansible-playbook is not installed")
    flags = [f"--list-{one}" for one in which] or ["--list-hosts", "--limit", "b"]
    done = subprocess.run(
        [program, "-i", "a,b,", "site.yml", "--tags", tags, *flags],
        cwd=site.path, capture_output=True, text=True, check=True, env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "0"},
    )  # fmt: skip
    wanted = {f"list_{one}": True for one in which or ("hosts",)}
    assert _sorted_tags(ours(site, TagSelection(only=split_tags([tags])), **wanted) + "\n") == _sorted_tags(done.stdout)


def _sorted_tags(text: str) -> str:
    """ansible-playbook prints a play's own tags in the order of a set."""
    lines = []
    for line in text.splitlines():
        head, found, tail = line.partition("TAGS: [")
        lines.append(
            head + found + ",".join(sorted(tail.rstrip("]").split(","))) if found and "play #" in head else line
        )
    return "\n".join(lines)


def test_hosts_are_those_the_caller_selects(site: Project) -> None:
    """Pattern and hosts of each play."""
    text = ours(site, TagSelection(), list_hosts=True)
    assert "  play #3 (a,b): a,b\tTAGS: []\n    pattern: ['a,b']\n    hosts (1):\n      b\n" in text
