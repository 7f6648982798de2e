"""The same playbook under ansible-playbook and hotdesk prints the same lines, as far as tools read them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
pytestmark = [
    pytest.mark.ansible,
    pytest.mark.skipif(not ANSIBLE.exists() and not os.environ.get("CI"), reason="ansible-core is not installed"),
]

BOOK = """
- name: First play
  hosts: a
  gather_facts: false
  tasks:
    - {name: Changed, ansible.builtin.command: echo hi}
    - {name: Ok, ansible.builtin.command: echo hi, changed_when: false}
    - {name: Skipped, ansible.builtin.command: echo hi, when: false}
    - {name: Ignored, ansible.builtin.command: /bin/false, ignore_errors: true}
    - {name: Loop, ansible.builtin.command: "test {{ item }} != 2", loop: [1, 2, 3], when: item < 3, ignore_errors: true}
    - {name: Nothing of a loop, ansible.builtin.command: x, loop: [1], when: false}
    - {name: Empty loop, ansible.builtin.command: x, loop: []}
    - {name: Label, ansible.builtin.debug: {msg: "{{ item.a }}"}, loop: [{a: 1}], loop_control: {label: "l {{ item.a }}"}}
    - {name: Msg, ansible.builtin.debug: {msg: [1, {a: b}, "é\\n"]}}
    - {name: Var, ansible.builtin.debug: {var: inventory_hostname}}
    - {name: Quiet debug, ansible.builtin.debug: {msg: x, verbosity: 4}}
    - {name: Assert, ansible.builtin.assert: {that: [true]}}
    - {name: Quiet assert, ansible.builtin.assert: {that: [true], quiet: true}}
    - {name: False assert, ansible.builtin.assert: {that: ["1 == 2"], fail_msg: oops}, ignore_errors: true}
    - {name: Include, ansible.builtin.include_tasks: more.yml}
    - {name: Include each, ansible.builtin.include_tasks: more.yml, loop: [p, q]}
    - {name: Until, ansible.builtin.command: /bin/false, register: r, until: r.rc == 0, retries: 2, delay: 0, ignore_errors: true}
    - {name: Once, ansible.builtin.command: echo, run_once: true}
    - {name: Delegated, ansible.builtin.command: echo, delegate_to: localhost}
    - ansible.builtin.command: echo unnamed
    - {name: Diff, ansible.builtin.lineinfile: {path: "{{ made }}", line: new}, notify: [H1]}
    - {name: No log, ansible.builtin.command: /bin/false, no_log: true, ignore_errors: true}
    - name: A block
      block:
        - {name: Broken, ansible.builtin.fail: {msg: broken}}
      rescue:
        - {name: Rescue, ansible.builtin.debug: {msg: "was {{ ansible_failed_result.msg }}"}}
      always:
        - {name: Always, ansible.builtin.debug: {msg: always}}
    - {name: Gone, ansible.builtin.ping: , delegate_to: gone, ignore_unreachable: true}
    - {name: Stats, ansible.builtin.set_stats: {data: {x: 1, y: [2]}}}
  handlers:
    - {name: H1, ansible.builtin.command: echo}
- name: Second play
  hosts: a:gone
  gather_facts: false
  tasks:
    - {name: End, ansible.builtin.command: sh -c "echo out; exit 3"}
"""
TIMES = re.compile(r'"(delta|start|end|stop)": "[^"]*"')
GONE = re.compile(r'(UNREACHABLE! => \{"changed": false, "msg": ")[^"]*(?:\\"[^"]*)*"')


def lines(text: str) -> list[str]:
    """The output without what must differ: times, the words of a refused connection, explanations of failures, warnings."""
    out, explaining = [], False
    for line in text.splitlines():
        if re.match(r"(PLAY|TASK|RUNNING|fatal:|failed:)", line):
            explaining = False
        elif line.startswith(("[ERROR]", "[WARNING]")):
            explaining = True
        if line and not explaining:
            out.append(GONE.sub(r'\1..."', TIMES.sub(r'"\1": "T"', line)).replace(str(Path.home()), "~"))
    return out


@pytest.mark.parametrize("verbose", [[], ["-v"]])
def test_the_lines_are_ansibles(tmp_path: Path, verbose: list[str]) -> None:
    """Headings, results, JSON, diffs, recap, custom stats, to the letter."""
    (tmp_path / "book.yml").write_text(BOOK)
    (tmp_path / "more.yml").write_text(
        "- {name: More, ansible.builtin.debug: {msg: \"{{ item | default('none') }}\"}}\n"
    )
    python = f"ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts").write_text(
        f"a ansible_connection=local {python}\nlocalhost ansible_connection=local {python}\ngone ansible_host=127.0.0.1 ansible_port=1\n"
    )
    (tmp_path / "ansible.cfg").write_text("[defaults]\nshow_custom_stats = true\nhost_key_checking = false\n")
    env = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    env |= {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONUTF8": "1"}
    seen = []
    for command in ([str(ANSIBLE)], [sys.executable, "-m", "hotdesk", "play"]):
        (tmp_path / "made").write_text("old\n")
        words = [*command, "-i", "hosts", "book.yml", "-D", "-e", f"made={tmp_path}/made", *verbose]
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 4, done.stdout + done.stderr
        seen.append(lines(done.stdout))
    ansible, ours = (
        [line for line in text if not re.match(r"\[a\] ", line)] for text in seen
    )  # live output is ours alone
    tail = next(number for number, line in enumerate(ansible) if line.startswith("TASK [End]")) + 1
    assert ours[:tail] == ansible[:tail]
    assert sorted(ours[tail:]) == sorted(ansible[tail:])  # two hosts end in any order
