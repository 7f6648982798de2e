"""What is done on the hosts, as data: a playbook's tasks, the same operations for pyinfra, how many of each work's tasks change a host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """``aims``: number of hosts (0: any) -> peer -> how many times as long as hotdesk it should take at least."""

    name: str
    tasks: str
    """YAML, indented as below ``tasks:``."""
    count: int
    hosts: tuple[int, ...]
    aims: Mapping[int, Mapping[str, float]]
    peers: tuple[str, ...]
    pyinfra: str = ""
    """Its operations, in Python."""

    @property
    def playbook(self) -> str:
        """The play; each host has a folder of its own in the home that all names share."""
        variables = "".join(
            f"    {name}: \"{{{{ lookup('env', '{variable}') }}}}{rest}\"\n"
            for name, variable, rest in (
                ("there", "BENCH_HOME", "/{{ inventory_hostname }}"),
                ("own_group", "BENCH_GROUP", ""),
            )
        )
        return f"- name: {self.name}\n  hosts: all\n  gather_facts: false\n  vars:\n{variables}  tasks:\n{self.tasks}"


def _task(action: str, **options: object) -> str:
    lines = "".join(f"        {name}: {value}\n" for name, value in options.items())
    return f"    - name: {action}\n      ansible.builtin.{action}:\n{lines}"


def commands(count: int, hosts: tuple[int, ...], aims: Mapping[int, Mapping[str, float]]) -> Work:
    """N times the least that a command can do."""
    return Work(
        name=f"{count} commands", count=count, hosts=hosts, aims=aims, peers=("bare", "pyinfra", "ansible"),
        tasks="    - name: A command\n      ansible.builtin.command: 'true'\n      changed_when: false\n" * count,
        pyinfra="from pyinfra.operations import server\n" + "".join(f"server.shell(name='c{n}', commands=['true'])\n" for n in range(count)),
    )  # fmt: skip


_FOLDER = _task("file", path='"{{ there }}"', state="directory", mode="'0755'")
_GONE = _task("file", path='"{{ there }}"', state="absent")
_FILES = _FOLDER + "".join(
    _task("copy", content=f'"text {number}\\n"', dest=f'"{{{{ there }}}}/{number}"', mode="'0644'")
    + _task("lineinfile", path=f'"{{{{ there }}}}/{number}"', line=f'"line {number}"')
    for number in range(10)
) + _GONE  # fmt: skip
_PYINFRA_FILES = """\
import os
from io import StringIO
from pyinfra import host
from pyinfra.operations import files
there = f"{os.environ['BENCH_HOME']}/{host.name}"
files.directory(path=there, mode="755")
for number in range(10):
    files.put(src=StringIO(f"text {number}\\n"), dest=f"{there}/{number}", mode="644")
    files.line(path=f"{there}/{number}", line=f"line {number}")
files.directory(path=there, present=False)
"""
# What an ordinary user may do; cron(1) is not everywhere, and user and group change nothing.
_MODULES = _FOLDER + _task("copy", content='"one\\ntwo\\n"', dest='"{{ there }}/text"', mode="'0644'") + "".join(
    _task("find", paths='"{{ there }}"', patterns="'*'")
    + _task("replace", path='"{{ there }}/text"', regexp="'^one.*'", replace=f"'one {number}'")
    + _task("blockinfile", path='"{{ there }}/text"', block=f"'block {number}'", marker=f"'# {{mark}} {number}'")
    + _task("getent", database="passwd", key="root")
    + _task("user", name='"{{ ansible_user }}"')
    + _task("group", name='"{{ own_group }}"')
    for number in range(6)
) + _task("package_facts", manager="auto") + _GONE  # fmt: skip

WORKS = (
    commands(20, (1, 5, 25), {1: {"ansible": 10}, 5: {"ansible": 20}, 25: {"ansible": 50, "bare": 1}}),
    commands(100, (25,), {25: {"ansible": 100, "bare": 3}}),
    Work(
        name="file, 10 x (copy, lineinfile), absent", tasks=_FILES, count=22, hosts=(25,), pyinfra=_PYINFRA_FILES,
        peers=("pyinfra", "mitogen", "ansible"), aims={25: {"ansible": 30, "mitogen": 10, "pyinfra": 3}},
    ),
    Work(
        name="40 tasks, most over modules of ansible-core", tasks=_MODULES, count=40, hosts=(10,),
        peers=("mitogen", "ansible"), aims={10: {"ansible": 8}},
    ),
    Work(
        name="facts", tasks="    - name: Facts\n      ansible.builtin.setup:\n", count=1, hosts=(25,),
        peers=("mitogen", "ansible"), aims={25: {"ansible": 5}},
    ),
)  # fmt: skip
