"""What needs no host: a big playbook listed, a big inventory printed, the help; beside ansible-playbook and ansible-inventory."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.measured import cell, median, run
from tests.bench.table import Table, judged
from tests.bench.tools import BIN

if TYPE_CHECKING:
    from collections.abc import Sequence

ROLES, TASKS = 50, 40
GROUPS, HOSTS = 100, 50
AIM = 10
"""Times as fast as ansible's."""
HELP = 0.15
"""Seconds."""
TASK = """\
- name: Task {task} of role {role}
  ansible.builtin.copy:
    content: "{{{{ role{role}_v{variable} }}}}"
    dest: /tmp/x{task}
    mode: '0644'
  when: role{role}_v{variable} != ''
  notify: Handler {role}
  tags: [t{variable}]
"""


def parsing(rounds: int) -> tuple[Table, int]:
    """The three. With how many outputs differ."""
    table = Table(
        ("without a host", "hotdesk", "ansible", "at least"), f"Medians of {rounds}; the outputs are the same."
    )
    with TemporaryDirectory(prefix="hotdesk-bench-") as directory:
        base = Path(directory)
        _playbook(base)
        _inventory(base / "inventory")
        (base / "one.yml").write_text("all:\n  hosts:\n    one:\n")
        listed = ["-i", str(base / "one.yml"), "--list-tasks", str(base / "site.yml")]
        printed = ["-i", str(base / "inventory"), "--list"]
        differ = _pair(
            table,
            f"{ROLES * TASKS:,} tasks in {ROLES} roles listed",
            ["play", *listed],
            ["ansible-playbook", *listed],
            rounds,
        )
        differ += _pair(
            table,
            f"an inventory of {GROUPS * HOSTS:,} hosts printed",
            ["inventory", *printed],
            ["ansible-inventory", *printed],
            rounds,
        )
    helped = median([run([str(BIN / "hotdesk"), "--help"]) for _ in range(3 * rounds)])
    table.add(
        "`hotdesk --help`",
        cell(helped, helped),
        "",
        f"below {HELP} s" if helped.wall < HELP else f"**below {HELP} s: missed**",
    )
    return table, differ


def _pair(table: Table, name: str, ours: Sequence[str], theirs: Sequence[str], rounds: int) -> int:
    turns = [[run([str(BIN / argv[0]), *argv[1:]]) for argv in (("hotdesk", *ours), theirs)] for _ in range(rounds)]
    mine, other = (median([turn[which] for turn in turns]) for which in (0, 1))
    table.add(name, cell(mine, mine), cell(other, mine), judged(other.wall / mine.wall, AIM))
    differs = mine.output.strip() != other.output.strip()
    if differs:
        print(f"ANOTHER OUTPUT: {name}", flush=True)
    return int(differs)


def _playbook(base: Path) -> None:
    for role in range(ROLES):
        folder = base / "roles" / f"role{role}"
        for part, text in (
            ("defaults", "".join(f"role{role}_v{number}: value {number}\n" for number in range(10))),
            ("handlers", f"- name: Handler {role}\n  ansible.builtin.command: 'true'\n"),
            ("tasks", "".join(TASK.format(task=task, role=role, variable=task % 10) for task in range(TASKS))),
        ):
            (folder / part).mkdir(parents=True)
            (folder / part / "main.yml").write_text(text)
    roles = "".join(f"    - role{role}\n" for role in range(ROLES))
    (base / "site.yml").write_text(f"- name: Site\n  hosts: all\n  gather_facts: false\n  roles:\n{roles}")


def _inventory(base: Path) -> None:
    (base / "group_vars").mkdir(parents=True)
    (base / "group_vars/all.yml").write_text("".join(f"all_v{number}: value {number}\n" for number in range(20)))
    lines = ["all:", "  children:"]
    for group in range(GROUPS):
        lines += [f"    group{group}:", "      hosts:"]
        for host in range(HOSTS):
            lines += [f"        host{group}-{host}:", f"          address: 10.{group}.0.{host}"]
        values = "".join(f"group_v{number}: value {number} of {group}\n" for number in range(10))
        (base / "group_vars" / f"group{group}.yml").write_text(values)
    (base / "hosts.yml").write_text("\n".join(lines) + "\n")
