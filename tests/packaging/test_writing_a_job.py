"""The page that says how a job is written: its three files, put where it says, are a job for hotdesk and for ansible-playbook."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.packaging.tools import TOP, run

if TYPE_CHECKING:
    from pathlib import Path

PAGE = TOP / "docs/writing-a-job.md"
FILE = re.compile(r"`(plugins/\w+/motd\.py)`[^\n]*:\n\n```python\n(.*?)```", re.DOTALL)
BOOK = """
- name: Bring the message
  hosts: there
  connection: local
  gather_facts: false
  vars: {{ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
  tasks:
    - name: Message
      acme.desk.motd: {{path: {path}}}
      register: message
    - name: Say what was done
      ansible.builtin.debug: {{msg: "it was {{{{ message.changed | ternary('changed', 'left') }}}}"}}
"""


@pytest.mark.ansible
@pytest.mark.parametrize("program", [("hotdesk", "play"), ("ansible-playbook",)], ids=["hotdesk", "ansible-playbook"])
def test_the_three_files_of_the_page_are_a_job(program: tuple[str, ...], tmp_path: Path) -> None:
    """In a collection of somebody else's, with nothing but these three files; documented as every module is."""
    files = dict(FILE.findall(PAGE.read_text(encoding="utf-8")))
    assert sorted(files) == ["plugins/action/motd.py", "plugins/jobs/motd.py", "plugins/modules/motd.py"]
    for name, text in files.items():
        path = tmp_path / "ansible_collections/acme/desk" / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "motd").write_text("Welcome\n", encoding="utf-8")
    (tmp_path / "play.yml").write_text(BOOK.format(path=tmp_path / "motd"), encoding="utf-8")
    (tmp_path / "collections/ansible_collections/hotdesk").mkdir(parents=True)
    (tmp_path / "collections/ansible_collections/hotdesk/sync").symlink_to(TOP / "collection")
    found = os.pathsep.join([str(tmp_path), str(tmp_path / "collections")])
    said = run(
        *program,
        *("-i", "there,", tmp_path / "play.yml"),
        home=tmp_path,
        cwd=tmp_path,
        ANSIBLE_COLLECTIONS_PATH=found,
        HOTDESK_LOCKS=str(tmp_path),
    )
    assert "it was left" in said
