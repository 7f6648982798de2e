"""What the runs of the soak do: a few seconds each, so that a fault at a random moment meets every part of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STUBBORN = "trap '' TERM; (trap '' TERM INT HUP; sleep 3) & setsid sleep 3 & sleep 3; wait"
WORK: dict[str, str] = {
    "commands": """
- ansible.builtin.command: sleep 0.2
  loop: "{{ range(12) | list }}"
  register: many
- ansible.builtin.assert: {that: many.results | length == 12}
""",
    "stubborn": f"""
- ansible.builtin.shell: {{executable: /bin/bash, cmd: "{STUBBORN}"}}
""",
    "root": """
- ansible.builtin.command: sleep 1
  become: true
- ansible.builtin.copy: {content: "{{ 99999 | random }}", dest: /root/soak, mode: "0600"}
  become: true
""",
    "script": """
- ansible.builtin.script: "{{ playbook_dir }}/script.sh one two"
- ansible.builtin.script: "{{ playbook_dir }}/script.sh"
  become: true
""",
    "modules": """
- ansible.builtin.setup: {gather_subset: min}
- ansible.builtin.file: {path: "~/one/two/{{ item }}", state: directory, mode: "0755"}
  loop: "{{ range(5) | list }}"
- ansible.builtin.lineinfile: {path: ~/lines, create: true, regexp: ^a, line: "a {{ 99999 | random }}", mode: "0600"}
- ansible.builtin.wait_for: {path: ~/lines, timeout: 5}
- ansible.builtin.wait_for: {timeout: 1}
- ansible.builtin.file: {path: ~/one, state: absent}
- ansible.builtin.slurp: {src: /etc/services}
""",
    "files": """
- ansible.builtin.copy: {src: "{{ playbook_dir }}/big", dest: "~/big", mode: "0644"}
- ansible.builtin.copy: {content: "{{ 99999 | random }}", dest: "~/big", mode: "0644"}
- ansible.builtin.fetch: {src: /etc/services, dest: "{{ playbook_dir }}/fetched"}
- ansible.builtin.template: {src: "{{ playbook_dir }}/template.j2", dest: ~/rendered}
- ansible.builtin.command: sleep 1
""",
    "folder": """
- hotdesk.sync.folder: {path: "{{ playbook_dir }}/tree", dest: /home/ada/tree, delete: true}
- ansible.builtin.shell: "rm -rf ~/tree/a* && date >~/tree/extra"
- hotdesk.sync.folder: {path: "{{ playbook_dir }}/tree", dest: /home/ada/tree, delete: true}
""",
    "failing": """
- block:
    - ansible.builtin.command: sleep 0.5
    - ansible.builtin.command: /bin/false
      when: inventory_hostname == 'pc1'
    - ansible.builtin.command: sleep 600
      timeout: 1
  rescue:
    - ansible.builtin.command: sleep 0.5
    - ansible.builtin.fail: {msg: on purpose}
  always:
    - ansible.builtin.command: 'true'
""",
}
"""Name -> tasks."""
FAILS = frozenset({"failing"})
"""Exit code 2 without any fault."""


def materials(directory: Path) -> None:
    """What the tasks copy, render and run."""
    script = directory / "script.sh"
    script.write_text("#!/bin/sh\nsleep 1\necho done\n")
    script.chmod(0o755)
    (directory / "big").write_bytes(os.urandom(8 << 20))
    (directory / "template.j2").write_text("{{ inventory_hostname }} {{ 99999 | random }}\n")
    (directory / "tree").mkdir()
    for name in "abc":
        (directory / "tree" / name).mkdir()
        for number in range(40):
            (directory / "tree" / name / f"{number}").write_bytes(os.urandom(100_000))
