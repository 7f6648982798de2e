"""What comes back from a host is data for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.running import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab

EVIL = "{{ lookup('pipe', 'touch OWNED') }}"
TASKS = """
- name: Evil output
  ansible.builtin.command: cat /tmp/evil
  register: evil
- name: Evil fact
  ansible.builtin.set_fact:
    copied: "{{ evil.stdout }}"
    listed: ["{{ evil.stdout }}"]
- name: Evil facts from the host
  ansible.builtin.setup:
    fact_path: /tmp/facts
    gather_subset: ["!all", "!min", "local"]
- name: Evil file name
  ansible.builtin.command: ls /tmp/evil-names
  register: names
- name: Shown
  ansible.builtin.debug:
    msg: "{{ evil.stdout }} {{ copied }} {{ listed }} {{ names.stdout_lines | join(' ') }} {{ ansible_local.evil }} {{ there.copied }}"
  vars:
    there: "{{ hostvars[inventory_hostname] }}"
- name: Looped
  ansible.builtin.command: "true"
  loop: "{{ names.stdout_lines + [evil.stdout, copied] }}"
  loop_control:
    label: "{{ item }}"
- name: Written
  ansible.builtin.copy:
    content: "{{ copied }}"
    dest: /tmp/evil-copy
- name: Conditional
  ansible.builtin.debug:
    msg: yes
  when: copied == evil.stdout
"""


def test_templates_from_a_host_are_never_rendered(lab: Lab, tmp_path: Path) -> None:
    """Output, facts, file names: the text stays text everywhere, and nothing runs on the control node."""
    owned = tmp_path / "owned"
    evil = EVIL.replace("OWNED", str(owned))
    pc = lab["pc1"]
    pc.run("sh", "-c", "mkdir -p /tmp/facts /tmp/evil-names; cat >/tmp/evil", stdin=evil.encode())
    pc.run(
        "sh",
        "-c",
        'cat >/tmp/facts/evil.fact; touch "/tmp/evil-names/{{ 7 * 7 }}"',
        stdin=f'{{"evil": "{evil}"}}'.encode(),
    )
    desk = Desk(lab, tmp_path)
    done = desk.play(desk.playbook(TASKS, hosts="pc1"))
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    assert not owned.exists()
    assert done.results("pc1", "Shown")[0]["msg"].count("lookup(") == 5
    assert "{{ 7 * 7 }}" in done.results("pc1", "Shown")[0]["msg"]
    assert pc.run("cat", "/tmp/evil-copy") == evil
